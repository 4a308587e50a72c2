"""Configuration as TOML text, the little of it that our files need. Source: TOML 1.0."""

from collections.abc import Mapping
from typing import Any

import msgspec


def dumps(document: Mapping[str, Any]) -> str:
    """A document of strings, numbers, booleans, lists and tables; what is None is left out."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in document.items() if value is not None)


def _key(name: str) -> str:
    return msgspec.json.encode(name).decode()


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return msgspec.json.encode(value).decode()  # TOML's strings, numbers and booleans are written as JSON's
