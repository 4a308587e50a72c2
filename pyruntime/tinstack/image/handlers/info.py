"""Versions, schemas and what the service offers."""

from tinstack.core.errors import NotFound
from tinstack.core.http import Request, Response
from tinstack.image import views
from tinstack.image.config import DEFAULT_STORE
from tinstack.image.files import CHUNK
from tinstack.image.imports import METHODS
from tinstack.image.parts import Parts
from tinstack.image.schemas.images import SHOWN

CURRENT = "2.15"
SUPPORTED = ["2.13", "2.12", "2.11", "2.10", "2.9", "2.8", "2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0"]


async def versions(request: Request, parts: Parts) -> Response:
    """The versions document: 300 at the root, 200 where it was asked for by name."""
    links = [{"rel": "self", "href": f"{request.root_url}/v2/"}]
    shown = [
        {"id": f"v{number}", "status": "CURRENT" if number == CURRENT else "SUPPORTED", "links": links}
        for number in [CURRENT, *SUPPORTED]
    ]
    status = 200 if request.asgi.path.rstrip("/").endswith("versions") else 300
    return Response(status, {"versions": shown})


async def schema(request: Request, parts: Parts) -> views.Body:
    """A JSON schema by name."""
    found = SHOWN.get(request.path["name"])
    if found is None:
        raise NotFound
    return found


def _shown(parts: Parts, name: str) -> views.Body:
    shown: views.Body = {"id": name, "description": parts.stores.configs[name].description}
    return shown | {"default": "true"} if name == DEFAULT_STORE else shown


async def stores(request: Request, parts: Parts) -> views.Body:
    """The stores by name."""
    return {"stores": [_shown(parts, name) for name in parts.stores.names]}


async def stores_detail(request: Request, parts: Parts) -> views.Body:
    """The stores with their properties, for operators."""
    found = []
    for name in parts.stores.names:
        config = parts.stores.configs[name]
        properties = {"data_dir": config.directory, "chunk_size": CHUNK, "thin_provisioning": False}
        found.append({**_shown(parts, name), "type": "file", "weight": config.weight, "properties": properties})
    return {"stores": found}


async def import_methods(request: Request, parts: Parts) -> views.Body:
    """Ways of importing."""
    return {"import-methods": {"description": "Import methods available.", "type": "array", "value": METHODS}}
