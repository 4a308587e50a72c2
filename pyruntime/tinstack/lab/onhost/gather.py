"""What helps to understand a host, as a tar archive on standard output: logs, journals, units, configuration, networks, guests.

No data of users: no disks, images, rows, consoles, guests' metadata. Secrets are removed before anything leaves the host.
"""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinstack.lab.onhost.redact import redact

UNITS = ("tinstack-*", "mariadb", "rabbitmq-server", "libvirtd", "haproxy")
TINSTACK = "/opt/tinstack/venv/bin/tinstack"
DATABASES = "select table_schema from information_schema.tables where table_name = 'alembic_version'"
PACKAGES = "${Package} ${Version}\n"

COMMANDS: dict[str, list[str]] = {
    "host/uname": ["uname", "-a"],
    "host/os-release": ["cat", "/etc/os-release"],
    "host/uptime": ["uptime"],
    "host/clock": ["timedatectl", "show"],
    "host/memory": ["free", "-m"],
    "host/disks": ["df", "-hT"],
    "host/inodes": ["df", "-i"],
    "host/mounts": ["findmnt", "--list"],
    "host/processes": ["ps", "-eo", "pid,ppid,user,stat,etime,time,rss,nlwp,comm", "--sort=-rss"],
    "host/listening": ["ss", "-lntup"],
    "host/packages": ["dpkg-query", "--show", "--showformat", PACKAGES],
    "host/kernel-messages": ["dmesg", "--ctime", "--level=emerg,alert,crit,err,warn"],
    "versions/runtime": ["/opt/tinstack/venv/bin/python", "-m", "pip", "list", "--format=freeze"],
    "units/list": ["systemctl", "list-units", "--all", "--no-pager", "--plain"],
    "units/failed": ["systemctl", "--failed", "--no-pager", "--plain"],
    "units/status": ["systemctl", "status", "--no-pager", "--lines=0", "--full", *UNITS],
    "units/ours": ["systemctl", "cat", "tinstack-*.service"],
    "things.json": [TINSTACK, "things"],
    "network/addresses": ["ip", "-details", "address"],
    "network/routes": ["ip", "route", "show", "table", "all"],
    "network/neighbours": ["ip", "neighbour"],
    "network/rules": ["ip", "rule"],
    "network/bridges": ["bridge", "-details", "link"],
    "network/forwarding": ["bridge", "fdb"],
    "network/namespaces": ["ip", "netns"],
    "network/nft": ["nft", "list", "ruleset"],
    "network/sysctl": ["sysctl", "net.ipv4.ip_forward", "net.bridge"],
    "guests/list": ["virsh", "list", "--all"],
    "guests/libvirt": ["virsh", "version"],
    "database/processes": [
        "mariadb",
        "--table",
        "-e",
        "select id, user, db, command, time, state from information_schema.processlist",
    ],
    "database/engine": ["mariadb", "-e", "show engine innodb status\\G"],
    "bus/queues": [
        "rabbitmqctl",
        "--quiet",
        "list_queues",
        "-p",
        "tinstack",
        "name",
        "messages",
        "consumers",
        "memory",
    ],
    "bus/connections": ["rabbitmqctl", "--quiet", "list_connections", "user", "peer_host", "state", "connected_at"],
    "bus/status": ["rabbitmqctl", "--quiet", "status"],
}
"""File in the archive and the command whose output it is. Those that a host lacks are left out."""

CONFIGURATION = ("/etc/tinstack", "/etc/mysql/mariadb.conf.d", "/etc/rabbitmq", "/etc/haproxy", "/etc/libvirt")
ENVIRONMENT = ("/etc/environment", "/etc/hosts", "/etc/resolv.conf", "/etc/default", "/etc/systemd/system")
WITHHELD = (
    "credentials",
    "definitions.json",
    "tinstack.sql",
    "secrets",
    "passwd.db",
    "tls",
    "pki",
    "private",
    ".erlang.cookie",
)
"""Parts of paths of files that hold nothing but secrets."""

MOST_BYTES = 20 << 20
"""Of one log, from its end."""


