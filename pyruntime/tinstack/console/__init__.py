"""Guests' consoles for browsers."""
