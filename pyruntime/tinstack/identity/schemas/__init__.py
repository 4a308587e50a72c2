"""JSON schemas of request bodies. Source: Identity API v3 reference."""
