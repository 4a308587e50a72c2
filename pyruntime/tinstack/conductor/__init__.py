"""The only way to the compute database for hosts; the reconciler."""
