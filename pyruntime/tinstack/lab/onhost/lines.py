"""The log lines of a host that are wanted, in the order of their times, one JSON object each; with `follow` also those to come."""

import gzip
import heapq
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
POLL_SECONDS = 0.25
GONE_SECONDS = 15
"""A reader that has heard nothing writes an empty line after that time, so that one who has gone is noticed."""


def epoch(text: str) -> float:
    """A line's time: with an offset as it says, without one the host's local time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Wanted:
    """Which lines: all conditions that are given must hold; `ids` are request ids, `words` stand in any part of the line."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.since: float = asked.get("since") or 0.0
        self.until: float = asked.get("until") or float("inf")
        self.ids = set(asked.get("ids") or ())
        self.words: list[str] = asked.get("words") or []
        self.services = set(asked.get("services") or ())
        self.grave = set(LEVELS[LEVELS.index(asked["level"]) :]) if asked.get("level") else set()

    def line(self, text: str, service: str) -> dict[str, Any] | None:
        """The line as an object with `at`, seconds since the epoch; None where it is not wanted or is none of ours."""
        if (self.ids or self.words) and not any(word in text for word in (*self.ids, *self.words)):
            return None
        try:
            said = json.loads(text)
            at = epoch(said["time"])
        except (ValueError, KeyError, TypeError):
            return None
        if not isinstance(said, dict) or not self.since <= at <= self.until:
            return None
        # A level that is none of these may be a grave one.
        if self.grave and (level := said.get("level", "INFO")) not in self.grave and level in LEVELS:
            return None
        if self.services and said.get("service", service) not in self.services and service not in self.services:
            return None
        return {"at": at, **said}


def files(folder: Path, wanted: Wanted) -> dict[str, list[Path]]:
    """Log files by service, the oldest first; rotated ones only as far back as lines are wanted."""
    found: dict[str, list[tuple[float, Path]]] = {}
    for path in folder.glob("*.log*"):
        matched = re.fullmatch(r"(.+)\.log(\.\d+)?(\.gz)?", path.name)
        if matched and path.is_file() and (changed := path.stat().st_mtime) >= wanted.since:
            found.setdefault(matched[1], []).append((changed if matched[2] else float("inf"), path))
    return {service: [path for _, path in sorted(paths)] for service, paths in found.items()}


def past(
    service: str, paths: list[Path], wanted: Wanted, tails: "dict[str, Tail] | None" = None
) -> Iterator[tuple[float, dict[str, Any]]]:
    """The lines of one service's files. ``tails``: where others follow them; then what they will read is left to them."""
    tail = (tails or {}).get(service)
    for path in paths:
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            end = float("inf")
            if path.suffix != ".gz":
                if tail and os.fstat(file.fileno()).st_ino == tail.inode:
                    end = tail.begin
                elif tails is not None and path.suffix == ".log":
                    continue  # it came since: a tail reads it from its start
                skip(file, wanted.since)
            at = file.tell()
            for raw in file:
                if at >= end:
                    break
                at += len(raw)
                if said := wanted.line(raw.decode(errors="replace"), service):
                    yield said["at"], said


def skip(file: BinaryIO, since: float) -> None:
    """Go to where lines of that time begin, by halves: logs are long, and what is asked for is at their end."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while since and high - low > 1 << 16:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        at = None
        for _ in range(50):
            text = file.readline()
            try:
                at = epoch(json.loads(text)["time"])
                break
            except (ValueError, KeyError, TypeError):
                continue
        # A second of grace: lines of several threads may stand a little out of order.
        if at is not None and at < since - 1:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()


def last_line(file: int) -> int:
    """Where the line begins that is not whole yet."""
    size = os.fstat(file).st_size
    start = max(0, size - (1 << 16))
    return start + os.pread(file, size - start, start).rfind(b"\n") + 1


class Tail:
    """A file that grows, and may be replaced by a new one."""

    def __init__(self, service: str, path: Path, *, from_start: bool) -> None:
        self.service, self.path = service, path
        self.file: TextIO | None = None
        self.inode, self.rest, self.begin = 0, "", 0
        self.open(from_start=from_start)

    def open(self, *, from_start: bool) -> None:
        """Begin to read, behind the last whole line unless the file is new."""
        try:
            self.file = open(self.path, errors="replace")  # noqa: SIM115  kept open while it is followed
        except OSError:
            return
        self.inode = os.fstat(self.file.fileno()).st_ino
        self.begin = 0 if from_start else last_line(self.file.fileno())
        self.file.seek(self.begin)

    def lines(self) -> Iterator[str]:
        """Whole lines that have come since the last time."""
        if self.file is not None:
            self.rest += self.file.read()
        *whole, self.rest = self.rest.split("\n")
        yield from whole
        try:
            replaced = os.stat(self.path).st_ino != self.inode
        except OSError:
            return
        if replaced:
            if self.file is not None:
                self.file.close()
            self.open(from_start=True)


def follow(folder: Path, wanted: Wanted, tails: dict[str, Tail]) -> None:
    """Write new lines as they come, until nobody reads them."""
    silent = time.monotonic()
    while True:
        for path in folder.glob("*.log"):
            tails.setdefault(path.stem, Tail(path.stem, path, from_start=True))
        come = [
            said
            for tail in tails.values()
            for text in tail.lines()
            if (said := wanted.line(text, tail.service)) is not None
        ]
        for said in sorted(come, key=lambda one: float(one["at"])):
            print(json.dumps(said))
        if come or time.monotonic() - silent > GONE_SECONDS:
            silent = time.monotonic()
            print(end="" if come else "\n", flush=True)
        time.sleep(POLL_SECONDS)


def main() -> None:
    """Write them."""
    asked = json.loads(sys.argv[1])
    folder, wanted = Path(asked.get("folder", "/var/log/tinstack")), Wanted(asked)
    follows = bool(asked.get("follow"))
    tails = {path.stem: Tail(path.stem, path, from_start=False) for path in folder.glob("*.log")} if follows else None
    each = [past(service, paths, wanted, tails) for service, paths in files(folder, wanted).items()]
    try:
        for _, said in heapq.merge(*each, key=lambda one: one[0]):
            print(json.dumps(said))
        sys.stdout.flush()
        if tails is not None:
            follow(folder, wanted, tails)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
