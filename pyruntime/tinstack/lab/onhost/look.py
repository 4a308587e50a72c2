"""What a host says of itself for `status`: units, memory, disks, stores, database, queues, clock. Looks only, within seconds."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from tinstack.lab.onhost.causes import causes
from tinstack.lab.onhost.commands import output
from tinstack.lab.onhost.firewall import foreign

UNITS = ("tinstack-*.service", "libvirtd.service", "mariadb.service", "rabbitmq-server.service", "haproxy.service")
PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "NRestarts",
    "StateChangeTimestampMonotonic",
)
STORES = {
    "images": "/var/lib/tinstack/image/store",
    "volumes": "/var/lib/tinstack/volume/volumes",
    "instances": "/var/lib/tinstack/instances",
    "image cache": "/var/lib/tinstack/image-cache",
    "database": "/var/lib/mysql",
}
"""Folders that fill, and what is in them."""

SECONDS = 7.0
"""How long all of it may take, for those without more patience."""

SIZES = """select table_schema, coalesce(sum(data_length + index_length), 0) from information_schema.tables
where table_schema like 'tinstack%' group by table_schema"""


def units() -> list[dict[str, object]]:
    """Our units and those that we stand on: those that are installed here."""
    listed = output("systemctl", "list-units", "--all", "--plain", "--no-legend", *UNITS).splitlines()
    files = output("systemctl", "list-unit-files", "--plain", "--no-legend", *UNITS).splitlines()
    enabled = [line.split()[0] for line in files if line.split()[1:2] == ["enabled"]]
    names = sorted({line.split()[0] for line in listed if line.strip()} | set(enabled))
    if not names:
        return []
    shown = output("systemctl", "show", "--property=" + ",".join(PROPERTIES), *names)
    now, up = time.time(), time.clock_gettime(time.CLOCK_MONOTONIC)
    found = []
    for block in shown.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if said.get("LoadState") != "loaded":
            continue
        changed = int(said.get("StateChangeTimestampMonotonic") or 0) / 1e6
        up_now = said["ActiveState"] in ("active", "reloading")
        found.append(
            {
                "unit": said["Id"],
                "state": said["ActiveState"],
                "detail": said["SubState"],
                "enabled": said["UnitFileState"] in ("enabled", "static", "indirect", ""),
                "since": round(now - (up - changed)) if changed else None,
                "restarts": int(said.get("NRestarts") or 0),
                "why": None if up_now else why(said),
            }
        )
    return found


def why(said: dict[str, str]) -> str:
    """The reason that systemd knows, and the last thing that the unit itself said."""
    reasons = {
        "exit-code": f"it ended with exit code {said.get('ExecMainStatus')}",
        "signal": f"it was ended by signal {said.get('ExecMainStatus')}",
        "core-dump": f"it was ended by signal {said.get('ExecMainStatus')}",
        "watchdog": "it gave no sign of life",
        "timeout": "it took too long",
        "oom-kill": "the host had no memory left",
    }
    reason = reasons.get(said.get("Result", ""), "it was stopped" if said["ActiveState"] == "inactive" else "it failed")
    last = ""
    if said["ActiveState"] != "inactive" or said.get("Result") != "success":
        last = complaint(
            output("journalctl", f"--unit={said['Id']}", "--lines=40", "--output=cat", "--no-pager", seconds=3)
        )
    return f"{reason}: {last}" if last else reason


def complaint(journal: str) -> str:
    """What the unit complained of when it last ran, as plain text; of the run before where it has said nothing yet."""
    runs: list[list[str]] = [[]]
    for line in journal.splitlines():
        if re.match(r"Start(ed|ing) ", line):
            runs.append([])
        runs[-1].append(line.strip())
    return next((found for run in reversed(runs) if (found := of_run(run))), "")


def of_run(lines: list[str]) -> str:
    """The last line that complains, or else the last that is not systemd's own."""
    fallback = ""
    for text in reversed(lines):
        if text.startswith("{"):
            try:
                said = json.loads(text)
            except ValueError:
                continue
            if said.get("level") in ("ERROR", "CRITICAL"):
                return str(said.get("message"))[:300]
        elif re.match(r"(\w+\.)*\w*(Error|Exception|Refused)\b.*:", text) or "error" in text.lower():
            return text[:300]
        elif not fallback and not re.match(r"(Start(ed|ing) |Stopp|Failed to start |[\w@.-]+\.service:)", text):
            fallback = text[:300]
    return fallback


