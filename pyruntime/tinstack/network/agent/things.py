"""What of networks is on this host: interfaces, namespaces, DHCP servers and ports' chains, by the names that only we give."""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tinstack.core.errors import ApiError
from tinstack.core.things import Thing
from tinstack.network.agent import names, netns, observe
from tinstack.network.agent.commands import run
from tinstack.network.agent.config import Config
from tinstack.network.agent.units import Systemd

INTERFACE, NAMESPACE, DHCP, CHAIN = "interface", "namespace", "dhcp", "chain"
KINDS = {INTERFACE, NAMESPACE, DHCP, CHAIN}

AGENT_UNIT = "tinstack-network-agent.service"
OF_PORT = re.compile(rf"[a-z-]+-({names.PORT.pattern})")
"""Chains that are one port's."""

_PREFIX = re.compile(r"^(?:br|vx|vl|tap|qr-|qg-|gr)")


def look(config: Config) -> list[Thing]:
    """Asked of the kernel and the disk. Raises CommandFailed."""
    return [
        *(Thing(kind=INTERFACE, name=name, owner=_PREFIX.sub("", name)) for name in _interfaces()),
        *(Thing(kind=NAMESPACE, name=name, owner=name.partition("-")[2]) for name in sorted(netns.ours())),
        *(Thing(kind=DHCP, name=network, owner=network) for network in _served(config)),
        *(Thing(kind=CHAIN, name=chain, owner=_PREFIX.sub("", port)) for chain, port in _chains()),
    ]


def remove(things: Iterable[Thing]) -> None:
    """Let the agent do it: all that it was not told to have goes when it starts; guests notice nothing of that."""
    if any(True for _ in things):
        Systemd().tell("restart", [AGENT_UNIT])


def _interfaces() -> list[str]:
    return sorted(name for name in observe.links() if names.OURS.fullmatch(name))


def _served(config: Config) -> list[str]:
    folder = Path(config.state_dir) / "dhcp"
    return (
        sorted(entry.name for entry in folder.iterdir() if names.UUID.fullmatch(entry.name)) if folder.is_dir() else []
    )


def _chains() -> list[tuple[str, str]]:
    """(chain, port's interface) of our table for bridges."""
    try:
        said = run(["nft", "-j", "list", "chains", "bridge"])
    except ApiError:  # a kernel without the family, or nothing in it
        return []
    found = []
    for item in msgspec.json.decode(said)["nftables"]:
        chain = item.get("chain", {})
        if chain.get("table") == names.TABLE and (port := OF_PORT.fullmatch(chain["name"])):
            found.append((str(chain["name"]), port[1]))
    return sorted(found)
