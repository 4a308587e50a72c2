"""The version documents. Source: compute API reference, "API Versions"."""

from typing import Any

from tinstack.api.views import Body
from tinstack.core.http import Request, V

MINIMUM, MAXIMUM = V(2, 1), V(2, 96)

_DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"id": "v2.0", "path": "/v2/", "status": "SUPPORTED", "updated": "2011-01-21T11:33:21Z"},
    {"id": "v2.1", "path": "/v2.1/", "status": "CURRENT", "updated": "2013-07-23T11:33:21Z"},
)


def _listed(one: dict[str, Any], request: Request) -> Body:
    current = one["id"] == "v2.1"
    return {
        "id": one["id"],
        "status": one["status"],
        "version": str(MAXIMUM) if current else "",
        "min_version": str(MINIMUM) if current else "",
        "updated": one["updated"],
        "links": [{"rel": "self", "href": request.root_url + one["path"]}],
    }


def _shown(one: dict[str, Any], request: Request) -> Body:
    shown = _listed(one, request)
    shown["links"].append({"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"})
    media = "2.1" if one["id"] == "v2.1" else "2"
    shown["media-types"] = [
        {"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={media}"}
    ]
    return {"version": shown}


async def index(request: Request, service: object) -> Body:
    """``GET /``: v2.0 first."""
    return {"versions": [_listed(one, request) for one in _DOCUMENTS]}


async def show_v2(request: Request, service: object) -> Body:
    """``GET /v2/``."""
    return _shown(_DOCUMENTS[0], request)


async def show_v2_1(request: Request, service: object) -> Body:
    """``GET /v2.1/``."""
    return _shown(_DOCUMENTS[1], request)
