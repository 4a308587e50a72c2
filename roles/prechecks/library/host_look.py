#!/usr/bin/python
"""Ansible module: what there is on a host, for the rules that say whether it can be deployed to. Changes nothing."""

import contextlib
import gzip
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_look
short_description: See what there is on a host before anything is changed on it
description:
  - One look for all that the rules of the role prechecks ask for. It judges nothing.
options:
  now: {description: Seconds since the epoch on the machine that deploys., type: float, required: true}
  ports: {description: TCP ports of which it is asked who listens there., type: list, elements: int, default: []}
  names: {description: Names of which it is asked what /etc/hosts says of them., type: list, elements: str, default: []}
  address: {description: "Where others reach this host: an address, or a name that is then resolved.", type: str, default: ""}
  features: {description: Modules of the kernel that are needed., type: list, elements: str, default: []}
  path: {description: Where most of what is installed comes to stand., type: path, default: /var/lib}
"""

EXAMPLES = r"""
- name: Look
  host_look: {now: "{{ now().timestamp() }}", ports: [5000], features: [vxlan]}
"""

RETURN = r"""
seen: {description: What was seen., type: dict, returned: always}
"""

CONFIGURED = {
    "8021q": "CONFIG_VLAN_8021Q",
    "br_netfilter": "CONFIG_BRIDGE_NETFILTER",
    "nf_tables": "CONFIG_NF_TABLES",
    "tun": "CONFIG_TUN",
    "vxlan": "CONFIG_VXLAN",
}
"""What a module is called in the configuration of a kernel that has it built in."""

RESOLVER_SECONDS = 2.0
LISTENING = "0A"


def main() -> None:
    """Look, and tell."""
    module = AnsibleModule(
        argument_spec={
            "now": {"type": "float", "required": True},
            "ports": {"type": "list", "elements": "int", "default": []},
            "names": {"type": "list", "elements": "str", "default": []},
            "address": {"type": "str", "default": ""},
            "features": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path", "default": "/var/lib"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    clock = time.time() - asked["now"]
    own = socket.gethostname()
    seen = {
        "clock": round(clock, 1),
        "root": os.geteuid() == 0,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "machine": platform.machine(),
        "os": release(text("/etc/os-release")),
        "systemd": Path("/run/systemd/system").is_dir(),
        "memory_mib": memory(text("/proc/meminfo")),
        "disk_mib": shutil.disk_usage(asked["path"]).free >> 20,
        "deployed": Path("/opt/tinstack/venv").exists(),
        "machine_id": text("/etc/machine-id").strip(),
        "hostname": own,
        "resolved": resolved([own, asked["address"]]),
        "hosts": hosts(text("/etc/hosts"), set(asked["names"])),
        "links": links(),
        "listening": list(listening(set(asked["ports"]))),
        "lacking": [feature for feature in asked["features"] if not has(feature)],
        "kvm": Path("/dev/kvm").exists(),
        "tun": Path("/dev/net/tun").exists(),
    }
    module.exit_json(changed=False, seen=seen)


def text(path: str) -> str:
    """What a file says; nothing where it is not there."""
    with contextlib.suppress(OSError):
        return Path(path).read_text(errors="replace")
    return ""


def release(said: str) -> dict[str, str]:
    """Of /etc/os-release what is used. Source: os-release(5)."""
    pairs = (line.partition("=") for line in said.splitlines())
    words = {name: value.strip("\"'") for name, _, value in pairs}
    return {
        key: words.get(name, "") for key, name in (("id", "ID"), ("version", "VERSION_ID"), ("name", "PRETTY_NAME"))
    }


def memory(said: str) -> int:
    """MiB in all. Source: proc(5), MemTotal."""
    found = re.search(r"^MemTotal:\s+(\d+)", said, re.MULTILINE)
    return int(found[1]) >> 10 if found else 0


def output(*argv: str) -> str:
    """What a command prints; nothing where it fails or is not there."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10, check=False)
        return done.stdout if done.returncode == 0 else ""
    return ""


