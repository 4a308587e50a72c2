"""Rows of what projects share with each other, and of trunks."""

import msgspec

from tinstack.network.server.rows import DOWN, Owned, Standard


class RbacPolicy(Owned, kw_only=True):
    """``target`` (a project, or ``*``) may use the object. ``action``: access_as_shared or access_as_external."""

    object_type: str
    object_id: str
    action: str
    target: str


class AddressScope(Owned, kw_only=True):
    """Subnet pools of a scope don't overlap. ``shared``: with all projects."""

    name: str = ""
    ip_version: int
    shared: bool = False


class AddressGroup(Standard, kw_only=True):
    """Prefixes that rules of security groups may name. ``shared``: with all projects."""

    addresses: list[str] = []
    shared: bool = False


class QosPolicy(Standard, kw_only=True):
    """``default_for``: the project whose networks have it unless they say otherwise. ``shared``: with all projects."""

    shared: bool = False
    default_for: str | None = None


class QosRule(Owned, kw_only=True):
    """``kind``: as in the API; ``direction``: '' where it has none; ``rate``, ``burst``: in the kind's unit (kbit/s, kpackets/s)."""

    policy_id: str
    kind: str
    direction: str = ""
    rate: int
    burst: int = 0


class Trunk(Standard, kw_only=True):
    """A port that carries others' traffic, told apart by their segments."""

    port_id: str
    admin_state_up: bool = True
    status: str = DOWN


class SubPort(msgspec.Struct, kw_only=True, frozen=True):
    """A port of a trunk."""

    port_id: str
    trunk_id: str
    segmentation_type: str
    segmentation_id: int
