"""The compute database, for api and conductor only."""
