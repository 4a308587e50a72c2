"""Removing what has no owner: by who made it. What can't be put right without losing something is only named."""

from collections.abc import Callable

from tinstack.lab.client import Client
from tinstack.lab.verify.hosts import Hosts
from tinstack.lab.verify.report import Orphan, wait_for
from tinstack.lab.words import LabError

REBOOT_SECONDS = 90.0
BY_CONDUCTOR = {"misplaced", "unclaimed"}
"""Kinds that are only waited for."""


def repair(found: list[Orphan], hosts: Hosts, admin: Client) -> None:
    """Sets ``repaired`` of each that something was done about; says in ``reason`` why nothing was."""
    things = [one for one in found if one.on_host]
    failed = hosts.remove(things) if things else {}
    for one in things:
        if one.host in failed:
            one.reason += f" It could not be removed: {failed[one.host]}"
        else:
            one.repaired = "It was removed."
    for one in found:
        work = ROWS.get(one.kind)
        if one.on_host or work is None:
            continue
        try:
            one.repaired = work(one, admin)
        except LabError as error:
            one.reason += f" That could not be put right: {error.message}"


def _allocation(one: Orphan, admin: Client) -> str:
    admin.send("DELETE", "placement", f"/allocations/{one.name}")
    return "The claim was given back."


def _claim(one: Orphan, admin: Client) -> str:
    """The conductor's sweep does it, as it knows what the server takes."""
    return "The conductor put the claim right."


def _port(one: Orphan, admin: Client) -> str:
    """One that somebody gave a name, or that a floating IP leads to, is somebody's: it is freed. Others were made by a boot."""
    path = f"/v2.0/ports/{one.name}"
    port = admin.get("network", path)["port"]
    public = admin.get("network", "/v2.0/floatingips", {"port_id": one.name})["floatingips"]
    if port["device_owner"].startswith("compute:") and (
        port["name"] or port.get("description") or port.get("tags") or public
    ):
        free = {"device_id": "", "device_owner": "", "binding:host_id": ""}
        admin.send("PUT", "network", path, {"port": free})
        return "It was freed, not deleted, as it has a name or a floating IP."
    admin.send("DELETE", "network", path)
    return "It was deleted."


def _attachment(one: Orphan, admin: Client) -> str:
    admin.send("DELETE", "block-storage", f"/attachments/{one.name}", version="3.27")
    return "It was deleted."


def _floating_ip(one: Orphan, admin: Client) -> str:
    admin.send("PUT", "network", f"/v2.0/floatingips/{one.name}", {"floatingip": {"port_id": None}})
    return "It was freed."


def _server(one: Orphan, admin: Client) -> str | None:
    """A hard reboot defines the guest again from what its folder keeps. One that is off stays so until its owner starts it."""
    path = f"/servers/{one.name}"
    if admin.get("compute", path)["server"]["status"] != "ACTIVE":
        one.reason += " It is off: starting it makes its guest anew."
        return None
    admin.send("POST", "compute", f"{path}/action", {"reboot": {"type": "HARD"}})

    def settled() -> bool:
        row = admin.get("compute", path)["server"]
        if row["status"] == "ERROR":
            raise LabError(
                f"its guest can't be made anew, so it is ERROR now: {row.get('fault', {}).get('message', '')}"
            )
        return row["OS-EXT-STS:task_state"] is None and row["status"] == "ACTIVE"

    wait_for("The server was not rebooted", settled, REBOOT_SECONDS)
    return "It was rebooted hard, which made its guest anew."


def _volume_row(one: Orphan, admin: Client) -> str:
    body = {"os-reset_status": {"status": "error"}}
    admin.send("POST", "block-storage", f"/volumes/{one.name}/action", body)
    return "It shows error now, so that nobody attaches it: its data is lost."


ROWS: dict[str, Callable[[Orphan, Client], str | None]] = {
    "allocation": _allocation,
    "misplaced": _claim,
    "unclaimed": _claim,
    "port": _port,
    "attachment": _attachment,
    "floating_ip": _floating_ip,
    "server": _server,
    "volume_row": _volume_row,
}
"""What is done about rows. Overdue operations are the conductor's alone."""
