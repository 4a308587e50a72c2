"""Bridges, VXLAN, DHCP, routers, NAT, metadata on one host."""
