"""Versions and extensions. Source: Network API reference, API versions and Extensions."""

from tinstack.core.errors import NotFound
from tinstack.core.http import Request
from tinstack.network.server.extensions import EXTENSIONS, UPDATED
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.parts import Parts

RESOURCES = (
    "networks",
    "subnets",
    "subnetpools",
    "ports",
    "routers",
    "floatingips",
    "security-groups",
    "security-group-rules",
    "rbac-policies",
    "address-scopes",
    "address-groups",
    "trunks",
    "agents",
    "quotas",
    "availability_zones",
    "network-ip-availabilities",
    "extensions",
)


class ExtensionNotFound(NotFound):
    code, message = "network.extension.not_found", "Extension with alias {alias} does not exist"


async def versions(request: Request, parts: Parts) -> Body:
    """The one version."""
    link = {"rel": "self", "href": f"{request.root_url}/v2.0/"}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


async def version(request: Request, parts: Parts) -> Body:
    """What collections there are."""
    root = f"{request.root_url}/v2.0"
    return {
        "resources": [
            {
                "name": name.replace("-", "_").removesuffix("s"),
                "collection": name.replace("-", "_"),
                "links": [{"rel": "self", "href": f"{root}/{name}"}],
            }
            for name in RESOURCES
        ]
    }


def _extension(alias: str) -> Body:
    name, description = EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": description, "updated": UPDATED, "links": []}


async def extensions(request: Request, parts: Parts) -> Body:
    """Everything beyond the core that is there."""
    return {"extensions": [_extension(alias) for alias in EXTENSIONS]}


async def extension(request: Request, parts: Parts) -> Body:
    """One extension."""
    alias = request.path["alias"]
    if alias not in EXTENSIONS:
        raise ExtensionNotFound(alias=alias)
    return {"extension": _extension(alias)}