def memory() -> dict[str, int]:
    """MiB. Source: proc(5), meminfo."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    found = {line[0].rstrip(":"): int(line[1]) // 1024 for line in lines if len(line) > 1}
    return {"total_mib": found["MemTotal"], "available_mib": found["MemAvailable"]}


def disks() -> list[dict[str, object]]:
    """File systems under what we write to, each once, with what lies on it."""
    found: dict[int, dict[str, object]] = {}
    for path in ("/", "/var/log/tinstack", *STORES.values()):
        if not os.path.isdir(path):
            continue
        device = os.stat(path).st_dev
        if device not in found:
            usage = shutil.disk_usage(path)
            found[device] = {"path": path, "total_bytes": usage.total, "free_bytes": usage.free}
    return list(found.values())


def stores() -> dict[str, int]:
    """Bytes that are really used in each folder that fills."""
    found = {}
    for name, path in STORES.items():
        if os.path.isdir(path):
            said = output("du", "--summarize", "--block-size=1", path, seconds=4)
            if said:
                found[name] = int(said.split()[0])
    return found


def database() -> dict[str, object] | None:
    """Whether it answers, and bytes by database. None where there is none."""
    if shutil.which("mariadbd") is None and not os.path.exists("/usr/sbin/mariadbd"):
        return None
    said = output("mariadb", "--batch", "--skip-column-names", "--connect-timeout=3", "-e", SIZES, seconds=4)
    read_only = output(
        "mariadb", "--batch", "--skip-column-names", "--connect-timeout=3", "-e", "select @@read_only", seconds=4
    )
    sizes = {name: int(size) for name, size in (line.split("\t") for line in said.splitlines())}
    return {"answers": bool(said), "read_only": read_only.strip() == "1", "bytes": sizes}


def queues() -> list[dict[str, object]] | None:
    """Name, messages and consumers of each queue. None where there is no broker that runs."""
    if not output("systemctl", "is-active", "rabbitmq-server.service", seconds=3):
        return None
    command = [
        "rabbitmqctl",
        "--quiet",
        "--timeout",
        "6",
        "list_queues",
        "-p",
        "tinstack",
        "name",
        "messages",
        "consumers",
    ]
    said = output(*command, "--formatter", "json", seconds=8)
    return json.loads(said) if said.strip() else []


def main() -> None:
    """All of it, as one JSON object; what takes too long is named under `late` and left out."""
    wanted = json.loads(sys.argv[1])
    now = time.time()
    pool = ThreadPoolExecutor(max_workers=8)
    known = pool.submit(units)
    works: dict[str, Callable[[], Any]] = {
        "disks": disks,
        "stores": stores,
        "firewalls": foreign,
        "causes": lambda: causes(known.result(), wanted.get("hosts", {})),
    }
    works |= {name: work for name, work in (("database", database), ("queues", queues)) if wanted.get(name)}
    asked = {"units": known, **{name: pool.submit(work) for name, work in works.items()}}
    wait(asked.values(), timeout=SECONDS * wanted.get("patience", 1))
    done = {name: answer.result() for name, answer in asked.items() if answer.done()}
    strangers = done.pop("firewalls", [])
    found = {
        "time": now,
        "load": os.getloadavg()[0],
        "cpus": os.cpu_count(),
        "up_seconds": round(time.clock_gettime(time.CLOCK_BOOTTIME)),
        "memory": memory(),
        **done,
        "causes": {**done.get("causes", {}), "foreign": strangers},
        "late": sorted(name for name, answer in asked.items() if not answer.done()),
    }
    print(json.dumps(found), flush=True)
    os._exit(0)  # what is late is not waited for


if __name__ == "__main__":
    main()
