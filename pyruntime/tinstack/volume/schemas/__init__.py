"""JSON schemas of requests."""
