"""Rows of metering and of what routers do for ports."""

from tinstack.network.server.rows import Standard


class MeteringLabel(Standard, kw_only=True):
    """A name for traffic that is to be counted."""

    shared: bool = False


class MeteringLabelRule(Standard, kw_only=True):
    """Which traffic a label counts, or leaves out (``excluded``)."""

    metering_label_id: str
    direction: str = "ingress"
    excluded: bool = False
    remote_ip_prefix: str | None = None
    source_ip_prefix: str | None = None
    destination_ip_prefix: str | None = None


class PortForwarding(Standard, kw_only=True):
    """Ports of a floating IP that lead to ports of an address inside. Both ends are included; None: a protocol without ports."""

    floatingip_id: str
    router_id: str
    internal_port_id: str
    internal_ip_address: str
    internal_start: int | None = None
    internal_end: int | None = None
    external_start: int | None = None
    external_end: int | None = None
    protocol: str


class ConntrackHelper(Standard, kw_only=True):
    """A connection tracker's helper in a router (``tftp`` on UDP port 69, say)."""

    router_id: str
    protocol: str
    port: int
    helper: str


class NdpProxy(Standard, kw_only=True):
    """An inside IPv6 address for which a router answers neighbours outside."""

    router_id: str
    port_id: str
    ip_address: str
