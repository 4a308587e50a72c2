"""Allocation candidates: which claims would fit now. Source: Placement API reference, Allocation candidates.

Providers of one tree may answer a request together (from 1.29): the unnamed group may be spread over the tree, a named
group comes from one provider. Providers that share their inventory through aggregates are not looked at.
"""

import itertools
import re
from collections.abc import Iterator

import msgspec

from tinstack.core.db import Database
from tinstack.core.http import Request
from tinstack.placement import store
from tinstack.placement.errors import Invalid, QueryBad, QueryMissing
from tinstack.placement.providers import check_names, has_room
from tinstack.placement.query import Wanted, group
from tinstack.placement.store import World

MOST = 1000
"""Candidates of one tree at the most; a request of many groups would explode otherwise."""

_SUFFIX = re.compile(r"(?:resources|required|member_of|in_tree)([1-9][0-9]*)")
_SUFFIX_NAMED = re.compile(r"(?:resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})")


class Question(msgspec.Struct, kw_only=True):
    """The whole request. ``groups``: by suffix, '' is the unnamed one."""

    groups: dict[str, Wanted]
    isolate: bool = False
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    subtrees: list[set[str]] = []
    limit: int | None = None
    nested: bool = False


class Candidate(msgspec.Struct, kw_only=True):
    """A claim that fits: provider → class → amount; ``mappings``: suffix → providers."""

    resources: dict[str, dict[str, int]]
    mappings: dict[str, list[str]]


def question(request: Request) -> Question:
    """What a request asks. Raises BadRequest of several kinds."""
    pattern = _SUFFIX_NAMED if request.at_least(1, 33) else _SUFFIX
    suffixes = {""}
    if request.at_least(1, 25):
        suffixes |= {match[1] for key, _ in request.query.pairs if (match := pattern.fullmatch(key))}
    groups = {suffix: wanted for suffix in sorted(suffixes) if (wanted := group(request, suffix)) != Wanted()}
    if not any(wanted.resources for wanted in groups.values()):
        raise QueryMissing(name="resources")
    subtrees = [set(text.split(",")) for text in request.query.all("same_subtree")] if request.at_least(1, 36) else []
    for suffix, wanted in groups.items():
        if not wanted.resources and not any(suffix in subtree for subtree in subtrees):
            raise Invalid(f"The group '{suffix}' asks for no resources.")
    policy = request.query.get("group_policy")
    if policy not in (None, "none", "isolate"):
        raise QueryBad("The query parameter group_policy must be none or isolate.")
    named = sum(1 for suffix in groups if suffix)
    if named > 1 and policy is None:
        raise Invalid(
            'The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.'
        )
    root = request.query.get("root_required") if request.at_least(1, 35) else None
    names = root.split(",") if root else []
    return Question(
        groups=groups,
        isolate=policy == "isolate",
        root_required=frozenset(name for name in names if not name.startswith("!")),
        root_forbidden=frozenset(name[1:] for name in names if name.startswith("!")),
        subtrees=subtrees,
        limit=_limit(request),
        nested=request.at_least(1, 29),
    )


def _limit(request: Request) -> int | None:
    if not request.at_least(1, 16):
        return None
    limit = request.query.integer("limit")
    if limit == 0:
        raise QueryBad("The query parameter limit must be at least 1.")
    return limit


async def find(database: Database, asked: Question) -> tuple[list[Candidate], World]:
    """The candidates, and the world in which they were found."""
    for wanted in asked.groups.values():
        await check_names(database, wanted)
    await check_names(database, Wanted(required=[asked.root_required] if asked.root_required else []))
    world = await store.world(database)
    found = list(itertools.islice(_all(world, asked), asked.limit))
    return found, world


def _all(world: World, asked: Question) -> Iterator[Candidate]:
    trees: dict[str, list[str]] = {}
    for provider in world.providers.values():
        trees.setdefault(provider.root, []).append(provider.uuid)
    for root, members in trees.items():
        traits = world.traits.get(root, set())
        if asked.root_required <= traits and not asked.root_forbidden & traits:
            units = [members] if asked.nested else [[member] for member in members]
            for unit in units:
                yield from itertools.islice(_of_tree(world, root, unit, asked), MOST)


def _of_tree(world: World, root: str, members: list[str], asked: Question) -> Iterator[Candidate]:
    choices = []
    for suffix, wanted in asked.groups.items():
        if wanted.in_tree is not None and wanted.in_tree not in world.providers:
            return
        if wanted.in_tree is not None and world.providers[wanted.in_tree].root != root:
            return
        options = _spread(world, root, members, wanted) if suffix == "" else _alone(world, members, wanted)
        if not options:
            return
        choices.append((suffix, options))
    for chosen in itertools.product(*(options for _, options in choices)):
        picked = {suffix: option for (suffix, _), option in zip(choices, chosen, strict=True)}
        candidate = _together(picked)
        if (
            (not asked.isolate or _isolated(picked))
            and all(_one_subtree(world, picked, subtree) for subtree in asked.subtrees)
            and all(
                has_room(world, p, kind, n) for p, amounts in candidate.resources.items() for kind, n in amounts.items()
            )
        ):
            yield candidate


Option = dict[str, dict[str, int]]
"""Provider → class → amount; a group without resources has its provider with no classes."""


def _alone(world: World, members: list[str], wanted: Wanted) -> list[Option]:
    return [
        {member: wanted.resources}
        for member in members
        if wanted.place_fits(world.traits[member], world.aggregates[member])
        and all(has_room(world, member, kind, amount) for kind, amount in wanted.resources.items())
    ]


def _spread(world: World, root: str, members: list[str], wanted: Wanted) -> list[Option]:
    """Each class from whichever member has it; together they must have the traits. Aggregates of the root count for all."""
    able = []
    for kind, amount in wanted.resources.items():
        able.append(
            [
                member
                for member in members
                if has_room(world, member, kind, amount)
                and not world.traits[member] & wanted.forbidden
                and wanted.member_fits(world.aggregates[member] | world.aggregates.get(root, set()))
            ]
        )
    found = []
    for picks in itertools.islice(itertools.product(*able), MOST):
        traits = set().union(*(world.traits[pick] for pick in picks))
        if all(traits & any_of for any_of in wanted.required):
            option: Option = {}
            for pick, (kind, amount) in zip(picks, wanted.resources.items(), strict=True):
                option.setdefault(pick, {})[kind] = amount
            found.append(option)
    return found


def _together(picked: dict[str, Option]) -> Candidate:
    resources: dict[str, dict[str, int]] = {}
    for option in picked.values():
        for provider, amounts in option.items():
            for kind, amount in amounts.items():
                sold = resources.setdefault(provider, {})
                sold[kind] = sold.get(kind, 0) + amount
    return Candidate(resources=resources, mappings={suffix: sorted(option) for suffix, option in picked.items()})


def _isolated(picked: dict[str, Option]) -> bool:
    named = [provider for suffix, option in picked.items() if suffix for provider in option]
    return len(named) == len(set(named))


def _one_subtree(world: World, picked: dict[str, Option], suffixes: set[str]) -> bool:
    """Whether one of the providers is an ancestor of all the others (or the same)."""
    members = {provider for suffix in suffixes for provider in picked.get(suffix, {})}
    return any(all(_is_above(world, top, member) for member in members) for top in members)


def _is_above(world: World, top: str, member: str) -> bool:
    current: str | None = member
    while current is not None:
        if current == top:
            return True
        current = world.providers[current].parent if current in world.providers else None
    return False
