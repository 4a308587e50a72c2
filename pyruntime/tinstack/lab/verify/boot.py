"""The boot of a server, which touches every part; where it fails, the trace says at which of the 29 steps."""

import secrets
import time
from contextlib import suppress
from typing import Any

from tinstack.lab import trace
from tinstack.lab.client import ApiError, Client
from tinstack.lab.verify.probes import PREFIX, is_gone
from tinstack.lab.verify.report import Check, Skipped, timed, wait_for
from tinstack.lab.words import LabError

BOOT_SECONDS, HOPELESS_SECONDS = 180.0, 20.0
"""How long a boot may take; the second where something is down already."""

DELETE_SECONDS = 90.0
GIB = 1 << 30


def check(member: Client, admin: Client, *, hopeful: bool = True) -> Check:
    """Boot and delete one, in the demo project where there is one. ``hopeful``: nothing is known to be down."""
    return timed("boot", lambda: _boot(member, admin, BOOT_SECONDS if hopeful else HOPELESS_SECONDS))


def _boot(member: Client, admin: Client, seconds: float) -> str:
    image, flavor = _smallest(member)
    networks = [
        one["id"]
        for one in member.get("network", "/v2.0/networks")["networks"]
        if one["subnets"] and not one["router:external"]
    ]
    body = {
        "name": PREFIX + secrets.token_hex(4),
        "imageRef": image["id"],
        "flavorRef": flavor["id"],
        "networks": [{"uuid": networks[0]}] if networks else "none",
    }
    began = time.perf_counter()
    try:
        server = member.send("POST", "compute", "/servers", {"server": body}, version="2.37")["server"]["id"]
    except ApiError as error:
        if error.status == 403 and "quota" in error.message.lower():
            raise Skipped(f"the project has no quota left: {error.message}") from None
        raise
    try:
        wait_for("The server was not ACTIVE", lambda: _is_up(member, server), seconds)
        took = time.perf_counter() - began
        host = admin.get("compute", f"/servers/{server}")["server"]["OS-EXT-SRV-ATTR:host"]
    except LabError as error:
        raise LabError(f"{error.message} {_where(member, server)}".strip()) from None
    finally:
        _delete(member, server)
    wait_for("The server was not deleted", lambda: is_gone(member, "compute", f"/servers/{server}"), DELETE_SECONDS)
    return f"a server ACTIVE on {host} after {took:.1f} s, and deleted"


def _smallest(member: Client) -> tuple[dict[str, Any], dict[str, Any]]:
    """The smallest image that is ready, and the smallest flavor that it fits."""
    images = [
        one for one in member.get("image", "/v2/images", {"status": "active", "limit": 100})["images"]
        if one["disk_format"] in ("raw", "qcow2")
    ]  # fmt: skip
    flavors = member.get("compute", "/flavors/detail")["flavors"]
    for image in sorted(images, key=lambda one: int(one["size"] or 0)):
        size = max(int(image.get("virtual_size") or 0), int(image["size"] or 0))
        fit = [
            one
            for one in flavors
            if one["ram"] >= image["min_ram"] and one["disk"] >= image["min_disk"] and size <= one["disk"] * GIB
        ]
        if fit:
            return image, min(fit, key=lambda one: (one["ram"], one["vcpus"], one["disk"]))
    raise Skipped("there is no image with a flavor that it fits, so there is nothing to boot")


def _is_up(member: Client, server: str) -> bool:
    row = member.get("compute", f"/servers/{server}")["server"]
    if row["status"] == "ERROR":
        raise LabError(f"The server became ERROR: {row.get('fault', {}).get('message', 'it gave no reason.')}")
    return bool(row["status"] == "ACTIVE")


def _where(member: Client, server: str) -> str:
    """The step that failed, or the last that was reached."""
    try:
        events = trace.fetch([member], server).events
    except LabError:
        return ""
    failed = next((event for event in events if event.outcome == "failed"), None)
    if failed:
        return f"Step {failed.step} of {trace.STEPS} ({failed.name}) failed on {failed.host or failed.service}."
    if not events:
        return "None of its steps is recorded."
    last = max(events, key=lambda event: event.step)
    return f"The last of {trace.STEPS} steps that was reached is {last.step} ({last.name})."


def _delete(member: Client, server: str) -> None:
    with suppress(ApiError):  # its row, where it stays, is what a later look finds
        member.send("DELETE", "compute", f"/servers/{server}")