def output(command: list[str]) -> str | None:
    """What it said, complaints and exit code included; None where the host has no such command."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        return "It did not end within 30 s.\n"
    said = done.stdout.decode(errors="replace")
    return said if done.returncode == 0 else f"{said}\n(exit code {done.returncode})\n"


def known_secrets() -> set[str]:
    """Whatever stands in the files of credentials, lines and whole."""
    found: set[str] = set()
    for folder in ("/etc/tinstack/credentials", "/etc/tinstack/tls"):
        for path in Path(folder).rglob("*"):
            if path.is_file() and path.suffix != ".pem":
                text = path.read_text(errors="replace")
                found |= {text.strip(), *(line.strip() for line in text.splitlines())}
    return found


def configuration() -> Iterator[tuple[str, str]]:
    """Files in which somebody wrote how things should be."""
    for top in (*CONFIGURATION, *ENVIRONMENT):
        start = Path(top)
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if any(part in WITHHELD for part in path.parts) or path.suffix == ".key" or not path.is_file():
                continue
            if path.is_symlink() or path.stat().st_size > 1 << 20:
                continue
            try:
                yield f"config{path}", path.read_text()
            except UnicodeDecodeError:
                continue


def logs(since: float) -> Iterator[tuple[str, str]]:
    """Our services' own, and the database's and the broker's."""
    for folder, glob in (("/var/log/tinstack", "*.log*"), ("/var/log/rabbitmq", "*.log"), ("/var/log/mysql", "*.err")):
        for path in sorted(Path(folder).glob(glob)):
            if path.is_file() and path.stat().st_mtime >= since:
                if path.suffix == ".gz":
                    with gzip.open(path, "rt", errors="replace") as packed:
                        yield f"logs/{path.stem}", packed.read(MOST_BYTES)
                    continue
                with open(path, "rb") as file:
                    file.seek(max(0, path.stat().st_size - MOST_BYTES))
                    yield f"logs/{path.name}", file.read().decode(errors="replace")


def commands(since: float) -> dict[str, list[str]]:
    """Those that are always run, and those that follow from what is here."""
    found = dict(COMMANDS)
    for unit in UNITS:
        found[f"journal/{unit.replace('*', 'all')}"] = [
            "journalctl", f"--unit={unit}", "--no-pager", "--output=short-iso-precise", f"--since=@{int(since)}", "--lines=50000",
        ]  # fmt: skip
    for name in (output(["virsh", "list", "--all", "--name"]) or "").split():
        if not name.startswith("(") and len(name) < 100:
            found[f"guests/{name}.xml"] = ["virsh", "dumpxml", name]
    for name in (output(["mariadb", "--batch", "--skip-column-names", "-e", DATABASES]) or "").split():
        if name.startswith("tinstack_"):
            found[f"database/schema-version-{name}"] = [
                "mariadb", "--batch", "--skip-column-names", "-e", f"select version_num from {name}.alembic_version",
            ]  # fmt: skip
    if os.path.isdir("/run/netns"):
        for name in sorted(os.listdir("/run/netns")):
            found[f"network/{name}/addresses"] = ["ip", "-netns", name, "address"]
            found[f"network/{name}/routes"] = ["ip", "-netns", name, "route"]
            found[f"network/{name}/nft"] = ["ip", "netns", "exec", name, "nft", "list", "ruleset"]
    return found


def entries(since: float) -> Iterator[tuple[str, str]]:
    """All of it: path in the archive and text."""
    wanted = commands(since)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for name, said in zip(wanted, pool.map(output, wanted.values()), strict=True):
            if said is not None:
                yield name, said
    yield from configuration()
    yield from logs(since)


def main() -> None:
    """Write the archive."""
    asked = json.loads(sys.argv[1])
    secrets = known_secrets()
    now = time.time()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|gz") as archive:
        for name, text in entries(now - float(asked["seconds"])):
            raw = redact(text, secrets).encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(raw), int(now), 0o600
            archive.addfile(entry, io.BytesIO(raw))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
