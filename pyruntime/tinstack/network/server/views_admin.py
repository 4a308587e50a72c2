"""What operators set up for all projects, as public JSON. Source: Network API reference, the response tables of each section."""

from collections.abc import Mapping, Sequence
from itertools import islice

from tinstack.core.clock import iso
from tinstack.network.server.rows import Standard
from tinstack.network.server.rows_admin import DefaultRule, Flavor, Log, Segment, SegmentRange, ServiceProfile
from tinstack.network.server.views import Body

MOST_NUMBERS = 10_000
"""So many of a range's free numbers are shown: a range may have thousands of millions."""


def _changed(row: Standard) -> Body:
    return {
        "revision_number": row.revision_number,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }


def flavor(row: Flavor, profile_ids: Sequence[str]) -> Body:
    """A flavor with the ids of its profiles."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "service_type": row.service_type,
        "service_profiles": profile_ids,
        "enabled": row.enabled,
    }


def service_profile(row: ServiceProfile) -> Body:
    """A service profile."""
    return {
        "id": row.id,
        "description": row.description,
        "driver": row.driver,
        "metainfo": row.metainfo,
        "enabled": row.enabled,
    }


def default_rule(row: DefaultRule) -> Body:
    """A rule that new groups get; ``remote_group_id`` PARENT is the group itself."""
    return {
        "id": row.id,
        "description": row.description,
        "direction": row.direction,
        "ethertype": row.ethertype,
        "protocol": row.protocol,
        "port_range_min": row.port_range_min,
        "port_range_max": row.port_range_max,
        "remote_ip_prefix": row.remote_ip_prefix,
        "remote_group_id": row.remote_group_id,
        "remote_address_group_id": row.remote_address_group_id,
        "used_in_default_sg": row.used_in_default_sg,
        "used_in_non_default_sg": row.used_in_non_default_sg,
        **_changed(row),
    }


def segment_range(row: SegmentRange, used: Mapping[int, str], *, default: bool) -> Body:
    """``used``: segment → project, of those in the range; ``default``: from the configuration."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "project_id": row.project_id or None,
        "tenant_id": row.project_id or None,
        "default": default,
        "shared": row.shared,
        "network_type": row.network_type,
        "physical_network": row.physical_network or None,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "used": {str(number): project for number, project in sorted(used.items())},
        "available": list(
            islice((number for number in range(row.minimum, row.maximum + 1) if number not in used), MOST_NUMBERS)
        ),
        "tags": row.tags,
        **_changed(row),
    }


def segment(row: Segment) -> Body:
    """A segment of a network."""
    return {
        "id": row.id,
        "name": row.name or None,
        "description": row.description,
        "network_id": row.network_id,
        "network_type": row.network_type,
        "physical_network": row.physical_network,
        "segmentation_id": row.segmentation_id,
        **_changed(row),
    }


def provider(row: Segment) -> Body:
    """As its network tells of it."""
    return {
        "provider:network_type": row.network_type,
        "provider:physical_network": row.physical_network,
        "provider:segmentation_id": row.segmentation_id,
    }


def log(row: Log) -> Body:
    """What is to be logged."""
    return {
        "id": row.id,
        "project_id": row.project_id,
        "tenant_id": row.project_id,
        "name": row.name,
        "description": row.description,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "target_id": row.target_id,
        "event": row.event,
        "enabled": row.enabled,
        **_changed(row),
    }
