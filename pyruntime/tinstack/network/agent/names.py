"""Names of what the agent makes on a host. What carries such a name is the agent's; nothing else is ever touched."""

import hashlib
import re

METADATA_IP, METADATA_IP6 = "169.254.169.254", "fe80::a9fe:a9fe"
TABLE = "tinstack"
"""The nftables table, one per family and namespace."""

OURS = re.compile(r"(?:br|vx|vl|tap|qr-|qg-)[0-9a-f]{8}-[0-9a-f]{2}|gr[0-9a-f]{6}-[0-9a-f]{6}")
"""Interfaces: bridge, VXLAN, VLAN, tap or DHCP port, router port, router gateway, GRE tunnel."""

PORT = re.compile(r"(?:tap|qr-|qg-)[0-9a-f]{8}-[0-9a-f]{2}")
"""Interfaces that are named by the network service (``WantedPort.device``)."""

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SPACE = re.compile(rf"(?:router|dhcp)-{UUID.pattern}")
"""Network namespaces."""

SPACE_UNIT = "tinstack-netns@{}.service"
DHCP_UNIT = "tinstack-dhcp@{}.service"
ADVERTISING_UNIT = "tinstack-ra@{}.service"


def bridge(network_id: str) -> str:
    """A network's bridge."""
    return f"br{network_id[:11]}"


def vxlan(network_id: str) -> str:
    """A network's VXLAN interface."""
    return f"vx{network_id[:11]}"


def vlan(network_id: str) -> str:
    """A network's VLAN interface on its physical network's interface."""
    return f"vl{network_id[:11]}"


def tunnel(network_id: str, peer: str) -> str:
    """A network's GRE tunnel to one peer (GRE has no list of peers, so there is one tunnel for each)."""
    return f"gr{network_id[:6]}-{hashlib.blake2b(peer.encode(), digest_size=3).hexdigest()}"


def router_space(router_id: str) -> str:
    """A router's namespace."""
    return f"router-{router_id}"


def dhcp_space(network_id: str) -> str:
    """The namespace in which a network's DHCP server runs."""
    return f"dhcp-{network_id}"
