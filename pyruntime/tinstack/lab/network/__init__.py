"""`network show`: a port's path hop by hop, from what the network service wants (its API) and what the hosts have (over SSH)."""
