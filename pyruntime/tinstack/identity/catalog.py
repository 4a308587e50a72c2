"""The service catalog as it stands in tokens."""

import re
from typing import Any

from tinstack.identity.snapshot import Snapshot

_PLACEHOLDER = re.compile(r"[$%]\((project_id|tenant_id)\)s")


def catalog_for(snapshot: Snapshot, project_id: str | None) -> list[dict[str, Any]]:
    """Enabled services with their enabled endpoints. A URL that names the project is left out where there is none."""
    by_service: dict[str, list[dict[str, Any]]] = {}
    for endpoint in snapshot.endpoints.values():
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
        if service.enabled
    ]
