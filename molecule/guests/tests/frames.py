"""Runs on a host, as root: frames as if a guest had sent them, and which frames a guest would get.

    frames.py send TAP MAC IP TO_MAC TO_IP [KIND...]     one frame of each kind (of these) comes in at the guest's interface
    frames.py hear TAP SECONDS                 prints the kinds that leave by that interface

What a guest sends comes out of its tap; so frames are put into one end of a veth pair, and what comes out of the other is
redirected to come in at the tap. Each frame says its kind in its last bytes.
"""

import ipaddress
import socket
import subprocess
import sys
import time

MARK = b"tinstack-frame:"
EVERYBODY = "ff:ff:ff:ff:ff:ff"
STRANGER = "02:00:5e:00:00:99"


def raw(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def total(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    found = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while found >> 16:
        found = (found & 0xFFFF) + (found >> 16)
    return ~found & 0xFFFF


def ether(to: str, mac: str, kind: int, inside: bytes) -> bytes:
    return raw(to) + raw(mac) + kind.to_bytes(2, "big") + inside


def udp(sport: int, dport: int, said: bytes) -> bytes:
    """Without a checksum, which IPv4 allows."""
    return sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + (8 + len(said)).to_bytes(2, "big") + b"\0\0" + said


def ip4(src: str, dst: str, inside: bytes, protocol: int = 17) -> bytes:
    ends = ipaddress.IPv4Address(src).packed + ipaddress.IPv4Address(dst).packed
    head = b"\x45\0" + (20 + len(inside)).to_bytes(2, "big") + b"\0\0\0\0\x40" + bytes([protocol])
    return head + total(head + b"\0\0" + ends).to_bytes(2, "big") + ends + inside


def icmp6(src: str, dst: str, kind: int, inside: bytes) -> bytes:
    ends = ipaddress.IPv6Address(src).packed + ipaddress.IPv6Address(dst).packed
    said = bytes([kind, 0, 0, 0]) + inside
    sums = total(ends + len(said).to_bytes(4, "big") + b"\0\0\0\x3a" + said)
    said = said[:2] + sums.to_bytes(2, "big") + said[4:]
    return b"\x60\0\0\0" + len(said).to_bytes(2, "big") + b"\x3a\xff" + ends + said


def arp(mac: str, ip: str, to_ip: str, said: bytes) -> bytes:
    ends = raw(mac) + ipaddress.IPv4Address(ip).packed + bytes(6) + ipaddress.IPv4Address(to_ip).packed
    return b"\0\x01\x08\0\x06\x04\0\x01" + ends + said


def link_local(mac: str) -> str:
    parts = raw(mac)
    return str(
        ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([parts[0] ^ 2]) + parts[1:3] + b"\xff\xfe" + parts[3:])
    )


def frames(mac: str, ip: str, to_mac: str, to_ip: str) -> dict[str, bytes]:
    """By kind; the first two are what the guest may send."""
    other = str(ipaddress.IPv4Address(ip) + 77)

    def said(kind: str) -> bytes:
        return MARK + kind.encode().ljust(24)

    def packet(kind: str, src: str) -> bytes:
        return ip4(src, to_ip, udp(5000, 5000, said(kind)))

    own6, nodes = link_local(mac), "ff02::1"
    advert = bytes(4) + ipaddress.IPv6Address("2001:db8::66").packed
    return {
        "own address": ether(to_mac, mac, 0x800, packet("own address", ip)),
        "own arp": ether(EVERYBODY, mac, 0x806, arp(mac, ip, to_ip, said("own arp"))),
        "foreign mac": ether(to_mac, STRANGER, 0x800, packet("foreign mac", ip)),
        "foreign address": ether(to_mac, mac, 0x800, packet("foreign address", other)),
        "arp for a foreign address": ether(EVERYBODY, mac, 0x806, arp(mac, other, to_ip, said("arp, address"))),
        "arp with a foreign mac": ether(EVERYBODY, mac, 0x806, arp(STRANGER, ip, to_ip, said("arp, mac"))),
        "dhcp server": ether(EVERYBODY, mac, 0x800, ip4(ip, "255.255.255.255", udp(67, 68, said("dhcp server")))),
        "router advertisement": ether(
            "33:33:00:00:00:01", mac, 0x86DD, icmp6(own6, nodes, 134, bytes(12) + said("ra"))
        ),
        "neighbour advertisement": ether(
            "33:33:00:00:00:01", mac, 0x86DD, icmp6(own6, nodes, 136, advert + said("na"))
        ),
        "tagged": ether(to_mac, mac, 0x8100, b"\0\0\x08\0" + packet("tagged", ip)),
        "another protocol": ether(EVERYBODY, mac, 0x88B5, said("protocol")),
    }


def run(command: str, *, check: bool = True) -> None:
    subprocess.run(command.split(), check=check, capture_output=not check)


def send(tap: str, mac: str, ip: str, to_mac: str, to_ip: str, *kinds: str) -> None:
    run("ip link delete t-inject", check=False)
    run("ip link add t-inject type veth peer name t-redirect")
    try:
        for command in (
            "sysctl -qw net.ipv6.conf.t-inject.disable_ipv6=1 net.ipv6.conf.t-redirect.disable_ipv6=1",
            "ip link set t-inject up",
            "ip link set t-redirect up",
            "tc qdisc add dev t-redirect ingress",
            f"tc filter add dev t-redirect parent ffff: protocol all u32 match u32 0 0 action mirred ingress redirect dev {tap}",
        ):
            run(command)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
            link.bind(("t-inject", 0))
            made = frames(mac, ip, to_mac, to_ip)
            for kind in kinds or made:
                link.send(made[kind])
                time.sleep(0.05)
    finally:
        run("ip link delete t-inject", check=False)


def hear(tap: str, seconds: str) -> None:
    kinds: set[str] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
        link.bind((tap, 3))
        end = time.monotonic() + float(seconds)
        while (left := end - time.monotonic()) > 0:
            link.settimeout(left)
            try:
                frame = link.recv(2048)
            except TimeoutError:
                break
            if MARK in frame:
                kinds.add(frame.partition(MARK)[2].decode().strip())
    print("\n".join(sorted(kinds)))


if __name__ == "__main__":
    {"send": send, "hear": hear}[sys.argv[1]](*sys.argv[2:])
