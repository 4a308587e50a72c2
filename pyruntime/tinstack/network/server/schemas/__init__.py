"""What a body may hold, one module per noun of the Network API."""
