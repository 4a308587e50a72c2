"""Resource providers, inventories and allocations (Placement API)."""
