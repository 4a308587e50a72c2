"""`logs`: the log lines of all hosts, merged by time; of one request, of one server, or all of late."""

import heapq
import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import click

from tinstack.lab import clouds, trace, words
from tinstack.lab.children import TETHER
from tinstack.lab.client import ApiError, Client
from tinstack.lab.fleet import Fleet, HostError, line
from tinstack.lab.labs import Lab
from tinstack.lab.onhost import lines as program
from tinstack.lab.words import LabError

REQUEST = re.compile(r"req-[0-9a-f-]{36}")
HERE = "local"
"""The host of a `dev` cloud."""

QUIET_SECONDS = 60.0
"""A host that is followed and sends not even a sign of life for so long is gone."""

SETTLE_SECONDS = 0.5
"""How long followed lines wait for those of other hosts that come before them."""

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines; times in seconds since the epoch."""

    since: float
    level: str | None = None
    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    ids: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def asked(self, *, follow: bool) -> dict[str, Any]:
        """What the program on hosts is told."""
        said = {
            "since": self.since,
            "level": self.level,
            "services": self.services,
            "ids": self.ids,
            "words": self.words,
        }
        return {**said, "follow": follow}


def seconds(duration: str) -> float:
    """`90`, `90s`, `10m`, `2h`, `3d` in seconds. Raises UsageError."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", duration)
    if not matched:
        raise click.UsageError(f"'{duration}' is no duration: write 90s, 10m, 2h or 3d.")
    return float(matched[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[matched[2]]


def about(lab: Lab, what: str) -> tuple[list[str], list[str]]:
    """Request ids and words that lead to the lines of a request or a server (id or name). Raises LabError where there is none."""
    if REQUEST.fullmatch(what):
        return [what], []
    try:
        admin = Client(clouds.read(lab.clouds, clouds.ADMIN))
        server = what if trace.is_id(what) else trace.find(admin, what, everywhere=True)
        if server is None:
            raise LabError(
                f"There is no server '{what}': name a server that is there, the id of one that was, or a req-…."
            )
        rows = admin.get("compute", f"/servers/{server}/os-instance-actions", version="2.21")["instanceActions"]
    except ApiError as error:
        if not trace.is_id(what):
            raise
        if error.status != 404:
            print(f"lab: {error.message} So only lines that name the id are shown.", file=sys.stderr)
        return [], [what]
    return sorted({str(row["request_id"]) for row in rows if row.get("request_id")}), [server]


def show(lab: Lab, wanted: Filter, *, follow: bool, as_json: bool) -> None:
    """Print the lines. Hosts that can't be asked are named on stderr, and make the verb fail at its end."""
    failed: dict[str, str] = {}
    if lab.is_dev and (unknown := sorted({*wanted.hosts} - {HERE})):
        raise LabError(f"A `dev` cloud has no host {', '.join(unknown)}: all its lines are of '{HERE}'.")
    sources = local(lab, wanted, follow=follow) if lab.is_dev else remote(Fleet(lab), wanted, follow, failed)
    out = words.console()
    shown = 0
    for said in as_they_come(sources) if follow else heapq.merge(*sources.values(), key=itemgetter("at")):
        shown += 1
        if as_json:
            click.echo(json.dumps(public(said)))
        else:
            out.print(readable(said), style=STYLES.get(said.get("level", "")), markup=False, soft_wrap=True)
    if not shown and not follow:
        print(f"lab: {nothing(lab, wanted)}", file=sys.stderr)
    if failed:
        raise LabError(" ".join(failed.values()))


def nothing(lab: Lab, wanted: Filter) -> str:
    """Why there may be no line, and what to do about it."""
    less = bool(wanted.level or wanted.services or wanted.hosts)
    ways = ["look further back with --since"] * (wanted.since > 0) + ["leave out --level, --service or --host"] * less
    said = "No log line answers to that" + (
        f": {', or '.join(ways)}." if ways else ", and all that is kept was looked at."
    )
    unsaid = " A `dev` cloud writes no lines about requests, only what its services have to say." if lab.is_dev else ""
    return said + unsaid


def local(lab: Lab, wanted: Filter, *, follow: bool) -> dict[str, Iterator[Line]]:
    """The log of a `dev` cloud, by the same program."""
    asked = json.dumps({**wanted.asked(follow=follow), "folder": str(lab.logs)})
    command = [*TETHER, sys.executable, *line(program, None)[1:-1], asked]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    return {HERE: parsed(HERE, child.stdout)}


def remote(fleet: Fleet, wanted: Filter, follow: bool, failed: dict[str, str]) -> dict[str, Iterator[Line]]:
    """A stream of lines for each host, all of them read at the same time."""
    return {
        name: buffered(fleet, name, wanted.asked(follow=follow), QUIET_SECONDS, failed)
        for name in fleet.names(wanted.hosts)
    }


def buffered(fleet: Fleet, name: str, asked: Line, quiet: float, failed: dict[str, str]) -> Iterator[Line]:
    """The lines of a host, read by a thread of its own from now on."""
    come: queue.Queue[Line | None] = queue.Queue(maxsize=10_000)

    def read() -> None:
        try:
            with fleet.host(name) as host:
                for said in parsed(name, whole_lines(host.run(program, asked, quiet))):
                    come.put(said)
        except HostError as error:
            failed[name] = error.message
            print(f"lab: {error.message}", file=sys.stderr)
        finally:
            come.put(None)

    threading.Thread(target=read, daemon=True).start()
    return iter(come.get, None)


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def parsed(name: str, texts: Iterable[bytes]) -> Iterator[Line]:
    for text in texts:
        if text.strip():
            yield {"host": name, **json.loads(text)}


def as_they_come(sources: dict[str, Iterator[Line]]) -> Iterator[Line]:
    """Lines of all sources; those that came within SETTLE_SECONDS of each other in the order of their times."""
    come: queue.Queue[Line | None] = queue.Queue(maxsize=10_000)

    def pump(source: Iterator[Line]) -> None:
        for said in source:
            come.put(said)
        come.put(None)

    for source in sources.values():
        threading.Thread(target=pump, args=(source,), daemon=True).start()
    waiting: list[Line] = []
    left, due = len(sources), 0.0
    while left or waiting:
        try:
            said = come.get(timeout=max(0.0, due - time.monotonic()) if waiting else None) if left else None
            if said is None:
                left -= bool(left)
            else:
                due = due if waiting else time.monotonic() + SETTLE_SECONDS
                waiting.append(said)
        except queue.Empty:
            pass
        if waiting and (not left or time.monotonic() >= due):
            yield from sorted(waiting, key=itemgetter("at"))
            waiting = []


STYLES = {"ERROR": "red", "CRITICAL": "bold red", "WARNING": "yellow"}


def stamp(at: float) -> str:
    """UTC, the same for hosts of all zones."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def public(said: Line) -> Line:
    """A line for programs: as the service wrote it, with its host and its time in UTC."""
    return {**{key: value for key, value in said.items() if key != "at"}, "time": stamp(said["at"])}


def readable(said: Line) -> str:
    """A line for people."""
    request = f" {said['request_id']}" if said.get("request_id", "-") != "-" else ""
    head = f"{stamp(said['at'])} {said['host']} {said.get('service', '?')} {said.get('level', '')}{request}"
    trail = f"\n{said['traceback']}" if said.get("traceback") else ""
    return f"{head} {said.get('message', '')}{trail}"
