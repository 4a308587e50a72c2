"""Filters, weighers and claims."""
