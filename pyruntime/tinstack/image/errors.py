"""The image API's errors: small HTML pages, as Glance's clients know them."""

from html import escape

from tinstack.core.errors import ApiError, BadRequest, Conflict, Forbidden, NotFound, UnsupportedMediaType
from tinstack.core.http import Request
from tinstack.core.http.app import Rendered

_PAGE = """<html>
 <head>
  <title>{status} {title}</title>
 </head>
 <body>
  <h1>{status} {title}</h1>
  {text}<br /><br />



 </body>
</html>"""


class NoSuchImage(NotFound):
    code, message = "image.not_found", "Failed to find image {id}"


class ReadOnly(Forbidden):
    code, message = "image.read_only", "Attribute '{name}' is read-only."


class Reserved(Forbidden):
    code, message = "image.reserved", "Attribute '{name}' is reserved."


class Protected(Forbidden):
    code, message = "image.protected", "Image {id} is protected and cannot be deleted."


class WrongStatus(Conflict):
    """409: the image is not in the status that the operation starts from."""

    code = "image.status"
    message = "Image status transition from {status} to {wanted} is not allowed"


class FormatMismatch(UnsupportedMediaType):
    """415: the data are not what ``disk_format`` says, or are a kind that could reach beyond the image's own file."""

    code = "image.format"


class Invalid(BadRequest):
    code = "image.invalid"


def render(error: ApiError, request: Request | None) -> Rendered:
    """An HTML page with one sentence."""
    page = _PAGE.format(status=error.status, title=error.title, text=escape(error.text))
    return Rendered("text/html; charset=UTF-8", page.encode())


def violation(path: str, message: str, value: object) -> ApiError:
    """400 for a body that the schema of an image refuses."""
    return Invalid(f"Provided object does not match schema 'image': {message}" + (f" (at '{path}')" if path else ""))
