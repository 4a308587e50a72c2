"""Numbers in bodies, which may come as digits in a string."""

from typing import Any

from tinstack.api.errors import Invalid
from tinstack.api.schemas.words import MAX_INT


def number(value: Any, name: str, least: int = 0, most: int = MAX_INT) -> int:
    """As an integer within bounds. Raises Invalid, 400."""
    found = int(value)
    if not least <= found <= most:
        raise Invalid(
            f"Invalid input for field/attribute {name}. Value: {value}. It must be at least {least} and at most {most}."
        )
    return found


def query_number(text: str | None, name: str, default: int = 0) -> int:
    """A whole number of the query. Raises Invalid, 400."""
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise Invalid(f"Invalid {name} filter [{text}]") from error
