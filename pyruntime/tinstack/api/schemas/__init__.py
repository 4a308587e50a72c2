"""JSON schemas of request bodies and queries, by microversion; data only."""
