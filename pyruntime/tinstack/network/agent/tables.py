"""An nftables table as data: sets, maps and chains, the text that makes it, and the text that leads from one to another.

What changes often (members of a group, the ports of a host) are elements, so that a change costs as much as it is large.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tinstack.network.agent.names import TABLE


class Set(msgspec.Struct, frozen=True):
    """A set or a map. ``type``: as nft writes it (``type …`` or ``typeof …``); ``elements``: with their values, '' in a set."""

    type: str
    elements: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """Of both the kernel has one, nft has two words."""
        return "map" if " : " in self.type else "set"


class Chain(msgspec.Struct, frozen=True):
    """``hook``: where packets enter it; '' for a chain that others lead to."""

    rules: tuple[str, ...] = ()
    hook: str = ""


class Table(msgspec.Struct, frozen=True):
    """The inside of the table of ours in one family."""

    sets: dict[str, Set] = {}
    chains: dict[str, Chain] = {}


def a_set(of: str, elements: Iterable[str]) -> Set:
    """A set of that type."""
    return Set(of, dict.fromkeys(sorted(elements), ""))


def a_map(of: str, elements: Mapping[str, str]) -> Set:
    """A map of that type (``key : value``)."""
    return Set(of, dict(sorted(elements.items())))


def replacement(family: str, table: Table) -> str:
    """Puts the table in place of whatever there is."""
    start = f"table {family} {TABLE}\ndelete table {family} {TABLE}\n"
    return start + _block(family, table.sets, table.chains)


def difference(family: str, old: Table, new: Table) -> str:
    """Leads from one to the other; what stays is not touched. Sets that change their type need a replacement."""
    if not _alike(old, new):
        return replacement(family, new)
    kept = {name: one for name, one in new.sets.items() if name in old.sets}
    flushed = sorted(name for name, chain in old.chains.items() if new.chains.get(name) != chain)
    lines = [_elements("delete", family, name, _lost(old.sets[name], one)) for name, one in kept.items()]
    lines += [f"flush chain {family} {TABLE} {name}\n" for name in flushed]
    lines.append(
        _block(
            family,
            {name: one for name, one in new.sets.items() if name not in old.sets},
            {name: chain for name, chain in new.chains.items() if old.chains.get(name) != chain},
        )
    )
    lines += [_elements("add", family, name, _lost(one, old.sets[name])) for name, one in kept.items()]
    lines += [f"delete chain {family} {TABLE} {name}\n" for name in flushed if name not in new.chains]
    lines += [f"delete {one.kind} {family} {TABLE} {name}\n" for name, one in old.sets.items() if name not in new.sets]
    return "".join(lines)


def takes_away(old: Table, new: Table) -> bool:
    """Whether something that was there is not any more."""
    return any(_lost(one, new.sets.get(name, Set(one.type))) for name, one in old.sets.items()) or any(
        set(chain.rules) - set(new.chains.get(name, Chain()).rules) for name, chain in old.chains.items()
    )


def _alike(old: Table, new: Table) -> bool:
    return all(new.sets[name].type == one.type for name, one in old.sets.items() if name in new.sets) and all(
        new.chains[name].hook == chain.hook for name, chain in old.chains.items() if name in new.chains
    )


def _lost(old: Set, new: Set) -> dict[str, str]:
    return {key: value for key, value in old.elements.items() if new.elements.get(key) != value}


def _listed(elements: Mapping[str, str]) -> str:
    return ", ".join(f"{key} : {value}" if value else key for key, value in elements.items())


def _elements(verb: str, family: str, name: str, elements: Mapping[str, str]) -> str:
    return f"{verb} element {family} {TABLE} {name} {{ {_listed(elements)} }}\n" if elements else ""


def _block(family: str, sets: Mapping[str, Set], chains: Mapping[str, Chain]) -> str:
    if not sets and not chains:
        return ""
    lines = [f"table {family} {TABLE} {{"]
    for name, one in sets.items():
        inside = f" elements = {{ {_listed(one.elements)} }};" if one.elements else ""
        lines.append(f"  {one.kind} {name} {{ {one.type};{inside} }}")
    for name, chain in chains.items():
        lines.append(f"  chain {name} {{")
        lines += [f"    type {chain.hook}; policy accept;"] if chain.hook else []
        lines += [f"    {rule}" for rule in chain.rules]
        lines.append("  }")
    return "\n".join([*lines, "}", ""])
