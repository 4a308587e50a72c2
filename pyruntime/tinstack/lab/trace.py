"""The boot trace: the 29 steps of a server's creation, as the services told them, in a table.

Source: the request flow in docs/architecture.md; the compute API's `servers/{id}/tinstack-trace`.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec
from rich.table import Table

from tinstack.lab import words
from tinstack.lab.client import ApiError, Client
from tinstack.lab.words import LabError

STEPS = 29


class Event(msgspec.Struct, frozen=True):
    """One step that happened. `outcome` is ok, cached, none (nothing to do, asked all the same), retried or failed."""

    step: int
    name: str
    service: str
    start: datetime
    duration_ms: float
    outcome: str
    host: str | None = None
    message: str | None = None


class Trace(msgspec.Struct, frozen=True):
    """All events of one server, in the order in which they began."""

    events: list[Event]
    raw: list[object]
    """The same as the API gave it."""


def fetch(clients: Sequence[Client], server: str) -> Trace:
    """The trace of the server of that id or name, for the first of the users who knows it."""
    for position, client in enumerate(clients):
        try:
            server_id = server if is_id(server) else find(client, server, everywhere=position == len(clients) - 1)
            if server_id is not None:
                rows = client.get("compute", f"/servers/{server_id}/tinstack-trace")["trace"]
                return Trace(sorted(msgspec.convert(rows, list[Event]), key=lambda event: event.start), rows)
        except ApiError as error:
            if error.status not in (403, 404):
                raise
    raise LabError(f"There is no server '{server}': `openstack server list` shows those that there are.")


def is_id(server: str) -> bool:
    try:
        UUID(server)
    except ValueError:
        return False
    return True


def find(client: Client, name: str, *, everywhere: bool) -> str | None:
    """The id of the one server of that name, in the user's project or in all of them."""
    query: dict[str, str | int] = {"limit": 500, **({"all_tenants": 1} if everywhere else {})}
    ids = [row["id"] for row in client.pages("compute", "/servers", "servers", query) if row["name"] == name]
    if len(ids) > 1:
        raise LabError(f"{len(ids)} servers are called '{name}'; name one by its id: {', '.join(ids)}.")
    return str(ids[0]) if ids else None


def slowest(events: Sequence[Event]) -> Event | None:
    return max(events, key=lambda event: event.duration_ms, default=None)


def render(events: Sequence[Event]) -> Table:
    """The table: when each step began after the first one, how long it took, how it ended, the slowest marked."""
    made = words.table(
        "step", "name", "service", "host", "start", "duration", "outcome", "", right=("step", "start", "duration")
    )
    worst = slowest(events)
    for event in events:
        began = (event.start - events[0].start).total_seconds() * 1000
        style = "red" if event.outcome == "failed" else "yellow" if event is worst else None
        mark = "slowest" if event is worst else ""
        row = (str(event.step), event.name, event.service, event.host or "-", f"+{milliseconds(began)}")
        made.add_row(*row, milliseconds(event.duration_ms), event.outcome, mark, style=style)
    return made


def milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def closing(events: Sequence[Event]) -> list[str]:
    """What the table does not say by itself: the whole time, steps that never happened, and why a step failed."""
    if not events:
        return ["No step of this server's creation is recorded yet."]
    end = max(event.start.timestamp() * 1000 + event.duration_ms for event in events)
    missing = sorted(set(range(1, STEPS + 1)) - {event.step for event in events})
    lines = [f"{len(events)} events in {milliseconds(end - events[0].start.timestamp() * 1000)}."]
    if missing:
        lines.append(f"Not recorded: {ranges(missing)}.")
    for event in events:
        if event.outcome == "failed":
            where = f" on {event.host}" if event.host else ""
            lines.append(
                f"Step {event.step} ({event.name}) failed{where}: {event.message or 'no reason was recorded.'}"
            )
    return lines


def ranges(steps: Sequence[int]) -> str:
    """Step numbers in words: `step 3`, `steps 19-21, 29`."""
    runs: list[str] = []
    for _, run in groupby(enumerate(steps), lambda pair: pair[1] - pair[0]):
        numbers = [step for _, step in run]
        runs.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(runs)}"


def show(trace: Trace) -> None:
    if trace.events:
        words.show_table(render(trace.events))
    for line in closing(trace.events):
        print(line)
