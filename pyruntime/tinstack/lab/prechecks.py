"""What must be true of this machine before `up` or `dev` changes anything on it. Looks only; each finding is one sentence."""

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

MEMORY_GIB = 4
DISK_GIB = 6
BRIDGES = {"tinlab0": IPv4Network("10.77.0.0/24"), "tinlab1": IPv4Network("10.78.0.0/24")}
"""The sandbox's bridges and subnets, as roles/sandbox_host makes them."""

HOSTS_STATE = Path("/var/lib/tinstack-sandbox")
"""Where the sandbox keeps its hosts' roots."""

DEV_PORTS = (5000, 8774, 8775, 8776, 8778, 9292, 9696)
"""Standard ports of identity, compute, metadata, volume, placement, image, network."""

BROAD = 16
"""Routes to larger networks than this prefix's do not claim the sandbox's subnets: more specific ones win."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks look at."""

    root: bool
    architecture: str
    distribution: dict[str, str]
    """/etc/os-release."""
    memory_gib: float
    """Available, as the kernel estimates it."""
    disk_gib: float
    """Free where the hosts' roots will be."""
    routes: tuple[tuple[IPv4Network, str], ...]
    """IPv4 routes but the default one, and their interfaces."""
    interfaces: frozenset[str]


def this_machine() -> Machine:
    return Machine(
        root=is_root(),
        architecture=os.uname().machine,
        distribution=assignments(Path("/etc/os-release")),
        memory_gib=available_memory(Path("/proc/meminfo").read_text()),
        disk_gib=free_disk(HOSTS_STATE),
        routes=tuple(routes(Path("/proc/net/route").read_text())),
        interfaces=frozenset(name for _, name in socket.if_nameindex()),
    )


def is_root() -> bool:
    return os.geteuid() == 0


def against_sandbox(machine: Machine) -> list[str]:
    """Why three hosts cannot be made here; empty if they can. Memory and disk count only where none are there yet."""
    found = []
    if not machine.root:
        found.append("Making hosts on this machine needs root: run `sudo ./lab up`, or `./lab dev`, which needs none.")
    if not is_debian(machine.distribution):
        name = machine.distribution.get("PRETTY_NAME", "no known distribution")
        found.append(f"This machine runs {name}; `up` needs Debian 12 or newer, `./lab dev` runs on any Linux.")
    if machine.architecture != "x86_64":
        found.append(f"This machine is {machine.architecture}; the guest image is for x86_64 only.")
    if not machine.interfaces >= set(BRIDGES):
        if machine.memory_gib < MEMORY_GIB:
            found.append(f"{machine.memory_gib:.1f} GiB of memory are available; three hosts need {MEMORY_GIB} GiB.")
        if machine.disk_gib < DISK_GIB:
            found.append(
                f"{machine.disk_gib:.1f} GiB of disk are free below /var/lib; three hosts need {DISK_GIB} GiB."
            )
    for network, interface in machine.routes:
        for bridge, wanted in BRIDGES.items():
            if interface not in BRIDGES and network.prefixlen >= BROAD and network.overlaps(wanted):
                found.append(
                    f"The network {network} on {interface} overlaps {wanted}, which the sandbox's bridge {bridge} needs."
                )
    return found


def is_debian(distribution: dict[str, str]) -> bool:
    if distribution.get("ID") == "debian":
        version = distribution.get("VERSION_ID", "")
        return not version.isdigit() or int(version) >= 12  # testing and unstable have none
    return "debian" in distribution.get("ID_LIKE", "").split()


def against_dev(port_base: int | None) -> list[str]:
    """Why the whole cloud cannot listen on 127.0.0.1; empty if it can."""
    ports = DEV_PORTS if port_base is None else tuple(range(port_base, port_base + 7))
    taken = [str(port) for port in ports if not is_free(port)]
    if not taken:
        return []
    which = f"port{'s' if len(taken) > 1 else ''} {', '.join(taken)}"
    return [f"Something else listens on 127.0.0.1 {which}: end it, or choose others with `--port-base N`."]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def assignments(path: Path) -> dict[str, str]:
    """`NAME=value` lines, quotes removed. Source: os-release(5)."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value.strip("\"'") for name, _, value in pairs}


def available_memory(meminfo: str) -> float:
    """GiB. Source: proc(5), MemAvailable."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024**2
    return 0.0


def free_disk(path: Path) -> float:
    """GiB free at a path, or at its nearest parent that is there."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 1024**3


def routes(table: str) -> Iterator[tuple[IPv4Network, str]]:
    """Source: /proc/net/route: interface, destination, gateway, …, mask (eighth), addresses in hexadecimal of the host's byte order."""
    for line in table.splitlines()[1:]:
        interface, destination, *rest = line.split()
        mask = rest[5]
        if int(mask, 16):
            yield IPv4Network((address(destination), address(mask))), interface


def address(hexadecimal: str) -> str:
    return socket.inet_ntoa(bytes.fromhex(hexadecimal)[::-1])
