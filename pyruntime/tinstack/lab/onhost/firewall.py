"""Who else filters packets on a host: rules of nftables (and of iptables, which makes such) that drop and are not ours. Looks only."""

import json
import subprocess
from typing import Any

OURS = "tinstack"
"""The nftables tables of the network agent, in each family."""

KNOWN_CHAINS = ("LIBVIRT_", "tinstack")
"""Chains of what a compute host has anyway (libvirt's own networks), which touch none of our bridges."""

DROPS = ("drop", "reject")


def told(*command: str) -> str:
    """What a command prints; nothing where it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def foreign(*inside: str) -> list[str]:
    """Rules that drop and are not ours, in chains that the kernel calls or that such chains jump to; a sentence's end each."""
    try:
        ruleset = json.loads(told(*inside, "nft", "-j", "list", "ruleset") or "{}").get("nftables", [])
    except ValueError:
        return []
    found = []
    for one in ruleset:
        chain = one.get("chain")
        if chain and chain.get("policy") == "drop" and not known(chain["table"], chain["name"]):
            found.append(f"the chain {place(chain, 'name')} drops whatever its rules do not accept")
    for one in ruleset:
        rule = one.get("rule")
        if not rule or known(rule["table"], rule["chain"]):
            continue
        if any(word in part for part in rule.get("expr", []) for word in DROPS):
            text = worded(rule, inside)
            found.append(f"a rule in the chain {place(rule, 'chain')} drops: {text}")
    return found


def known(table: str, chain: str) -> bool:
    """Whether it is ours, or of what we stand on."""
    return table == OURS or chain.startswith(KNOWN_CHAINS)


def place(what: dict[str, Any], name: str) -> str:
    return f"{what['family']} {what['table']} {what[name]}"


def worded(rule: dict[str, Any], inside: tuple[str, ...]) -> str:
    """A rule as its author wrote it."""
    chain = told(*inside, "nft", "-a", "list", "chain", rule["family"], rule["table"], rule["chain"])
    mark = f"# handle {rule['handle']}"
    for line in chain.splitlines():
        if line.rstrip().endswith(mark):
            return line.replace(mark, "").strip()
    return "?"
