"""Errors that a caller of an API can see: one small class per meaning, with its HTTP status and a stable code.

A service derives its own beside the code that raises them::

    class KeypairExists(Conflict):
        code = "compute.keypair.exists"
        message = "Key pair '{name}' already exists."

    raise KeypairExists(name=name)
"""

from typing import Any, ClassVar


class ApiError(Exception):
    """An answer that is not a success. ``status`` is the HTTP status, ``code`` a stable name, ``text`` one sentence."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal Server Error"
    message: ClassVar[str] = "The server met an unexpected condition; the request id leads to the log."

    def __init__(self, text: str | None = None, **values: Any) -> None:
        self.values = values
        self.headers: dict[str, str] = {}
        self.text = text if text is not None else (self.message.format(**values) if values else self.message)
        super().__init__(self.text)


class BadRequest(ApiError):
    status, code, title, message = 400, "bad_request", "Bad Request", "The request is not valid."


class Unauthorized(ApiError):
    status, code, title = 401, "unauthorized", "Unauthorized"
    message = "The request you have made requires authentication."


class Forbidden(ApiError):
    status, code, title, message = 403, "forbidden", "Forbidden", "You are not authorized to perform this action."


class PolicyForbidden(Forbidden):
    """403: the policy rule named in the message does not allow it."""

    code, message = "policy", "Policy doesn't allow {rule} to be performed."


class OverQuota(Forbidden):
    """403: the quota of the project is used up (the compute API answers 403, the volume API 413, the network API 409)."""

    code = "over_quota"


class NotFound(ApiError):
    status, code, title, message = 404, "not_found", "Not Found", "The resource could not be found."


class MethodNotAllowed(ApiError):
    status, code, title = 405, "method_not_allowed", "Method Not Allowed"
    message = "The method is not allowed for this resource."


class NotAcceptable(ApiError):
    status, code, title, message = 406, "not_acceptable", "Not Acceptable", "The version asked for is not supported."


class Conflict(ApiError):
    status, code, title = 409, "conflict", "Conflict"
    message = "The request conflicts with the state of the resource."


class Gone(ApiError):
    status, code, title, message = 410, "gone", "Gone", "The resource is gone."


class PreconditionFailed(ApiError):
    status, code, title = 412, "precondition_failed", "Precondition Failed"
    message = "The resource is not at the revision that the request names."


class TooLarge(ApiError):
    status, code, title = 413, "too_large", "Request Entity Too Large"
    message = "The request body is larger than allowed."


class UnsupportedMediaType(ApiError):
    status, code, title = 415, "unsupported_media_type", "Unsupported Media Type"
    message = "The content type of the request is not supported here."


class RangeNotSatisfiable(ApiError):
    status, code, title = 416, "range", "Range Not Satisfiable"
    message = "The range asked for lies outside the data."


class NotImplementedHere(ApiError):
    status, code, title = 501, "not_implemented", "Not Implemented"
    message = "This operation of the API is not offered here."


class Unavailable(ApiError):
    """503: a part that the answer needs is out of reach; nothing was changed, the client may try again."""

    status, code, title = 503, "unavailable", "Service Unavailable"
    message = "A service that is needed for this request can't be reached; try again."
