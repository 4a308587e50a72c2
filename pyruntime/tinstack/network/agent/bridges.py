"""The rules of this host's bridges: whose packets they are, what guests may send, and what security groups let through.

Connections can't be tracked in the bridge family of many kernels, so bridged packets pass the hooks of IP too
(``nf_call_iptables`` of the bridge). Those see the bridge alone and not its ports, so which port a packet came from, and
later which one it goes to, is a number in its mark:

1. bridge, prerouting (``enter``): what is over the limits of its QoS policy is dropped. The mark is the number of the port
   that it came from, after it passed that port's chain against spoofing; 0 where it came from elsewhere, or from a port
   without port security.
2. inet, prerouting: a connection tracking zone for each network (``zone``), then the groups of that port (``from-port``).
3. bridge, forward (``cross``): the mark is the number of the port that it goes to; each copy of a broadcast has its own.
4. inet, forward: the groups of that port (``to-port``).
5. bridge, postrouting (``leave``): the mark is nobody's business outside.
"""

from collections.abc import Collection, Mapping, Sequence

from tinstack.network.agent import flows, groups, limits, names, spoofing
from tinstack.network.agent.groups import EGRESS, INGRESS, Remote
from tinstack.network.agent.guests import Guest
from tinstack.network.agent.tables import Chain, Set, Table, a_map, a_set
from tinstack.network.rpc import WantedGroup, WantedPort

NOT_IP = "ether type != { ip, ip6, arp }"


def bridge_table(
    members: Collection[str], ports: Sequence[tuple[WantedPort, Guest]], limited: Sequence[WantedPort] = ()
) -> Table:
    """``members``: all interfaces in our bridges; ``ports``: those with port security; ``limited``: those that QoS policies
    may limit. Raises Malformed."""
    slow = {direction: limits.chains(limited, direction) for direction in (limits.EGRESS, limits.INGRESS)}
    own = {port.device: f"from-{port.device}" for port, _ in ports}
    sets = {
        "members": a_set("type ifname", [f'"{name}"' for name in members]),
        "from": a_map("type ifname : verdict", {f'"{device}"': f"goto {chain}" for device, chain in own.items()}),
        "to": a_map("type ifname : mark", {f'"{port.device}"': str(guest.number) for port, guest in ports}),
        "limits_from": _jumps(slow[limits.EGRESS]),
        "limits_to": _jumps(slow[limits.INGRESS]),
    }
    chains = {
        "enter": Chain(
            ("iifname @members meta mark set 0", "iifname vmap @limits_from", "iifname vmap @from"),
            "filter hook prerouting priority -300",
        ),
        "host": Chain(("iifname @members drop",), "filter hook input priority -200"),
        "cross": Chain(
            (
                "oifname != @members accept",
                "meta mark set 0",
                "meta mark set oifname map @to",
                f"meta mark != 0 {NOT_IP} drop",
                "oifname vmap @limits_to",
            ),
            "filter hook forward priority -200",
        ),
        "leave": Chain(("oifname @members meta mark set 0",), "filter hook postrouting priority 300"),
    }
    for port, guest in sorted(ports, key=lambda pair: pair[0].device):
        chains[own[port.device]] = spoofing.chain(port, guest.number)
    for found in slow.values():
        chains |= dict(found.values())
    return Table(sets, chains)


def _jumps(found: Mapping[str, tuple[str, Chain]]) -> Set:
    return a_map("type ifname : verdict", {f'"{device}"': f"jump {name}" for device, (name, _) in found.items()})


def inet_table(
    network_ids: Collection[str],
    ports: Sequence[tuple[WantedPort, Guest]],
    wanted: Sequence[WantedGroup],
    remotes: Mapping[str, Remote],
) -> tuple[Table, dict[str, str]]:
    """And group → why nothing passes by it. ``network_ids``: of all our bridges."""
    made, errors = groups.chains(wanted, remotes)
    stateless = {group.id for group in wanted if not group.stateful}
    zones = {guest.network_id: guest.zone for _, guest in ports}
    verdicts: dict[str, dict[str, str]] = {INGRESS: {}, EGRESS: {}}
    for port, guest in ports:
        for direction, found in verdicts.items():
            if verdict := groups.verdict(direction, port.groups, made.chains):
                found[str(guest.number)] = verdict
    sets = {
        "bridges": a_set("type ifname", map(_bridge, network_ids)),
        "untracked": a_set("type ifname", (_bridge(id) for id in network_ids if id not in zones)),
        "zones": a_map("typeof iifname : ct zone", {_bridge(id): str(zone) for id, zone in zones.items()}),
        "stateless": a_set("type mark", (str(guest.number) for port, guest in ports if stateless & set(port.groups))),
        EGRESS: a_map("type mark : verdict", verdicts[EGRESS]),
        INGRESS: a_map("type mark : verdict", verdicts[INGRESS]),
    }
    return Table(sets | made.sets, _base() | made.chains), errors


def _bridge(network_id: str) -> str:
    return f'"{names.bridge(network_id)}"'


def _base() -> dict[str, Chain]:
    """What every guest may do whatever its groups: ask for addresses and for neighbours, and be answered.

    Fragments are whole here, so what the bridge's chain may have missed is dropped here.
    """
    return {
        "zone": Chain(
            ("iifname @untracked notrack", "ct zone set iifname map @zones"), "filter hook prerouting priority raw"
        ),
        "from-port": Chain(
            (
                "iifname != @bridges accept",
                "meta mark 0 accept",
                "udp sport 68 udp dport 67 accept",
                "udp sport 546 udp dport 547 accept",
                "udp sport 67 udp dport 68 drop",
                "udp sport 547 udp dport 546 drop",
                "icmpv6 type { nd-router-advert, nd-redirect } drop",
                "icmpv6 type { 130, 131, 132, 133, 135, 136, 143 } accept",
                "meta mark @stateless goto from-groups",
                f"ct mark {flows.ENDED} drop",
                "ct state established,related accept",
                "ct state invalid drop",
                "goto from-groups",
            ),
            "filter hook prerouting priority filter",
        ),
        "from-groups": Chain(("meta mark vmap @egress", "drop")),
        "to-port": Chain(
            (
                "iifname != @bridges accept",
                "meta mark 0 accept",
                "udp sport 67 udp dport 68 accept",
                "udp sport 547 udp dport 546 accept",
                "icmpv6 type { 130, 131, 132, 134, 135, 136, 143 } accept",
                "meta mark @stateless goto to-groups",
                f"ct mark {flows.ENDED} drop",
                "ct state established,related accept",
                "ct state invalid drop",
                "goto to-groups",
            ),
            "filter hook forward priority filter",
        ),
        "to-groups": Chain(("meta mark vmap @ingress", "drop")),
    }
