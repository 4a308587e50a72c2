"""Placement's errors: codes are append-only. Source: Placement API reference, Errors; API-SIG guideline on errors."""

import msgspec

from tinstack.core.errors import ApiError, BadRequest, Conflict, NotFound
from tinstack.core.http import Request
from tinstack.core.http.app import Rendered

UNDEFINED = "placement.undefined_code"


class PlacementNotFound(NotFound):
    code = UNDEFINED


class Invalid(BadRequest):
    code = UNDEFINED


class QueryDuplicate(BadRequest):
    code, message = "placement.query.duplicate_key", "The query parameter '{name}' may be given once."


class QueryBad(BadRequest):
    code = "placement.query.bad_value"


class QueryMissing(BadRequest):
    code, message = "placement.query.missing_value", "The query parameter '{name}' is missing."


class ConcurrentUpdate(Conflict):
    """409: the generation that the request names is not the current one; read again and repeat."""

    code = "placement.concurrent_update"
    message = "{kind} {id} has another generation than the request says: read it again and repeat the request."


class DuplicateName(Conflict):
    code, message = "placement.duplicate_name", "Conflicting resource provider name: {name} already exists."


class InventoryInUse(Conflict):
    code = "placement.inventory.inuse"
    message = "Inventory for '{classes}' on resource provider '{id}' in use."


class ProviderInUse(Conflict):
    code = "placement.resource_provider.inuse"
    message = "Unable to delete resource provider {id}: it has allocations."


class ProviderHasChildren(Conflict):
    code = "placement.resource_provider.cannot_delete_parent"
    message = "Unable to delete parent resource provider {id}: it has child resource providers."


class ClassInUse(Conflict):
    code, message = UNDEFINED, "Cannot delete resource class {name}: it is in use by inventory."


class TraitInUse(Conflict):
    code, message = UNDEFINED, "The trait {name} is in use by a resource provider."


class DoesNotFit(Conflict):
    """409: the claim asks for more than is free, or for an amount that the inventory does not sell."""

    code = UNDEFINED
    message = "Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider '{id}'. {why}"


def render(error: ApiError, request: Request | None) -> Rendered:
    """``{"errors": [{status, title, detail, request_id, code}]}``; ``code`` from 1.23."""
    body = {"status": error.status, "title": error.title, "detail": error.text}
    if request is not None:
        body["request_id"] = request.request_id
        if request.at_least(1, 23):
            body["code"] = error.code if error.code.startswith("placement.") else UNDEFINED
    if error.status == 406:
        body["max_version"], body["min_version"] = "1.39", "1.0"
    return Rendered("application/json", msgspec.json.encode({"errors": [body]}))


def violation(path: str, message: str, value: object) -> ApiError:
    """400 for a body that its schema refuses."""
    return Invalid(f"JSON does not validate: {message}" + (f" Failed validating at '{path}'." if path else ""))
