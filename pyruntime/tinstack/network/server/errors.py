"""The network API's errors: ``{"NeutronError": {"type", "message", "detail"}}`` with Neutron's type names.

An error's class name is its type. Errors of ``core`` have theirs in a table below.
"""

import msgspec

from tinstack.core.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PolicyForbidden,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
)
from tinstack.core.http import Request
from tinstack.core.http.app import Rendered

JSON = "application/json"

CORE_TYPES = {
    400: "HTTPBadRequest",
    403: "HTTPForbidden",
    404: "HTTPNotFound",
    405: "HTTPMethodNotAllowed",
    409: "HTTPConflict",
    412: "HTTPPreconditionFailed",
    413: "HTTPRequestEntityTooLarge",
    415: "HTTPUnsupportedMediaType",
    500: "HTTPInternalServerError",
    501: "HTTPNotImplemented",
    503: "HTTPServiceUnavailable",
}


class HTTPBadRequest(BadRequest):
    """400: the body or the query is not well formed."""

    code = "network.bad_request"


class InvalidInput(BadRequest):
    """400: a value does not fit."""

    code, message = "network.invalid_input", "Invalid input for operation: {error_message}."


class RevisionNumberConstraintFailed(PreconditionFailed):
    """412: ``If-Match`` names another revision."""

    code, message = "network.revision", "Constrained to {expected}, but current revision is {current}"


class StaleDataError(Conflict):
    """409: others changed the same resource again and again."""

    code, message = "network.stale", "The resource was changed by others at the same time; try again."


class LaunchTokenForbidden(Forbidden):
    """403: a host asks for what its launch token does not name."""

    code, message = "network.launch", "The launch token does not allow this: {why}."


class NetworkNotFound(NotFound):
    code, message = "network.network.not_found", "Network {id} could not be found."


class SubnetNotFound(NotFound):
    code, message = "network.subnet.not_found", "Subnet {id} could not be found."


class SubnetPoolNotFound(NotFound):
    code, message = "network.subnetpool.not_found", "Subnet pool {id} could not be found."


class PortNotFound(NotFound):
    code, message = "network.port.not_found", "Port {id} could not be found."


class RouterNotFound(NotFound):
    code, message = "network.router.not_found", "Router {id} could not be found"


class FloatingIPNotFound(NotFound):
    code, message = "network.floatingip.not_found", "Floating IP {id} could not be found"


class SecurityGroupNotFound(NotFound):
    code, message = "network.group.not_found", "Security group {id} does not exist"


class SecurityGroupRuleNotFound(NotFound):
    code, message = "network.rule.not_found", "Security group rule {id} does not exist"


class QosPolicyNotFound(NotFound):
    code, message = "network.qos.not_found", "QoS policy {id} could not be found."


class AddressScopeNotFound(NotFound):
    code, message = "network.scope.not_found", "Address scope {id} could not be found."


class AddressGroupNotFound(NotFound):
    code, message = "network.address_group.not_found", "Address group {id} could not be found."


class AgentNotFound(NotFound):
    code, message = "network.agent.not_found", "Agent {id} could not be found."


class AvailabilityZoneNotFound(NotFound):
    code, message = "network.zone.not_found", "AvailabilityZone {availability_zone} could not be found."


def render(error: ApiError, request: Request | None) -> Rendered:
    """The body of an error."""
    if isinstance(error, Unauthorized):
        body = {"error": {"code": 401, "title": error.title, "message": error.text}}
        return Rendered(JSON, msgspec.json.encode(body))
    kind, text = type(error).__name__, error.text
    if isinstance(error, PolicyForbidden):
        kind, text = "PolicyNotAuthorized", f"rule:{error.values.get('rule')} is disallowed by policy"
    elif type(error).__module__.startswith("tinstack.core"):
        kind = "ServiceUnavailable" if isinstance(error, Unavailable) else CORE_TYPES.get(error.status, "HTTPError")
    return Rendered(JSON, msgspec.json.encode({"NeutronError": {"type": kind, "message": text, "detail": ""}}))


def violation(path: str, message: str, value: object) -> ApiError:
    """400 for an attribute that its schema refuses."""
    return HTTPBadRequest(f"Invalid input for {path.split('/')[0] or 'body'}. Reason: {message}.")
