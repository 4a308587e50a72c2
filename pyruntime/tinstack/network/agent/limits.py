"""What QoS policies say of guests' ports, as nftables rules of the bridge family. Pure functions.

What is over a limit is dropped, as a policer does; senders slow down. ``limit`` lets pass what comes within a second, and the
burst on top, which must hold the largest packet that a guest hands over in one piece.
"""

from collections.abc import Iterable, Sequence

from tinstack.network.agent.tables import Chain
from tinstack.network.rpc import WantedLimit, WantedPort

INGRESS, EGRESS = "ingress", "egress"
LARGEST = 65536
FEWEST = 5
MOST = 2**32 - 1


def chains(ports: Iterable[WantedPort], direction: str) -> dict[str, tuple[str, Chain]]:
    """Device → name and chain, of ports that are limited or marked in that direction."""
    found = {}
    for port in ports:
        if rules := _rules(port.limits, direction) + (_marks(port.dscp_mark) if direction == EGRESS else ()):
            found[port.device] = (f"limit-{'from' if direction == EGRESS else 'to'}-{port.device}", Chain(rules))
    return found


def _rules(limits: Sequence[WantedLimit], direction: str) -> tuple[str, ...]:
    return tuple(_rule(one) for one in limits if one.direction == direction and one.rate > 0)


def _rule(one: WantedLimit) -> str:
    if one.packets:
        burst = min(max(one.burst * 1000, FEWEST), MOST)
        return f"limit rate over {one.rate * 1000}/second burst {burst} packets drop"
    burst = min(max(one.burst * 125, LARGEST), MOST)
    return f"limit rate over {one.rate * 125} bytes/second burst {burst} bytes drop"


def _marks(dscp: int | None) -> tuple[str, ...]:
    if dscp is None or not 0 <= dscp < 64:
        return ()
    return (f"ether type ip ip dscp set {dscp}", f"ether type ip6 ip6 dscp set {dscp}")
