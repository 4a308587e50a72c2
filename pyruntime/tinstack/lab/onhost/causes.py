"""Why things do not work on a host though its units run: what `look` tells beside units, disks and memory. Looks only."""

import glob
import hashlib
import ipaddress
import os
import re
import time
import tomllib
from datetime import UTC, datetime
from typing import Any

from tinstack.lab.onhost.commands import output

CONFIG = "/etc/tinstack"
FOLDERS = ("store_dir", "instances_dir", "image_cache_dir")
"""Keys of configurations that name folders."""


def configurations() -> dict[str, dict[str, object]]:
    """Of the services on this host, those that can be read."""
    found = {}
    for path in sorted(glob.glob(f"{CONFIG}/*.toml")):
        try:
            with open(path, "rb") as file:
                found[os.path.basename(path).removesuffix(".toml")] = tomllib.load(file)
        except (OSError, tomllib.TOMLDecodeError):
            continue
    return found


def shown(names: list[str]) -> list[dict[str, str]]:
    """What systemd says of each unit."""
    said = output("systemctl", "show", "--property=Id,MainPID,ExecMainStartTimestampMonotonic,ExecStart", *names)
    blocks = said.split("\n\n") if names else []
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def served(unit: dict[str, str]) -> list[str]:
    """The services that the unit's process is told to run: one, or all of a host."""
    told = re.search(r"argv\[\]=\S*tinstack serve ([^;]*?) *;", unit.get("ExecStart", ""))
    return told[1].split() if told else []


def processes(units: list[dict[str, str]]) -> list[dict[str, object]]:
    """Of each unit that runs: whether its process is halted, and which of the files that it read at its start have changed since."""
    booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    found = []
    for unit in units:
        pid = int(unit.get("MainPID") or 0)
        if not pid:
            continue
        began = booted + int(unit.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
        files = []
        for service in served(unit):
            files += [f"{CONFIG}/{service}.toml", *sorted(glob.glob(f"{CONFIG}/credentials/{service}/*"))]
        newer = [path for path in files if os.path.isfile(path) and os.stat(path).st_mtime > began + 1]
        found.append({"unit": unit["Id"], "halted": halted(pid), "newer": newer})
    return found


def halted(pid: int) -> bool:
    """Whether a process is stopped by a signal. Source: proc(5), /proc/PID/stat."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    except OSError:
        return False


def holders(configured: dict[str, dict[str, object]], units: list[dict[str, str]]) -> dict[str, str]:
    """Who listens at a service's port: unit → program and its PID, where it is none of ours."""
    unit_of = {service: unit["Id"] for unit in units for service in served(unit)}
    found = {}
    for service, config in configured.items():
        http = config.get("http")
        if not isinstance(http, dict) or not http.get("port"):
            continue
        line = output("ss", "-Hltnp", f"sport = :{http['port']}")
        for name, pid in re.findall(r'\("([^"]+)",pid=(\d+)', line):
            if not re.search(r"tinstack[\w@-]*\.service", cgroup(int(pid))) and "haproxy" not in name:
                found[unit_of.get(service, f"tinstack-{service}.service")] = (
                    f"{name} (process {pid}) at port {http['port']}"
                )
    return found


def cgroup(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            return file.read()
    except OSError:
        return ""


def folders(configured: dict[str, dict[str, object]]) -> list[dict[str, str]]:
    """Folders that a configuration names, or that a backend stands on, and that are not there."""
    found = []
    for service, config in configured.items():
        backends = config.get("backends")
        own = f"{config.get('state_dir', '/var/lib/tinstack/volume')}/volumes"
        named = {str(config[key]) for key in FOLDERS if config.get(key)}
        for one in backends if isinstance(backends, list) else []:
            if one.get("driver", "file") == "file":
                named.add(str(one.get("directory") or f"{own}/{one['name']}"))
        found += [{"service": service, "path": path} for path in sorted(named) if not os.path.isdir(path)]
    return found


def certificates() -> list[dict[str, object]]:
    """When they begin and end, in seconds since the epoch."""
    found: list[dict[str, object]] = []
    for path in sorted(glob.glob(f"{CONFIG}/tls/*.pem")):
        said = output("openssl", "x509", "-noout", "-startdate", "-enddate", "-in", path)
        dates = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        if "notBefore" in dates and "notAfter" in dates:
            found.append({"path": path, "starts": epoch(dates["notBefore"]), "ends": epoch(dates["notAfter"])})
    return found


def epoch(date: str) -> float:
    """openssl's form of a date, as in "Nov 21 16:04:00 2026 GMT"."""
    return datetime.strptime(date, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC).timestamp()


def nameless(hosts: dict[str, str]) -> list[str]:
    """Hosts of the lab whose names do not lead to their addresses here."""
    found = []
    for name, address in hosts.items():
        known = {line.split()[0] for line in output("getent", "ahosts", name).splitlines() if line.split()}
        if not known:
            found.append(f"{name} ({address})")
        elif is_address(address) and address not in known and not any(one.startswith("127.") for one in known):
            found.append(f"{name} ({', '.join(sorted(known))}, not {address})")
    return found


def is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def token_keys() -> str:
    """A mark of the keys that tokens are made with; empty where there are none."""
    try:
        with open(f"{CONFIG}/credentials/identity/fernet", "rb") as file:
            return hashlib.sha256(b"tinstack token keys " + file.read().strip()).hexdigest()[:16]
    except OSError:
        return ""


def causes(units: list[dict[str, Any]], hosts: dict[str, str]) -> dict[str, object]:
    """All of it. ``units``: as `look` found them; ``hosts``: every host's name and address."""
    configured = configurations()
    ours = shown([str(one["unit"]) for one in units if one["unit"].startswith("tinstack-") and "@" not in one["unit"]])
    return {
        "processes": processes(ours),
        "holders": holders(configured, ours),
        "folders": folders(configured),
        "certificates": certificates(),
        "nameless": nameless(hosts),
        "token_keys": token_keys(),
    }
