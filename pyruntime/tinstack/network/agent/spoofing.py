"""What a guest may send: with its own MAC and from its own addresses, and nothing that makes it a router or a DHCP server.

Stateless, in the bridge family (many kernels track no connections there).
"""

import ipaddress
from collections.abc import Iterable

from tinstack.network.agent import fields
from tinstack.network.agent.tables import Chain
from tinstack.network.rpc import WantedPort

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def chain(port: WantedPort, mark: int) -> Chain:
    """Of one port with port security; packets that may pass have the mark. Raises Malformed."""
    allowed = speakers(port)
    macs = _any_of(allowed)
    rules = [
        f"meta mark set {mark}",
        "ether type != { ip, ip6, arp } drop",
        f"ether saddr != {macs} drop",
        *(
            f"arp saddr ether {mac} arp saddr ip {_any_of(['0.0.0.0', *_of(4, some)])} accept"
            for mac, some in allowed.items()
        ),
        "ether type arp drop",
        "ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        "ether type ip udp sport 67 udp dport 68 drop",
        *(_from(mac, 4, some) for mac, some in allowed.items() if _of(4, some)),
        "ether type ip drop",
        "ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop",
        "ether type ip6 udp sport 547 udp dport 546 drop",
        f"ether type ip6 icmpv6 type nd-neighbor-advert @th,64,128 != {_targets(allowed.values())} drop",
        "ether type ip6 ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept",
        *(_from(mac, 6, some) for mac, some in allowed.items()),
        "drop",
    ]
    return Chain(tuple(rules))


def speakers(port: WantedPort) -> dict[str, list[Network]]:
    """The MACs that a port may use, its own first, each with what it may speak for. Raises Malformed."""
    found: dict[str, list[Network]] = {fields.mac(port.mac): []}
    for one in port.addresses:
        found[port.mac].append(fields.network(fields.address(one.ip)))
    for prefix, mac in port.pairs:
        found.setdefault(fields.mac(mac), []).append(fields.network(prefix))
    for mac, some in found.items():
        some.append(fields.network(link_local(mac)))
    return {mac: _collapsed(some) for mac, some in found.items()}


def link_local(mac: str) -> str:
    """The IPv6 link-local address that follows from a MAC (RFC 4291, appendix A)."""
    parts = [int(part, 16) for part in mac.split(":")]
    number = int.from_bytes(bytes([parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]), "big")
    return str(ipaddress.IPv6Address((0xFE80 << 112) | number))


def written(net: Network) -> str:
    """As nft writes it: a single address without its length."""
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def _collapsed(some: Iterable[Network]) -> list[Network]:
    four = [net for net in some if isinstance(net, ipaddress.IPv4Network)]
    six = [net for net in some if isinstance(net, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]


def _of(version: int, some: Iterable[Network]) -> list[str]:
    return [written(net) for net in some if net.version == version]


def _from(mac: str, version: int, some: list[Network]) -> str:
    kind, family = ("ip", "ip") if version == 4 else ("ip6", "ip6")
    start = f"ether saddr {mac} ether type {kind}"
    if any(net.version == version and net.prefixlen == 0 for net in some):
        return f"{start} accept"
    return f"{start} {family} saddr {_any_of(_of(version, some))} accept"


def _any_of(texts: Iterable[str]) -> str:
    return f"{{ {', '.join(texts)} }}"


def _targets(allowed: Iterable[list[Network]]) -> str:
    """IPv6 addresses as numbers: nft has no word for the field that holds them."""
    found = sorted(_collapsed({net for some in allowed for net in some if net.version == 6}))
    ends = [(int(net.network_address), int(net.broadcast_address)) for net in found]
    return _any_of(f"{first:#034x}" if first == last else f"{first:#034x}-{last:#034x}" for first, last in ends)
