"""From a body to an image: creating, and the JSON patch of an update. Source: Image API v2 reference, Update image."""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.clock import now_us
from tinstack.core.errors import Conflict, Forbidden, TooLarge
from tinstack.core.http.routes import Schema
from tinstack.image.errors import Invalid, ReadOnly, Reserved, violation
from tinstack.image.rows import ACTIVE, Image
from tinstack.image.schemas.images import BASE, CREATE, PROPERTIES, READ_ONLY, RESERVED, RESERVED_PREFIX

PROPERTY_QUOTA = 128

_COLUMNS = (
    "name", "owner", "visibility", "disk_format", "container_format", "min_disk", "min_ram", "protected", "os_hidden"
)  # fmt: skip
_CREATE = Schema(CREATE)
_VALUES = {name: Schema(PROPERTIES[name]) for name in PROPERTIES if name not in READ_ONLY}


def refuse_names(names: Any) -> None:
    """Raises ReadOnly or Reserved for names that callers don't set."""
    for name in names:
        if name in READ_ONLY:
            raise ReadOnly(name=name)
        if name in RESERVED or name.startswith(RESERVED_PREFIX):
            raise Reserved(name=name)


def new_image(body: dict[str, Any], project: str) -> tuple[Image, list[str]]:
    """A queued image and its tags."""
    refuse_names(body)
    problem = _CREATE.check(body)
    if problem:
        raise violation(*problem)
    now = now_us()
    given: dict[str, Any] = {name: body[name] for name in _COLUMNS if name in body}
    image = Image(
        id=str(body.get("id") or uuid4()).lower(), created_at=now, updated_at=now, **{"owner": project or None, **given}
    )
    for name, value in body.items():
        if name not in BASE:
            _set_property(image, name, value)
    _check(image)
    return image, list(body.get("tags", []))


def _set_property(image: Image, name: str, value: Any) -> None:
    if value is None and name in ("kernel_id", "ramdisk_id"):
        image.properties.pop(name, None)
        return
    if not isinstance(value, str):
        raise Invalid(
            f"Provided object does not match schema 'image': {value!r} is not of type 'string' (property {name})."
        )
    if not name or len(name) > 255 or len(value) > 65535:
        raise Invalid(f"The property '{name[:40]}' is too long: names have 255 characters at the most, values 65535.")
    image.properties[name] = value


def _check(image: Image) -> None:
    if len(image.properties) > PROPERTY_QUOTA:
        raise TooLarge(
            f"The limit has been exceeded on the number of allowed image properties. Maximum: {PROPERTY_QUOTA}"
        )
    kinds = {"ami", "ari", "aki"}
    container, disk = image.container_format, image.disk_format
    if container and disk and (container in kinds or disk in kinds) and container != disk:
        raise Invalid(f"Invalid mix of disk and container formats: '{disk}' and '{container}' must be the same.")


class Operation(msgspec.Struct):
    """One step of a patch."""

    op: str
    path: list[str]
    value: Any = None


def operations(body: Any, newest: bool) -> list[Operation]:
    """The steps of a body in media type 2.1 (``newest``), or in 2.0's older words. Raises Invalid."""
    if not isinstance(body, list):
        raise Invalid("Request body must be a JSON array of operation objects.")
    return [_operation(item, newest) for item in body]


def _operation(item: Any, newest: bool) -> Operation:
    if not isinstance(item, dict):
        raise Invalid("Operations must be JSON objects.")
    if newest:
        op, path = item.get("op"), item.get("path")
    else:
        op = next((name for name in ("add", "replace", "remove") if name in item), None)
        path = item.get(op) if op else None
    if op not in ("add", "replace", "remove"):
        raise Invalid(f"Unable to find '{op}' in the JSON patch operations: add, replace and remove are known.")
    if not isinstance(path, str):
        raise Invalid("Unable to find 'path' in JSON Schema change")
    if op != "remove" and "value" not in item:
        raise Invalid(f'Operation "{op}" requires a member named "value".')
    return Operation(op, _pointer(path), item.get("value"))


def _pointer(path: str) -> list[str]:
    if not path.startswith("/"):
        raise Invalid(f'Pointer `{path}` does not start with "/".')
    parts = path[1:].split("/")
    if "" in parts:
        raise Invalid(f'Pointer `{path}` contains adjacent "/", or ends with one.')
    for part in parts:
        if "~" in part.replace("~0", "").replace("~1", ""):
            raise Invalid(f'Pointer `{path}` contains "~" not part of a recognized escape sequence.')
    if len(parts) > 1 and parts[0] != "locations":
        raise Invalid(f"Invalid JSON pointer for this resource: `{path}`")
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def patch(image: Image, tags: list[str], steps: list[Operation]) -> list[str]:
    """Change ``image`` in place; its new tags."""
    for step in steps:
        name = step.path[0]
        refuse_names([name])
        if name == "id":
            raise ReadOnly(name=name)
        if name in BASE:
            tags = _patch_base(image, tags, name, step)
        else:
            _patch_property(image, name, step)
    _check(image)
    return tags


def _patch_base(image: Image, tags: list[str], name: str, step: Operation) -> list[str]:
    if step.op == "remove":
        raise Forbidden(f"Property '{name}' may not be removed.")
    problem = _VALUES[name].check(step.value)
    if problem:
        raise violation(*problem)
    if name == "tags":
        return sorted(set(step.value))
    if name in ("disk_format", "container_format") and image.status == ACTIVE and getattr(image, name) != step.value:
        raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")
    setattr(image, name, step.value)
    return tags


def _patch_property(image: Image, name: str, step: Operation) -> None:
    if step.op == "add":
        _set_property(image, name, step.value)
        return
    if name not in image.properties:
        raise Conflict(f"Property {name} does not exist.")
    if step.op == "replace":
        _set_property(image, name, step.value)
    else:
        del image.properties[name]
