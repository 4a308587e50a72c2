"""The nftables rules of routers: address translation and protection."""

from collections.abc import Iterable, Mapping, Sequence

from tinstack.network.agent import forwarding
from tinstack.network.agent.tables import Chain, Table, a_map
from tinstack.network.rpc import WantedForward

ICMP = "{ 1, 58 }"
"""ICMP and ICMPv6 by number: names need a file that minimal hosts do not have."""


def router(
    gateway: str,
    address: str | None,
    snat: bool,
    floating: Mapping[str, str],
    forwards: Sequence[WantedForward] = (),
    others: Mapping[str, str | None] | None = None,
) -> Table:
    """The table of family inet in a router's namespace. ``gateway``: the interface to the outside; ``address``: its first IPv4
    address; ``floating``: floating → fixed address; ``forwards``: floating addresses that are shared out by ports;
    ``others``: more interfaces to the outside, with their addresses.

    A floating address is reached from inside as well; such a connection also leaves by a translated source, or the answer
    would take the short way past the router.
    """
    gateways = [gateway, *sorted(others or {})]
    named = f'"{gateway}"' if len(gateways) == 1 else f"{{ {', '.join(_quoted(gateways))} }}"
    outside, outward = f"iifname {named}", f'oifname "{gateway}"'
    public = {fixed: floating_ip for floating_ip, fixed in floating.items()}
    sets = {
        "fixed_of": a_map("type ipv4_addr : ipv4_addr", floating),
        "floating_of": a_map("type ipv4_addr : ipv4_addr", public),
        "forwarded": a_map("type ipv4_addr : mark", forwarding.marks(forwards)),
    }
    destination = (
        f"iifname != {named} meta mark set 0x1",
        "dnat ip to ip daddr map @fixed_of",
        *map(forwarding.rule, forwards),
    )
    source = (
        f"{outward} snat ip to ip saddr map @floating_of",
        "meta mark 0x1 ct status dnat snat ip to ip saddr map @floating_of",
        *([f"{outward} meta nfproto ipv4 snat ip to {address}"] if address and snat else []),
        *(
            f'oifname "{other}" meta nfproto ipv4 snat ip to {ip}'
            for other, ip in sorted((others or {}).items())
            if ip and snat
        ),
        *([f"meta mark 0x1 ct status dnat snat ip to {address}"] if address else []),
    )
    own = (
        f"{outside} ct state established,related accept",
        f"{outside} meta l4proto {ICMP} accept",
        f"{outside} drop",
    )
    through = (f"{outside} meta nfproto ipv4 ct state new ct status & dnat == 0 drop",) if snat else ()
    chains = {
        "destination": Chain(destination, "nat hook prerouting priority dstnat"),
        "source": Chain(source, "nat hook postrouting priority srcnat"),
        "own": Chain(own, "filter hook input priority filter"),
        "through": Chain(through, "filter hook forward priority filter"),
    }
    return Table(sets, chains)


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in sorted(names)]
