"""Consoles. Source: compute API reference, "Server consoles" and the console actions of "Servers - run an action"."""

from tinstack.api.schemas.words import Json, object_of, wrapped
from tinstack.core.http import versions


def _console(protocols: tuple[str, ...], types: tuple[str, ...]) -> Json:
    return wrapped(
        "remote_console",
        object_of(
            ("protocol", "type"),
            protocol={"type": "string", "enum": list(protocols)},
            type={"type": "string", "enum": list(types)},
        ),
    )


_PROTOCOLS = ("vnc", "spice", "rdp", "serial")
_TYPES = ("novnc", "xvpvnc", "rdp-html5", "spice-html5", "serial")
CREATE = versions(
    ("2.6", _console(_PROTOCOLS, _TYPES)),
    ("2.8", _console((*_PROTOCOLS, "mks"), (*_TYPES, "webmks"))),
)


def action(name: str, *types: str) -> Json:
    """The older actions, one for each protocol."""
    return wrapped(name, object_of(("type",), type={"type": "string", "enum": list(types)}))
