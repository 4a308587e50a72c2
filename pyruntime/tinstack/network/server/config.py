"""Configuration of the network service (``/etc/tinstack/network.toml``)."""

import msgspec

from tinstack.core.config import ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``network_type``: of networks whose maker names none. ``vxlan_ranges``, ``gre_ranges``: segments, both ends included;
    ``vlan_ranges``: physical network → ranges; ``flat_networks``: physical networks that may be used untagged.
    ``physical_mtu``: of the hosts' interfaces; overlays take 50 bytes (VXLAN) or 42 (GRE) of it.

    An agent is shown dead after ``agent_down_seconds`` without a report; what it serves (DHCP, routers) goes to another host
    after ``reschedule_seconds``. ``quotas``: defaults that differ from the built-in ones (-1: no limit).
    ``network_hosts``: the only ones whose agents may serve DHCP, routers and metadata: these see other hosts' guests.
    ``metadata_secret``: each host's metadata key is made from it (the first);
    ``metadata_url``: where hosts send guests' requests.
    """

    network_type: str = "vxlan"
    vxlan_ranges: list[tuple[int, int]] = msgspec.field(default_factory=lambda: [(1, 65535)])
    gre_ranges: list[tuple[int, int]] = msgspec.field(default_factory=lambda: [(1, 65535)])
    vlan_ranges: dict[str, list[tuple[int, int]]] = msgspec.field(default_factory=lambda: {"physnet1": [(100, 999)]})
    flat_networks: list[str] = msgspec.field(default_factory=lambda: ["physnet1"])
    physical_mtu: int = 1500
    dns_domain: str = "openstacklocal"
    agent_down_seconds: float = 75.0
    reschedule_seconds: float = 150.0
    quotas: dict[str, int] = {}
    network_hosts: list[str] = []
    metadata_secret: str = ""
    metadata_url: str = "http://127.0.0.1:8775"
