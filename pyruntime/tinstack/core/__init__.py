"""What every service stands on: HTTP, tokens, policy, bus, database, traces and operations."""
