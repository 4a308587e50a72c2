"""The boot of a server, which touches every part; where it fails, the trace says at which of the 29 steps."""

import secrets
import time
from contextlib import suppress

from tinstack.lab import trace
from tinstack.lab.client import ApiError, Client
from tinstack.lab.verify import choices
from tinstack.lab.verify.probes import PREFIX, is_gone
from tinstack.lab.verify.report import Check, timed, wait_for
from tinstack.lab.words import LabError

BOOT_SECONDS, HOPELESS_SECONDS = 180.0, 20.0
"""How long a boot may take; the second where something is down already."""

DELETE_SECONDS = 90.0

TRACE_SECONDS = 2.0
"""How long after its server's fault the event of a failed step may come."""


def check(member: Client, admin: Client, *, hopeful: bool = True) -> Check:
    """Boot and delete one, in the demo project where there is one. ``hopeful``: nothing is known to be down."""
    return timed("boot", lambda: _boot(member, admin, BOOT_SECONDS if hopeful else HOPELESS_SECONDS))


def _boot(member: Client, admin: Client, seconds: float) -> str:
    image, flavor = choices.image_and_flavor(member, admin)
    network = choices.network(member, admin)
    body = {
        "name": PREFIX + secrets.token_hex(4),
        "imageRef": image["id"],
        "flavorRef": flavor["id"],
        "networks": [{"uuid": network["id"]}] if network else "none",
    }
    where = f"network {network['name']}" if network else "no network"
    what = f"image {image['name']}, flavor {flavor['name']}, {where}"
    began = time.perf_counter()
    try:
        server = member.send("POST", "compute", "/servers", {"server": body}, version="2.37")["server"]["id"]
    except ApiError as error:
        raise LabError(f"A server ({what}) is refused: {error.message}") from None
    try:
        wait_for("The server was not ACTIVE", lambda: _is_up(member, server), seconds)
        took = time.perf_counter() - began
        host = admin.get("compute", f"/servers/{server}")["server"]["OS-EXT-SRV-ATTR:host"]
    except LabError as error:
        raise LabError(f"{error.message} {_where(member, server)} It was asked for with {what}.") from None
    finally:
        _delete(member, server)
    wait_for("The server was not deleted", lambda: is_gone(member, "compute", f"/servers/{server}"), DELETE_SECONDS)
    return f"a server ACTIVE on {host} after {took:.1f} s, and deleted ({what})"


def _is_up(member: Client, server: str) -> bool:
    row = member.get("compute", f"/servers/{server}")["server"]
    if row["status"] == "ERROR":
        raise LabError(f"The server became ERROR: {row.get('fault', {}).get('message', 'it gave no reason.')}")
    return bool(row["status"] == "ACTIVE")


def _where(member: Client, server: str) -> str:
    """The step that failed, or the last that was reached."""
    until = time.monotonic() + TRACE_SECONDS
    try:
        while True:
            events = trace.fetch([member], server).events
            failed = next((event for event in events if event.outcome == "failed"), None)
            if failed or time.monotonic() > until:
                break
            time.sleep(0.1)
    except LabError:
        return ""
    if failed:
        return f"Step {failed.step} of {trace.STEPS} ({failed.name}) failed on {failed.host or failed.service}."
    if not events:
        return "None of its steps is recorded."
    last = max(events, key=lambda event: event.step)
    return f"The last of {trace.STEPS} steps that was reached is {last.step} ({last.name})."


def _delete(member: Client, server: str) -> None:
    with suppress(ApiError):  # its row, where it stays, is what a later look finds
        member.send("DELETE", "compute", f"/servers/{server}")
