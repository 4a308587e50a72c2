"""Networks: the server (API, IPAM) and the agents on hosts."""
