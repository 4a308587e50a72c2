"""The service catalog as it stands in tokens."""

import re
from typing import Any

from tinstack.identity.rows import Endpoint, EndpointGroup
from tinstack.identity.snapshot import Snapshot

_PLACEHOLDER = re.compile(r"[$%]\((project_id|tenant_id)\)s")


def matches(group: EndpointGroup, endpoint: Endpoint) -> bool:
    """Whether the endpoint is one of the group."""
    return all(getattr(endpoint, name) == wanted for name, wanted in group.filters.items())


def endpoints_of(snapshot: Snapshot, project_id: str | None) -> list[Endpoint] | None:
    """The endpoints that are named for a project, one by one or by groups; None where nothing is, so that all count."""
    ids = {pair.endpoint_id for pair in snapshot.project_endpoints if pair.project_id == project_id}
    named = {pair.endpoint_group_id for pair in snapshot.project_endpoint_groups if pair.project_id == project_id}
    if not ids and not named:
        return None
    groups = [group for group in snapshot.endpoint_groups.values() if group.id in named]
    return [one for one in snapshot.endpoints.values() if one.id in ids or any(matches(group, one) for group in groups)]


def catalog_for(snapshot: Snapshot, project_id: str | None) -> list[dict[str, Any]]:
    """Enabled services with their enabled endpoints: those named for the project where any are, else all.

    A URL that names the project is left out where there is none.
    """
    by_service: dict[str, list[dict[str, Any]]] = {}
    named = endpoints_of(snapshot, project_id)
    for endpoint in snapshot.endpoints.values() if named is None else named:
        if not endpoint.enabled or (project_id is None and _PLACEHOLDER.search(endpoint.url)):
            continue
        shown = {
            "id": endpoint.id,
            "interface": endpoint.interface,
            "region": endpoint.region_id,
            "region_id": endpoint.region_id,
            "url": _PLACEHOLDER.sub(project_id or "", endpoint.url),
        }
        by_service.setdefault(endpoint.service_id, []).append(shown)
    return [
        {"id": service.id, "name": service.name, "type": service.type, "endpoints": by_service.get(service.id, [])}
        for service in snapshot.services.values()
        if service.enabled and (named is None or service.id in by_service)
    ]
