"""What this process counts and times, for a Prometheus that asks: tallies (no library, no lock), the families, the port."""
