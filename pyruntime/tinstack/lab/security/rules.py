"""What is meant: who may listen where and how, whose files are whose, what units may do, how long certificates must still hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tinstack.lab.security.seen import File, Socket

APIS = {
    "identity": (5000,),
    "api": (8774, 8775),
    "volume": (8776,),
    "placement": (8778,),
    "image": (9292,),
    "network": (9696,),
    "console": (6080,),
}
"""Groups and the ports of their APIs, at HAProxy."""

METRICS = (15000, 16080, 18774, 18776, 18778, 18780, 18781, 18782, 18783, 19292, 19696)
"""What Prometheus scrapes: counts and times, nothing secret."""

SERVICE, AGENT = 2.0, 4.0
"""How exposed a unit may be, by `systemd-analyze security`: services, and what has to do with devices, namespaces and networks."""

AGENTS = (
    "tinstack-compute.service",
    "tinstack-network-agent.service",
    "tinstack-dhcp@*",
    "tinstack-ra@*",
    "tinstack-volume-*",
)
ONE_COMMAND = ("tinstack-netns@*",)
"""Root for one command and over."""

DAYS = 14
"""A deployment renews certificates thirty days before their end: who has less left was forgotten."""


@dataclass(frozen=True, slots=True)
class Door:
    """Whom others may reach: ``by`` is a pattern of unit or program. ``tls``: it must speak nothing else. ``anywhere``: it may
    listen on every address."""

    kind: str
    first: int
    last: int
    by: str
    tls: bool = True
    anywhere: bool = False

    def leads_to(self, one: Socket) -> bool:
        known = fnmatchcase(one.unit, self.by) or fnmatchcase(one.program, self.by)
        return self.kind == one.kind and self.first <= one.port <= self.last and known


EVERYWHERE = (
    Door("tcp", 1, 65535, "sshd", tls=False, anywhere=True),
    Door("tcp", 1, 65535, "ssh.socket", tls=False, anywhere=True),
    *(Door("tcp", port, port, "tinstack-*.service", tls=False) for port in METRICS),
    *(
        Door("udp", port, port, by, tls=False, anywhere=True)
        for port in (68, 123, 323, 546)
        for by in ("dhclient", "systemd-network", "systemd-timesyn", "NetworkManager", "chronyd", "ntpd")
    ),
)
IN_GROUPS = {
    "mariadb": (Door("tcp", 3306, 3306, "mariadb.service"),),
    "rabbitmq": (Door("tcp", 5671, 5671, "rabbitmq-server.service"),),
    "volume": (Door("tcp", 10810, 11809, "tinstack-volume*"), Door("tcp", 10810, 11809, "qemu-storage-da*")),
    "compute": (
        Door("tcp", 5900, 65535, "qemu-system-*"),
        Door("tcp", 6083, 6083, "tinstack-compute*"),
    ),
    "network_agent": (Door("udp", 4789, 4789, "", tls=False, anywhere=True),),
}
MIGRATION = Door("tcp", 16514, 16514, "libvirtd*")
"""Where hosts take guests from each other, if they are to."""


def doors(host: str, hosts: dict[str, dict[str, Any]]) -> list[Door]:
    """All that a host may have, by what it runs."""

    def runs(service: str) -> bool:
        """The hosts of api do where none is named for it."""
        if service == "network_agent":
            return runs("compute") or runs("network")
        named = any(service in one["groups"] for one in hosts.values())
        return service in hosts[host]["groups"] if named or service == "compute" else "api" in hosts[host]["groups"]

    found = [*EVERYWHERE]
    for group, theirs in IN_GROUPS.items():
        if runs(group):
            found += theirs
    if runs("compute") and hosts[host].get("migration"):
        found.append(MIGRATION)
    for group, ports in APIS.items():
        if runs(group) or runs("gateway"):
            found += [Door("tcp", port, port, "haproxy.service") for port in ports]
    return found


def of_sockets(sockets: Sequence[Socket], known: Sequence[Door], allowed: Sequence[str]) -> list[str]:
    """A sentence for each that nobody meant, and for each that speaks as it should not."""
    return [
        sentence for one in sockets if f"{one.kind}/{one.port}" not in allowed for sentence in of_socket(one, known)
    ]


def of_socket(one: Socket, known: Sequence[Door]) -> Iterator[str]:
    what = f"{one.kind.upper()} port {one.port}"
    who = " ".join(word for word in (one.program or "the kernel", f"({one.unit})" if one.unit else "") if word)
    door = next((door for door in known if door.leads_to(one)), None)
    if door is None:
        yield (
            f"{what} is open to the network by {who}, which nothing of the cloud needs: close it, or name "
            f"{one.kind}/{one.port} in verify_allowed_ports of the inventory."
        )
        return
    if one.everywhere and not door.anywhere:
        yield f"{what} of {who} is open on every address of the host, not on the management address alone."
    if door.tls and one.tls is None:
        yield f"{what} of {who} speaks in the clear."
    if one.old:
        yield f"{what} of {who} takes {one.old}, which is outdated."
    if one.doubt:
        yield f"The certificate that {who} shows on {what} is not believed: {one.doubt}."


OWNED = (
    ("/etc/tinstack/credentials*", "directory", "root", "root", 0o700),
    ("/etc/tinstack/credentials/*", "file", "root", "root", 0o600),
    ("/etc/tinstack/tls/*.key", "file", "root", "tinstack-tls", 0o640),
    ("/etc/mysql/tinstack.sql", "file", "root", "mysql", 0o640),
    ("/etc/rabbitmq/definitions.json", "file", "root", "rabbitmq", 0o640),
    ("/etc/libvirt/qemu.conf", "file", "root", "root", 0o600),
    ("/run/libvirt/libvirt-sock", "socket", "root", "libvirt", 0o660),
    ("/run/haproxy/admin.sock", "socket", "haproxy", "haproxy", 0o660),
    ("/etc/*", "*", "root", "*", 0o755),
    ("/var/log/tinstack", "directory", "root", "root", 0o755),
    ("/var/log/tinstack/*", "file", "*", "adm", 0o640),
    ("/var/lib/tinstack/image-cache", "directory", "tinstack-compute", "kvm", 0o2770),
    ("/var/lib/tinstack/instances", "directory", "tinstack-compute", "kvm", 0o2770),
    ("/var/lib/tinstack*", "*", "*", "*", 0o755),
)
"""Pattern, kind, owner, group, and all that the mode may allow; the first that fits counts."""


def of_files(files: Sequence[File]) -> list[str]:
    """A sentence for each that is another's or allows more than is meant."""
    found = []
    for one in files:
        for pattern, kind, owner, group, most in OWNED:
            if not (fnmatchcase(one.path, pattern) and fnmatchcase(one.kind, kind)):
                continue
            whose = fnmatchcase(one.owner, owner) and fnmatchcase(one.group, group)
            if not whose or one.bits & ~most:
                meant = f"{owner}:{group} {most:04o}".replace("*", "any")
                found.append(f"{one.path} is {one.owner}:{one.group} {one.mode} where {meant} is meant.")
            break
    return found


def of_units(units: dict[str, float]) -> list[str]:
    """A sentence for each that may do more than it needs."""
    found = []
    for unit, exposure in sorted(units.items()):
        if any(fnmatchcase(unit, pattern) for pattern in ONE_COMMAND):
            continue
        most = AGENT if any(fnmatchcase(unit, pattern) for pattern in AGENTS) else SERVICE
        if exposure > most:
            found.append(
                f"{unit} has an exposure of {exposure:g} where {most:g} is the most: see `systemd-analyze security {unit}`."
            )
    return found


def of_certificates(ends: dict[str, int], now: float) -> list[str]:
    """A sentence for each that is over or was forgotten."""
    found = [] if ends else ["There is no certificate in /etc/tinstack/tls: run playbooks/site.yml."]
    for path, end in sorted(ends.items()):
        days = (end - now) / 86400
        if days <= 0:
            found.append(f"{path} ended {-days:.0f} days ago: run playbooks/renew-certificates.yml.")
        elif days < DAYS:
            found.append(f"{path} ends in {days:.0f} days: run playbooks/renew-certificates.yml.")
    return found
