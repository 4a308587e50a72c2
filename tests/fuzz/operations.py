"""Every operation of every service with the schemas of its bodies, made from the route tables themselves."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from tinstack.core.http import Route, V, Version
from tinstack.core.http.routes import Schema, SchemaVersions
from tinstack.network.server.bodies import Kind

Json = dict[str, Any]


class Service(NamedTuple):
    """``key``: its name in the configuration; ``root``: the prefix of its routes; ``newest``: its last microversion."""

    key: str
    type: str
    module: str
    root: str
    oldest: Version | None
    newest: Version | None


SERVICES = (
    Service("identity", "identity", "tinstack.identity.routes", "/v3", None, None),
    Service("api", "compute", "tinstack.api.routes", "/v2.1", V(2, 1), V(2, 96)),
    Service("image", "image", "tinstack.image.routes", "", None, None),
    Service("network", "network", "tinstack.network.server.routes", "", None, None),
    Service("volume", "volume", "tinstack.volume.routes", "/v3", V(3, 0), V(3, 70)),
    Service("placement", "placement", "tinstack.placement.routes", "", V(1, 0), V(1, 39)),
)

_IMAGE: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "disk_format": {"enum": ["raw", "qcow2", "iso"]},
        "container_format": {"enum": ["bare"]},
        "visibility": {"enum": ["private", "shared", "community", "public"]},
        "min_disk": {"type": "integer"},
        "min_ram": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "protected": {"type": "boolean"},
    },
}
_CHANGE: Json = {
    "type": "object",
    "properties": {
        "op": {"enum": ["add", "replace", "remove"]},
        "path": {"enum": ["/name", "/tags", "/colour", "/visibility", "/min_ram", "/protected", "/a~1b", "/size"]},
        "value": {},
    },
    "required": ["op", "path", "value"],
}
HANDLED: dict[tuple[str, str], Json] = {
    ("POST", "/v2/images"): _IMAGE,
    ("PATCH", "/v2/images/{image_id}"): {"type": "array", "items": _CHANGE, "minItems": 1, "maxItems": 4},
}
"""Bodies that a handler reads by rules of its own."""


class Operation(NamedTuple):
    """One line of a route table. ``missing``: it answers 501, and the ledger does not list it."""

    service: Service
    method: str
    path: str
    route: Route
    schemas: tuple[Json, ...]
    missing: bool

    @property
    def name(self) -> str:
        """``POST /v2.1/servers``, with an action's name behind it."""
        return " ".join(filter(None, (self.method, self.path, self.route.action)))


def operations() -> list[Operation]:
    """All of them."""
    kinds = _kinds()
    return [
        Operation(
            service,
            route.method,
            path,
            route,
            tuple(_schemas(service, route, kinds)),
            route.handler.__name__ == "missing",
        )
        for service in SERVICES
        for path, route in _routes(service)
    ]


def _routes(service: Service) -> Iterator[tuple[str, Route]]:
    module = importlib.import_module(service.module)
    for route in module.ROUTES:
        yield service.root + route.path, route
    for route in getattr(module, "VERSIONS", []):
        yield route.path or "/", route


def _schemas(service: Service, route: Route, kinds: dict[str, Kind]) -> Iterator[Json]:
    if (route.method, route.path) in HANDLED:
        yield HANDLED[route.method, route.path]
    if service.key == "network" and route.method in ("POST", "PUT"):
        kind = kinds.get(_collection(route.path))
        if kind:
            creating = route.method == "POST"
            document = (kind._create_schema if creating else kind._update_schema).document
            inner = {**document, "required": list(kind._required) if creating else []}
            yield {"type": "object", "properties": {kind.singular: inner}, "required": [kind.singular]}
            if creating:
                many = {"type": "array", "items": inner, "minItems": 1, "maxItems": 3}
                yield {"type": "object", "properties": {kind.plural: many}, "required": [kind.plural]}
    if isinstance(route.body, SchemaVersions):
        for _, schema in route.body._bands:
            if isinstance(schema, Schema) and schema.document:
                yield schema.document


def _collection(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    return parts[-1].replace("-", "_") if parts else ""


def _kinds() -> dict[str, Kind]:
    """Plural → bodies, as the schemas' modules have them."""
    package = importlib.import_module("tinstack.network.server.schemas")
    found: dict[str, Kind] = {}
    for path in package.__path__:
        for file in sorted(__import__("pathlib").Path(path).glob("*.py")):
            module = importlib.import_module(f"{package.__name__}.{file.stem}")
            for _, value in inspect.getmembers(module, lambda one: isinstance(one, Kind)):
                found.setdefault(value.plural, value)
    return found
