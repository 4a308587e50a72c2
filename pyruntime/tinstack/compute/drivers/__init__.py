"""Hypervisors behind one small interface."""
