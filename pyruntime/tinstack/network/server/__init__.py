"""The Network API v2.0, IPAM, and what each host should look like."""
