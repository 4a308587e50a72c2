"""Port forwarding in a router: which ports of a floating address lead where, as nftables rules."""

import hashlib
from collections.abc import Iterable

from msgspec.structs import replace

from tinstack.network.agent import fields
from tinstack.network.rpc import WantedForward

NUMBERS = {"icmp": 1, "icmp6": 58}
"""Protocols without ports, by number: names need a file that minimal hosts do not have."""
PORTED = ("tcp", "udp", "sctp", "dccp")
Span = tuple[int, int]


def checked(one: WantedForward) -> WantedForward:
    """With addresses in their usual form. Raises Malformed."""
    if one.protocol in PORTED:
        outside, inside = one.outside, one.inside
        sound = outside is not None and inside is not None and _sound(outside) and _sound(inside)
        if not sound or outside is None or inside is None or _length(inside) not in (1, _length(outside)):
            raise fields.Malformed(f"The ports that {one.floating_ip} forwards are none.")
    elif one.protocol not in NUMBERS or one.outside or one.inside:
        raise fields.Malformed(f"'{one.protocol}' can't be forwarded.")
    return replace(one, floating_ip=fields.address(one.floating_ip), fixed_ip=fields.address(one.fixed_ip))


def _sound(span: Span) -> bool:
    return 1 <= span[0] <= span[1] <= 65535


def _length(span: Span) -> int:
    return span[1] - span[0] + 1


def rule(one: WantedForward) -> str:
    """Of the chain that translates destinations; of a checked forwarding."""
    where = f"ip daddr {one.floating_ip}"
    if one.outside is None or one.inside is None:
        return f"{where} meta l4proto {NUMBERS[one.protocol]} dnat ip to {one.fixed_ip}"
    (first, last), (inner, _) = one.outside, one.inside
    match = f"{where} {one.protocol} dport {first if first == last else f'{first}-{last}'}"
    if one.inside == one.outside:
        return f"{match} dnat ip to {one.fixed_ip}"
    if _length(one.inside) == 1:
        return f"{match} dnat ip to {one.fixed_ip}:{inner}"
    pairs = ", ".join(f"{port} : {one.fixed_ip} . {inner + port - first}" for port in range(first, last + 1))
    return f"{match} dnat ip addr . port to {one.protocol} dport map {{ {pairs} }}"


def marks(forwards: Iterable[WantedForward]) -> dict[str, str]:
    """Floating address → a number that is another one when its forwardings are."""
    texts: dict[str, str] = {}
    for one in forwards:
        texts[one.floating_ip] = texts.get(one.floating_ip, "") + rule(one) + "\n"
    return {
        address: str(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big"))
        for address, text in texts.items()
    }
