"""systemd units that hold what outlives the agent: namespaces (``tinstack-netns@``) and DHCP servers (``tinstack-dhcp@``)."""

from collections.abc import Iterable
from typing import Literal, Protocol

from tinstack.network.agent.commands import run

Verb = Literal["start", "stop", "restart", "reload", "reset-failed"]


class Units(Protocol):
    """What the agent asks of the service manager."""

    def states(self, pattern: str) -> dict[str, str]:
        """Unit → active, activating, failed …; units that are not loaded are left out."""

    def tell(self, verb: Verb, units: Iterable[str]) -> None:
        """Raises CommandFailed."""


class Systemd:
    """By ``systemctl``, which root may use without any bus."""

    def states(self, pattern: str) -> dict[str, str]:
        """From ``systemctl list-units``: unit, load, active, sub."""
        said = run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "--no-pager", pattern])
        rows = [line.split() for line in said.splitlines()]
        return {row[0]: row[2] for row in rows if len(row) >= 4 and row[2] != "inactive"}

    def tell(self, verb: Verb, units: Iterable[str]) -> None:
        """All of them in one call."""
        if named := sorted(units):
            run(["systemctl", verb, *named])