def links() -> dict[str, dict[str, Any]]:
    """Interfaces with their bridges and their addresses, but those that every link gives itself."""
    rows = json.loads(output("ip", "-json", "address", "show") or "[]")
    return {
        row["ifname"]: {
            "master": row.get("master", ""),
            "addresses": [
                one["local"] for one in row.get("addr_info", []) if one.get("scope") != "link" and "local" in one
            ],
        }
        for row in rows
        if "ifname" in row
    }


def hosts(said: str, names: set[str]) -> dict[str, list[str]]:
    """What /etc/hosts says of these names, but for the lines that the role common writes itself. Source: hosts(5)."""
    found: dict[str, list[str]] = {}
    foreign = re.sub(r"(?ms)^# BEGIN hosts of the lab$.*?^# END hosts of the lab$", "", said)
    for line in foreign.splitlines():
        address, *given = line.partition("#")[0].split() or [""]
        for name in names.intersection(given):
            found.setdefault(name, []).append(address)
    return found


def resolved(names: list[str]) -> dict[str, list[str]]:
    """The addresses that names have here. Asked side by side, as a resolver that is not there answers late."""
    found: dict[str, list[str]] = {}

    def ask(name: str) -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found[name] = sorted(
                {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
            )

    askers = [threading.Thread(target=ask, args=(name,), daemon=True) for name in dict.fromkeys(names)]
    for asker in askers:
        asker.start()
    end = time.monotonic() + RESOLVER_SECONDS
    for asker in askers:
        asker.join(max(0.0, end - time.monotonic()))
    return {name: found.get(name, []) for name in names}


def listening(ports: set[int]) -> Iterator[dict[str, Any]]:
    """Who listens on these ports of this host."""
    sockets = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in text(table).splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == LISTENING and port in ports:
                sockets[fields[9]] = port
    holders = dict(held(set(sockets)) if sockets else [])
    started = output("systemctl", "list-sockets", "--all", "--plain", "--no-legend") if 1 in holders.values() else ""
    for inode, port in sorted(sockets.items(), key=lambda pair: pair[1]):
        pid = holders.get(inode, 0)
        yield {"port": port, "process": text(f"/proc/{pid}/comm").strip(), "unit": unit(pid, port, started)}


def held(inodes: set[str]) -> Iterator[tuple[str, int]]:
    """By socket, a process that has it open; systemd, which opens some for others, only where it is the only one."""
    for pid in sorted(
        (int(entry) for entry in os.listdir("/proc") if entry.isdigit()), key=lambda pid: (pid != 1, pid)
    ):
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    name = os.readlink(entry.path)
                    if name.startswith("socket:[") and name[8:-1] in inodes:
                        yield name[8:-1], pid


def unit(pid: int, port: int, sockets: str) -> str:
    """The unit that a process belongs to, or, of systemd itself, the socket unit of that port."""
    if pid == 1:
        rows = [line.split() for line in sockets.splitlines()]
        return next((row[1] for row in rows if len(row) > 1 and row[0].endswith(f":{port}")), "")
    found = re.search(r"/([^/\n]+\.(?:service|scope))\b", text(f"/proc/{pid}/cgroup"))
    return found[1] if found else ""


def has(feature: str) -> bool:
    """Whether the kernel has a module, loaded, built in, or to be had."""
    if feature == "br_netfilter" and Path("/proc/sys/net/bridge").exists():
        return True
    if re.search(rf"^{feature} ", text("/proc/modules"), re.MULTILINE):
        return True
    with contextlib.suppress(OSError):
        # Users who are not root have no /usr/sbin in their path.
        if subprocess.call(("/usr/sbin/modprobe", "--dry-run", "--quiet", feature), stderr=subprocess.DEVNULL) == 0:
            return True
    return f"{CONFIGURED.get(feature, feature)}=y\n" in configuration()


def configuration() -> str:
    """How the kernel was configured, where it tells."""
    with contextlib.suppress(OSError):
        return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    return text(f"/boot/config-{platform.release()}")


if __name__ == "__main__":
    main()
