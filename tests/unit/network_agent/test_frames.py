"""Frames that the agent sends itself."""

from tinstack.network.agent import announce
from tinstack.network.agent.release import Lease, frame, leases

SERVER_MAC, SERVER_IP = "fa:16:3e:00:00:dd", "192.168.50.2"


def test_an_announcement_is_a_broadcast_that_names_its_sender_twice() -> None:
    sent = announce.frame("fa:16:3e:00:00:cc", "10.78.0.60", announce.REQUEST)
    mac, ip = bytes.fromhex("fa163e0000cc"), bytes([10, 78, 0, 60])
    assert sent[:14] == b"\xff" * 6 + mac + b"\x08\x06"
    assert sent[20:22] == b"\x00\x01"
    assert sent[22:32] == mac + ip and sent[38:42] == ip
    assert len(sent) == 42


def test_a_release_is_what_the_guest_would_send() -> None:
    sent = frame(Lease("fa:16:3e:00:00:11", "192.168.50.11"), SERVER_MAC, SERVER_IP)
    ip, udp = sent[14:34], sent[34:42]
    assert sent[:14] == bytes.fromhex("fa163e0000ddfa163e0000110800")
    assert sum(int.from_bytes(ip[at : at + 2], "big") for at in range(0, 20, 2)) % 0xFFFF == 0
    assert udp[:4] == b"\x00\x44\x00\x43" and int.from_bytes(udp[4:6], "big") == len(sent) - 34
    bootp = sent[42:]
    assert bootp[12:16] == bytes([192, 168, 50, 11]) and bootp[28:34] == bytes.fromhex("fa163e000011")
    assert bootp[236:243] == bytes.fromhex("63825363") + b"\x35\x01\x07"


def test_leases_are_read_from_the_host_files_alone() -> None:
    files = {"dnsmasq.conf": "a,b,c\n", "names/p": "1.2.3.4 x\n", "hosts/p": "fa:16:3e:00:00:11,192.168.50.11,hello\n"}
    assert leases(files) == {Lease("fa:16:3e:00:00:11", "192.168.50.11")}
