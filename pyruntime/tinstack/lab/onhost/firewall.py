"""Who else filters packets on a host: rules of nftables (and of iptables, which makes such) that drop what is ours. Looks only.

A firewall of the host's own is no fault. What counts is what can meet guests' packets or tunnels: anything that drops where packets
are forwarded or cross a bridge, unless it speaks of other interfaces; and where the host takes packets, what speaks of the tunnels.
"""

import json
from collections.abc import Iterator
from typing import Any

from tinstack.lab.onhost.commands import output

OURS = "tinstack"
"""The nftables tables of the network agent, in each family."""

KNOWN_CHAINS = ("LIBVIRT_", "tinstack")
"""Chains of what a compute host has anyway (libvirt's own networks), which touch none of our bridges."""

INTERFACES = ("br", "tap", "vx", "vl", "gr", "qr-", "qg-")
"""How the names of ours begin."""

TUNNELS = "4789"
LOCAL = ("input", "output")
Rule = dict[str, Any]


def foreign(*inside: str) -> list[str]:
    """What drops and is not ours; a sentence's end each. ``inside``: the command that enters a namespace."""
    try:
        ruleset = json.loads(output(*inside, "nft", "-j", "list", "ruleset") or "{}").get("nftables", [])
    except ValueError:
        return []
    chains = [one["chain"] for one in ruleset if "chain" in one]
    rules = [one["rule"] for one in ruleset if "rule" in one]
    found = [
        f"the chain {place(chain, 'name')} drops whatever its rules do not accept"
        for chain in chains
        if chain.get("policy") == "drop" and not known(chain["table"], chain["name"]) and meets(chain, rules)
    ]
    hooks = reached(chains, rules)
    for rule in rules:
        if known(rule["table"], rule["chain"]) or not drops(rule):
            continue
        text, where = worded(rule, inside), hooks.get(key(rule, "chain"), set())
        elsewhere = any(not name.startswith(INTERFACES) for name in interfaces(rule))
        if (where - set(LOCAL) and not elsewhere) or (where & set(LOCAL) and TUNNELS in text):
            found.append(f"a rule in the chain {place(rule, 'chain')} drops: {text}")
    return found


def drops(rule: Rule) -> bool:
    return any(word in part for part in rule.get("expr", []) for word in ("drop", "reject"))


def meets(chain: Rule, rules: list[Rule]) -> bool:
    """Whether a chain that drops by its policy is where guests' packets pass, and none of its rules lets our interfaces pass."""
    own = [rule for rule in rules if key(rule, "chain") == key(chain, "name")]
    passed = any(name.startswith(INTERFACES) for rule in own if not drops(rule) for name in interfaces(rule))
    return chain.get("hook") not in (*LOCAL, None) and not passed


def interfaces(rule: Rule) -> Iterator[str]:
    """Names of interfaces that a rule asks for."""
    for part in rule.get("expr", []):
        match = part.get("match", {})
        left, right = match.get("left", {}), match.get("right")
        meta = left.get("meta", {}) if isinstance(left, dict) else {}
        if meta.get("key") in ("iif", "iifname", "oif", "oifname"):
            values = right.get("set", []) if isinstance(right, dict) else [right]
            yield from (str(value) for value in values)


def key(what: Rule, name: str) -> tuple[str, str, str]:
    return what["family"], what["table"], what[name]


def reached(chains: list[Rule], rules: list[Rule]) -> dict[tuple[str, str, str], set[str]]:
    """The hooks from which each chain is called, by itself or by those that jump to it."""
    hooks = {key(chain, "name"): {chain["hook"]} for chain in chains if chain.get("hook")}
    for _ in chains:
        for rule in rules:
            for part in rule.get("expr", []):
                target = (part.get("jump") or part.get("goto") or {}).get("target")
                if target:
                    to = rule["family"], rule["table"], target
                    hooks[to] = hooks.get(to, set()) | hooks.get(key(rule, "chain"), set())
    return hooks


def known(table: str, chain: str) -> bool:
    """Whether it is ours, or of what we stand on."""
    return table == OURS or chain.startswith(KNOWN_CHAINS)


def place(what: dict[str, Any], name: str) -> str:
    return f"{what['family']} {what['table']} {what[name]}"


def worded(rule: dict[str, Any], inside: tuple[str, ...]) -> str:
    """A rule as its author wrote it."""
    chain = output(*inside, "nft", "-a", "list", "chain", rule["family"], rule["table"], rule["chain"])
    mark = f"# handle {rule['handle']}"
    for line in chain.splitlines():
        if line.rstrip().endswith(mark):
            return line.replace(mark, "").strip()
    return "?"
