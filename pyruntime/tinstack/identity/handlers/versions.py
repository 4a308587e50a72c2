"""Version discovery. Source: Identity API v3 reference, "API versions"."""

from typing import Any

from tinstack.core.http import Request, Response
from tinstack.identity.identity import Identity


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.root_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


async def index(request: Request, identity: Identity) -> Response:
    """All versions: 300, as there is a choice."""
    return Response(300, {"versions": {"values": [_version(request)]}}, headers={"Location": f"{request.root_url}/v3/"})


async def show(request: Request, identity: Identity) -> object:
    """Version 3."""
    return {"version": _version(request)}
