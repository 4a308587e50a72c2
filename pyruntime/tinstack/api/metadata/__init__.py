"""The metadata service: what guests ask for at 169.254.169.254, proxied and signed by hosts."""
