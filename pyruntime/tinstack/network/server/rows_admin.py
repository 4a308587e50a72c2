"""Rows of what operators set up for all projects."""

import msgspec

from tinstack.network.server.rows import Standard

PARENT = "PARENT"
"""``remote_group_id`` of a default rule: the group that the rule is made in."""


class Flavor(Standard, kw_only=True):
    """A choice of how a service is made."""

    service_type: str
    enabled: bool = True


class ServiceProfile(Standard, kw_only=True):
    """How a service is made: by which driver, with what settings."""

    driver: str = ""
    metainfo: str = ""
    enabled: bool = True


class FlavorProfile(msgspec.Struct, frozen=True):
    """A profile of a flavor."""

    flavor_id: str
    profile_id: str


class DefaultRule(Standard, kw_only=True):
    """A rule that new security groups get: the default group of a project, the others, or all of them."""

    direction: str
    ethertype: str
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
    used_in_default_sg: bool = False
    used_in_non_default_sg: bool = True


class SegmentRange(Standard, kw_only=True):
    """Segments, both ends included, from which networks of a project (or, shared, of all) get theirs."""

    shared: bool = True
    network_type: str
    physical_network: str = ""
    minimum: int
    maximum: int


class Segment(Standard, kw_only=True):
    """A segment of a network: the one that it is made with, or one more."""

    network_id: str
    network_type: str
    physical_network: str | None = None
    segmentation_id: int | None = None


class Log(Standard, kw_only=True):
    """What is to be logged: of a group (``resource_id``, none: of all) at a port (``target_id``, none: at all)."""

    resource_type: str
    resource_id: str | None = None
    target_id: str | None = None
    event: str = "ALL"
    enabled: bool = True
