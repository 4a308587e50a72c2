"""JSON schemas of requests, per microversion."""
