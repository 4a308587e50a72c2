"""The query parameters of providers and candidates: resources, traits, aggregates. Source: Placement API reference."""

import re

import msgspec

from tinstack.core.http import Request
from tinstack.placement.errors import QueryBad, QueryDuplicate

UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
NAME = re.compile(r"[A-Z0-9_]{1,255}")

AnyOf = list[frozenset[str]]
"""All of the sets must be met, each by any of its members."""


class Wanted(msgspec.Struct, kw_only=True):
    """One group of a request: amounts that one place must have, and what the place must be."""

    resources: dict[str, int] = {}
    required: AnyOf = []
    forbidden: frozenset[str] = frozenset()
    member_of: AnyOf = []
    not_member_of: frozenset[str] = frozenset()
    in_tree: str | None = None

    def place_fits(self, traits: set[str], aggregates: set[str]) -> bool:
        """Whether a provider's traits and aggregates are the ones wanted."""
        return (
            all(traits & any_of for any_of in self.required)
            and not traits & self.forbidden
            and self.member_fits(aggregates)
        )

    def member_fits(self, aggregates: set[str]) -> bool:
        """Whether a provider is in the aggregates wanted."""
        return all(aggregates & any_of for any_of in self.member_of) and not aggregates & self.not_member_of


def group(request: Request, suffix: str = "") -> Wanted:
    """The group whose parameters end in ``suffix``. Raises QueryBad, QueryDuplicate."""
    resources = request.query.all(f"resources{suffix}")
    if len(resources) > 1:
        raise QueryDuplicate(name=f"resources{suffix}")
    required, forbidden = _traits(request, suffix)
    member_of, not_member_of = _aggregates(request, suffix)
    in_tree = request.query.get(f"in_tree{suffix}")
    if in_tree is not None and not UUID.fullmatch(in_tree):
        raise QueryBad(f"The query parameter in_tree{suffix} must be a UUID.")
    return Wanted(
        resources=_resources(resources[0]) if resources else {},
        required=required,
        forbidden=forbidden,
        member_of=member_of,
        not_member_of=not_member_of,
        in_tree=in_tree,
    )


def _resources(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in text.split(","):
        name, colon, amount = part.partition(":")
        if not colon or not NAME.fullmatch(name) or not amount.isdecimal() or not int(amount):
            raise QueryBad(
                f"Badly formed resources parameter. Expected resources=NAME:AMOUNT,… with amounts above 0; got '{text}'."
            )
        if name in found:
            raise QueryBad(f"The resource class {name} is named twice in '{text}'.")
        found[name] = int(amount)
    return found


def _traits(request: Request, suffix: str) -> tuple[AnyOf, frozenset[str]]:
    texts = request.query.all(f"required{suffix}")
    if len(texts) > 1 and not request.at_least(1, 39):
        raise QueryDuplicate(name=f"required{suffix}")
    required: AnyOf = []
    forbidden: set[str] = set()
    for text in texts:
        if text.startswith("in:") and request.at_least(1, 39):
            required.append(frozenset(_checked(text[3:], text)))
            continue
        for name in text.split(","):
            if name.startswith("!") and request.at_least(1, 22):
                forbidden.update(_checked(name[1:], text))
            else:
                required.append(frozenset(_checked(name, text)))
    clash = {name for any_of in required if len(any_of) == 1 for name in any_of} & forbidden
    if clash:
        raise QueryBad(f"Conflicting required and forbidden traits found in the request: {', '.join(sorted(clash))}.")
    return required, frozenset(forbidden)


def _checked(names: str, text: str) -> list[str]:
    found = names.split(",")
    if not all(NAME.fullmatch(name) for name in found):
        raise QueryBad(
            f"Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,!CUSTOM_MAGIC. Got: {text}"
        )
    return found


def _aggregates(request: Request, suffix: str) -> tuple[AnyOf, frozenset[str]]:
    texts = request.query.all(f"member_of{suffix}")
    if len(texts) > 1 and not request.at_least(1, 24):
        raise QueryDuplicate(name=f"member_of{suffix}")
    wanted: AnyOf = []
    unwanted: set[str] = set()
    for text in texts:
        negated = text.startswith("!") and request.at_least(1, 32)
        rest = text[1:] if negated else text
        ids = frozenset(rest[3:].split(",") if rest.startswith("in:") else [rest])
        if not all(UUID.fullmatch(id) for id in ids):
            raise QueryBad(f"Expected 'member_of{suffix}' parameter to contain valid UUID(s). Got: {text}")
        if negated:
            unwanted.update(ids)
        else:
            wanted.append(ids)
    return wanted, frozenset(unwanted)
