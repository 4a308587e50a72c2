"""DHCPRELEASE (RFC 2131, section 4.4.6) in the name of a guest that is gone.

dnsmasq forgets a host's line when it reads its files again, but not the lease: it would refuse the address to the next port.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping

import msgspec

MAGIC = bytes.fromhex("63825363")
MESSAGE_TYPE, RELEASE, SERVER_ID, END = 53, 7, 54, 255
ETHERTYPE_IP = 0x0800


class Lease(msgspec.Struct, frozen=True, order=True):
    """An address that a MAC may have."""

    mac: str
    ip: str


def leases(files: Mapping[str, str]) -> set[Lease]:
    """From dnsmasq's host files: ``mac,address,name`` a line."""
    found = set()
    for path, text in files.items():
        if path.startswith("hosts/"):
            for line in text.splitlines():
                mac, _, rest = line.partition(",")
                ip = rest.removeprefix(f"set:{path.removeprefix('hosts/')},").partition(",")[0]
                if not ip.startswith("["):
                    found.add(Lease(mac, ip))
    return found


def frame(lease: Lease, server_mac: str, server_ip: str) -> bytes:
    """An Ethernet frame as the guest would send it."""
    client, server = ipaddress.IPv4Address(lease.ip).packed, ipaddress.IPv4Address(server_ip).packed
    mac = bytes.fromhex(lease.mac.replace(":", ""))
    options = MAGIC + bytes([MESSAGE_TYPE, 1, RELEASE, SERVER_ID, 4]) + server + bytes([END])
    bootp = b"\x01\x01\x06\x00" + bytes(8) + client + bytes(12) + mac.ljust(208, b"\x00") + options
    udp = b"\x00\x44\x00\x43" + (8 + len(bootp)).to_bytes(2, "big") + b"\x00\x00" + bootp
    head = b"\x45\x00" + (20 + len(udp)).to_bytes(2, "big") + b"\x00\x00\x00\x00\x40\x11"
    sums = _checksum(head + b"\x00\x00" + client + server)
    ethernet = bytes.fromhex(server_mac.replace(":", "")) + mac + ETHERTYPE_IP.to_bytes(2, "big")
    return ethernet + head + sums.to_bytes(2, "big") + client + server + udp


def _checksum(data: bytes) -> int:
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def release(device: str, gone: Iterable[Lease], server_mac: str, server_ip: str) -> None:
    """Send by the outer end of the server's port, so that it comes in where guests' packets do. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_IP)) as link:
        link.bind((device, 0))
        for lease in gone:
            link.send(frame(lease, server_mac, server_ip))
