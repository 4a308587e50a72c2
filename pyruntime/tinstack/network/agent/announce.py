"""Gratuitous ARP (RFC 5227, section 3): tell the neighbours on a link that an address is here now.

Both an announcement (a request) and an unasked reply are sent: some neighbours believe only one of them.
"""

import ipaddress
import socket
from collections.abc import Iterable

EVERYBODY = b"\xff" * 6
ETHERTYPE_ARP = 0x0806
REQUEST, REPLY = 1, 2


def frame(mac: str, ip: str, operation: int) -> bytes:
    """An Ethernet frame that says that ``ip`` has ``mac``."""
    sender, address = bytes.fromhex(mac.replace(":", "")), ipaddress.IPv4Address(ip).packed
    head = EVERYBODY + sender + ETHERTYPE_ARP.to_bytes(2, "big")
    fixed = b"\x00\x01\x08\x00\x06\x04" + operation.to_bytes(2, "big")
    target = EVERYBODY if operation == REPLY else bytes(6)
    return head + fixed + sender + address + target + address


def announce(addresses: Iterable[tuple[str, str, str]]) -> None:
    """(device, MAC, IPv4 address) each, in the namespace that this thread is in. Raises OSError."""
    for device, mac, ip in addresses:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_ARP)) as link:
            link.bind((device, 0))
            for operation in (REQUEST, REPLY):
                link.send(frame(mac, ip, operation))
