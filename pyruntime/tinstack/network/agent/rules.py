"""The nftables rules: anti-spoofing at every port on the bridges, address translation and protection in routers.

Each function gives the inside of one table; ``nft.Tables`` loads it. Bridge rules are stateless (many kernels track no
connections there). Filtering by security groups builds on the same table: one chain per port, found by the tap's name.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from tinstack.network.agent import forwarding
from tinstack.network.rpc import WantedForward, WantedPort

ICMP = "{ 1, 58 }"
"""ICMP and ICMPv6 by number: names need a file that minimal hosts do not have."""


def bridges(members: Iterable[str], ports: Sequence[WantedPort]) -> str:
    """For the bridge family. ``members``: all interfaces in our bridges; ``ports``: guests' ports, those without port
    security left out by the caller.

    Frames from a guest are dropped where they carry another's MAC or address, serve DHCP or advertise a router; and
    nothing that comes through our bridges reaches this host's own addresses.
    """
    chains = {port.device: f"from-{port.device}" for port in ports}
    return "".join(
        [
            f"  set members {{ type ifname; {_elements(_quoted(members))}}}\n",
            "  map from { type ifname : verdict; ",
            _elements(f'"{device}" : goto {chain}' for device, chain in sorted(chains.items())),
            "}\n",
            "  chain spoofed {\n    type filter hook prerouting priority -300; policy accept;\n    iifname vmap @from\n  }\n",
            "  chain host {\n    type filter hook input priority -200; policy accept;\n    iifname @members drop\n  }\n",
            *(_from_port(chains[port.device], port) for port in sorted(ports, key=lambda port: port.device)),
        ]
    )


def _from_port(name: str, port: WantedPort) -> str:
    four = sorted(address.ip for address in port.addresses if ":" not in address.ip)
    six = sorted(
        {str(ipaddress.ip_address(address.ip)) for address in port.addresses if ":" in address.ip}
        | {link_local(port.mac)}
    )
    targets = ", ".join(f"{int(ipaddress.IPv6Address(ip)):#034x}" for ip in six)
    lines = [
        f"ether saddr != {port.mac} drop",
        f"ether type arp arp saddr ether != {port.mac} drop",
        f"ether type arp arp saddr ip != {{ {', '.join(['0.0.0.0', *four])} }} drop",
        "ether type arp accept",
        "ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        *([f"ether type ip ip saddr != {{ {', '.join(four)} }} drop"] if four else ["ether type ip drop"]),
        "ether type ip udp sport 67 udp dport 68 drop",
        "ether type ip accept",
        "ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop",
        "ether type ip6 udp sport 547 udp dport 546 drop",
        f"ether type ip6 icmpv6 type nd-neighbor-advert @th,64,128 != {{ {targets} }} drop",
        "ether type ip6 ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept",
        f"ether type ip6 ip6 saddr {{ {', '.join(six)} }} accept",
        "drop",
    ]
    return f"  chain {name} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"


def router(
    gateway: str | None,
    address: str | None,
    snat: bool,
    floating: Mapping[str, str],
    forwards: Sequence[WantedForward] = (),
    others: Mapping[str, str | None] | None = None,
) -> str:
    """For the inet family in a router's namespace. ``gateway``: the interface to the outside; ``address``: its first IPv4
    address; ``floating``: floating → fixed address; ``forwards``: floating addresses that are shared out by ports;
    ``others``: more interfaces to the outside, with their addresses.

    A floating address is reached from inside as well; such a connection also leaves by a translated source, or the answer
    would take the short way past the router.
    """
    if gateway is None:
        return ""
    gateways = [gateway, *sorted(others or {})]
    named = f'"{gateway}"' if len(gateways) == 1 else f"{{ {', '.join(_quoted(gateways))} }}"
    outside, outward = f"iifname {named}", f'oifname "{gateway}"'
    pairs = sorted(floating.items())
    marks = [f"{public} : {mark}" for public, mark in sorted(forwarding.marks(forwards).items())]
    lines = [
        f"map fixed_of {{ type ipv4_addr : ipv4_addr; {_elements(f'{public} : {fixed}' for public, fixed in pairs)}}}",
        f"map floating_of {{ type ipv4_addr : ipv4_addr; {_elements(sorted(f'{fixed} : {public}' for public, fixed in pairs))}}}",
        f"map forwarded {{ type ipv4_addr : mark; {_elements(marks)}}}",
        *_chain(
            "destination",
            "type nat hook prerouting priority dstnat",
            f"iifname != {named} meta mark set 0x1",
            "dnat ip to ip daddr map @fixed_of",
            *map(forwarding.rule, forwards),
        ),
        *_chain(
            "source",
            "type nat hook postrouting priority srcnat",
            f"{outward} snat ip to ip saddr map @floating_of",
            "meta mark 0x1 ct status dnat snat ip to ip saddr map @floating_of",
            *([f"{outward} meta nfproto ipv4 snat ip to {address}"] if address and snat else []),
            *(
                f'oifname "{other}" meta nfproto ipv4 snat ip to {ip}'
                for other, ip in sorted((others or {}).items())
                if ip and snat
            ),
            *([f"meta mark 0x1 ct status dnat snat ip to {address}"] if address else []),
        ),
        *_chain(
            "own",
            "type filter hook input priority filter",
            f"{outside} ct state established,related accept",
            f"{outside} meta l4proto {ICMP} accept",
            f"{outside} drop",
        ),
        *_chain(
            "through",
            "type filter hook forward priority filter",
            *([f"{outside} meta nfproto ipv4 ct state new ct status & dnat == 0 drop"] if snat else []),
        ),
    ]
    return "".join(f"  {line}\n" for line in lines)


def link_local(mac: str) -> str:
    """The IPv6 link-local address that follows from a MAC (RFC 4291, appendix A)."""
    parts = [int(part, 16) for part in mac.split(":")]
    number = int.from_bytes(bytes([parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]), "big")
    return str(ipaddress.IPv6Address((0xFE80 << 112) | number))


def _chain(name: str, head: str, *rules: str) -> list[str]:
    return [f"chain {name} {{", f"  {head}; policy accept;", *(f"  {rule}" for rule in rules), "}"]


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in sorted(names)]


def _elements(items: Iterable[str]) -> str:
    listed = ", ".join(items)
    return f"elements = {{ {listed} }} " if listed else ""
