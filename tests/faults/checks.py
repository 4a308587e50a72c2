"""What must be true of a cloud whatever broke: servers are settled, and nothing is left without an owner."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETTLED = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR")
AWAY_SECONDS = 30.0
SWEPT_SECONDS = 30.0
"""How long a service may be away, and how long what nobody owns may be there until it is swept."""

NOVA = "2.96"


def until(done: Callable[[], Any], seconds: float, what: str) -> Any:
    """What ``done`` gives once that is true."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        threading.Event().wait(0.05)
    return found


def read(client: Any, service: str, path: str, **options: Any) -> Any:
    """The answer's JSON, however often the service is away for a moment."""
    end = time.monotonic() + AWAY_SECONDS
    while True:
        answer = None
        with contextlib.suppress(OSError):
            answer = client.get(service, path, **options)
            if answer.status == 200:
                return answer.json
        assert time.monotonic() < end, f"{service} {path} is away: {answer}"
        threading.Event().wait(0.05)


def unsettled(server: dict[str, Any]) -> str:
    """Why a server has not ended as it should; '' where it has. An ERROR must say where and why."""
    if server["OS-EXT-STS:task_state"] is not None or server["status"] not in SETTLED:
        return f"{server['name']} is {server['status']}, {server['OS-EXT-STS:task_state']}"
    if server["status"] == "ERROR":
        return _vague(server)
    if server["status"] == "ACTIVE" and server["OS-EXT-STS:power_state"] != 1:
        return f"{server['name']} is ACTIVE with the power state {server['OS-EXT-STS:power_state']}"
    return ""


def _vague(server: dict[str, Any]) -> str:
    """A fault names the step (or the operation) and the host, where one had been chosen."""
    fault = server.get("fault", {}).get("message", "")
    step = re.search(r"[Ss]tep (\d+)", fault)
    named = step or fault.startswith(("No valid host was found.", "The operation "))
    located = (step and int(step[1]) < 12) or "host" in fault
    return "" if named and located else f"{server['name']} is in ERROR without a reason: {fault!r}"


def left_over(admin: Any, state: Path) -> list[str]:
    """Whatever is there of servers that are not, or not there: claims, ports, attachments, guests."""
    listed = read(admin, "compute", "/servers/detail?all_tenants=1", version=NOVA)["servers"]
    servers = {one["id"]: one["OS-EXT-SRV-ATTR:host"] for one in listed}
    well = {one["id"] for one in listed if one["status"] != "ERROR" and one["OS-EXT-SRV-ATTR:host"]}
    return [
        *_claims(admin, servers, well),
        *_ports(admin, servers),
        *_attachments(admin, servers),
        *_guests(state, servers),
        *_missing(admin, state, {id: host for id, host in servers.items() if host and id in well}),
    ]


def _claims(admin: Any, servers: dict[str, str | None], running: set[str]) -> list[str]:
    """Claims on other hosts than their servers', and servers without a claim on theirs."""
    found, without = [], set(running)
    for provider in read(admin, "placement", "/resource_providers")["resource_providers"]:
        held = read(admin, "placement", f"/resource_providers/{provider['uuid']}/allocations")
        found += [
            f"claim of {consumer} on {provider['name']}"
            for consumer in held["allocations"]
            if servers.get(consumer) != provider["name"]
        ]
        without -= {consumer for consumer in held["allocations"] if servers.get(consumer) == provider["name"]}
    return [*found, *(f"no claim of {id} on {servers[id]}" for id in sorted(without))]


def _ports(admin: Any, servers: dict[str, str | None]) -> list[str]:
    found = []
    for port in read(admin, "network", "/v2.0/ports")["ports"]:
        if port["device_owner"].startswith("compute:"):
            host = servers.get(port["device_id"])
            if host is None or port["binding:host_id"] != host:
                found.append(f"port {port['id']} of {port['device_id']} on {port['binding:host_id']}")
    return found


def _attachments(admin: Any, servers: dict[str, str | None]) -> list[str]:
    found = read(admin, "block-storage", "/attachments?all_tenants=1", version="3.54")["attachments"]
    return [f"attachment {one['id']} of {one['instance']}" for one in found if servers.get(one["instance"]) is None]


def _guests(state: Path, servers: dict[str, str | None]) -> list[str]:
    files = (state / "instances").glob("*/*.json")
    return [f"guest {one.stem} on {one.parent.name}" for one in files if servers.get(one.stem) != one.parent.name]


def _missing(admin: Any, state: Path, servers: dict[str, str]) -> list[str]:
    """A server that is no failure has its guest where it says, with the ports and volumes that other services say it has."""
    ports = read(admin, "network", "/v2.0/ports")["ports"]
    attachments = read(admin, "block-storage", "/attachments?all_tenants=1", version="3.54")["attachments"]
    found = []
    for id, host in servers.items():
        there = guest(state, host, id)
        if there is None:
            found.append(f"no guest of {id} on {host}")
            continue
        wired, plugged = (
            {one["id"] for one in ports if one["device_id"] == id},
            {one["port_id"] for one in there["nics"]},
        )
        held, disks = (
            {one["id"] for one in attachments if one["instance"] == id},
            {one["attachment_id"] for one in there["disks"]},
        )
        if wired != plugged:
            found.append(f"{id} has the ports {sorted(wired)}, its guest {sorted(plugged)}")
        if held != disks:
            found.append(f"{id} has the attachments {sorted(held)}, its guest {sorted(disks)}")
    return found


def guest(state: Path, host: str, id: str) -> Any:
    """A simulated guest as its host keeps it, or None."""
    file = state / "instances" / host / f"{id}.json"
    with contextlib.suppress(FileNotFoundError):
        return json.loads(file.read_bytes())
    return None


def under_way(admin: Any) -> list[str]:
    """Operations that nobody has ended yet."""
    found = read(admin, "compute", "/tinstack-operations")["operations"]
    return [f"{one['kind']} of {one['server_id']}, held by {one['owner']}" for one in found]


def owned_by_someone(admin: Any, state: Path) -> None:
    """Nothing is under way any more and nothing is left over, soon."""
    left: list[str] = []

    def nothing() -> bool:
        left[:] = under_way(admin) or left_over(admin, state)
        return not left

    try:
        until(nothing, SWEPT_SECONDS, "swept")
    except AssertionError:
        raise AssertionError(f"without an owner: {left}") from None
