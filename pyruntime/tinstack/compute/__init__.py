"""The host's agent that runs servers."""
