"""Things without the row that owns them, and rows without their thing: a pure comparison of two looks.

Servers with an operation under way are left alone, with all that names them: they may be in two places or in none meanwhile.
"""

from collections.abc import Iterator

from tinstack.lab.verify.hosts import GUEST, Looked, Thing
from tinstack.lab.verify.report import Orphan
from tinstack.lab.verify.rows import Rows

GUESTS = {"domain", "folder", GUEST}
RUNS = {"domain", GUEST}
SETTLED = {"active", "paused", "suspended", "stopped", "rescued"}
"""States of a server that has a guest on its host."""

WITH_FILE = {"available", "in-use", "reserved", "attaching", "detaching", "retyping", "maintenance"}
SHORT = 11
"""Characters of an id in an interface's name."""

WORDS = {
    "domain": "The domain",
    "folder": "The instance folder",
    GUEST: "The guest",
    "interface": "The interface",
    "chain": "The nftables chain",
    "namespace": "The network namespace",
    "dhcp": "The DHCP server of network",
    "volume": "The volume file",
    "snapshot": "The snapshot file",
    "export": "The NBD export",
}


def find(looked: Looked, rows: Rows) -> list[Orphan]:
    """All of them, things first."""
    return [
        *_things(looked, rows),
        *_servers(looked, rows),
        *_claims(rows),
        *_rows(rows),
        *_volumes(looked, rows),
    ]


def _things(looked: Looked, rows: Rows) -> Iterator[Orphan]:
    for host, things in looked.things.items():
        owned = _Owned(host, rows)
        for thing in things:
            if why := owned.not_by(thing):
                yield Orphan(
                    kind=thing.kind,
                    name=thing.name,
                    host=host,
                    reason=f"{WORDS.get(thing.kind, thing.kind)} {thing.name} on {host} has no owner: {why}.",
                    owner=thing.owner,
                    on_host=True,
                )


class _Owned:
    """What one host should have."""

    def __init__(self, host: str, rows: Rows) -> None:
        self._host, self._rows, self._busy = host, rows, rows.busy
        here = [port for port in rows.ports if port.get("binding:host_id") == host or port["device_id"] in self._busy]
        self._ports = {port["id"][:SHORT] for port in here}
        self._networks = {port["network_id"] for port in here}
        self._dhcp = {port["network_id"] for port in here if port["device_owner"] == "network:dhcp"}

    def not_by(self, thing: Thing) -> str:
        """Why nobody owns it; '' where somebody does, or where the kind is not known."""
        if thing.kind in GUESTS:
            return self._guest(thing)
        if thing.kind == "chain" or (thing.kind == "interface" and thing.name.startswith(("tap", "qr-", "qg-"))):
            return (
                "" if thing.owner in self._ports else f"no port on this host has an id that begins with {thing.owner}"
            )
        if thing.kind == "interface":
            short = thing.owner.partition("-")[0] if thing.name.startswith("gr") else thing.owner
            there = any(network.startswith(short) for network in self._networks)
            return "" if there else f"no network with a port on this host has an id that begins with {short}"
        if thing.kind == "dhcp":
            return "" if thing.owner in self._dhcp else "that network has no DHCP port on this host"
        if thing.kind == "namespace":
            return self._namespace(thing)
        if thing.kind == "volume":
            return "" if thing.owner in self._rows.volumes else "there is no such volume"
        if thing.kind == "export":
            there = any(one["id"] == thing.owner for one in self._rows.attachments)
            return "" if there else "there is no such attachment"
        if thing.kind == "snapshot":
            return "" if thing.owner in self._rows.snapshots else "there is no such snapshot"
        return ""

    def _guest(self, thing: Thing) -> str:
        server = self._rows.servers.get(thing.owner)
        if server is None:
            return "" if thing.owner in self._busy else "there is no such server"
        place = server["OS-EXT-SRV-ATTR:host"]
        if place == self._host or thing.owner in self._busy:
            return ""
        return f"its server is on {place}" if place else "its server is on no host"

    def _namespace(self, thing: Thing) -> str:
        if thing.name.startswith("dhcp-"):
            return "" if thing.owner in self._dhcp else "its network has no DHCP port on this host"
        return "" if thing.owner in self._rows.routers else "there is no such router"


def _servers(looked: Looked, rows: Rows) -> Iterator[Orphan]:
    """Servers without a guest, on hosts that could be asked."""
    busy = rows.busy
    for id, server in rows.servers.items():
        host = server["OS-EXT-SRV-ATTR:host"]
        if id in busy or host not in looked.things or server["OS-EXT-STS:vm_state"] not in SETTLED:
            continue
        if not any(thing.kind in RUNS and thing.owner == id for thing in looked.things[host]):
            reason = (
                f"The server {id} ({server['name']}) is {server['status']} on {host}, but that host has no guest of it."
            )
            yield Orphan("server", id, host, reason, owner=id)


def _claims(rows: Rows) -> Iterator[Orphan]:
    """Claims of no server, claims on another host than their server's, and running servers without a claim on theirs.

    What is held by who does not say that it is a server is its own.
    """
    busy = rows.busy
    for consumer, host in rows.claims:
        if consumer in busy or consumer in rows.others:
            continue
        server, words = rows.servers.get(consumer), f"The allocation of {consumer} on {host} has no owner:"
        if server is None:
            yield Orphan("allocation", consumer, host, f"{words} there is no such server.", owner=consumer)
        elif (place := server["OS-EXT-SRV-ATTR:host"]) != host:
            reason = f"{words} that server is on {place or 'no host'}."
            yield Orphan("misplaced", consumer, host, reason, owner=consumer)
    held = set(rows.claims)
    for id, server in rows.servers.items():
        host = server["OS-EXT-SRV-ATTR:host"]
        if host and id not in busy and server["OS-EXT-STS:vm_state"] in SETTLED and (id, host) not in held:
            reason = f"The server {id} ({server['name']}) is {server['status']} on {host}, but has no allocation there."
            yield Orphan("unclaimed", id, host, reason, owner=id)


def _rows(rows: Rows) -> Iterator[Orphan]:
    """Rows that name a row which is gone."""
    alive = rows.servers.keys() | rows.busy
    for port in rows.ports:
        id, device, owner = port["id"], port["device_id"], port["device_owner"]
        bound: str | None = port.get("binding:host_id") or None
        at = f" on {bound}" if bound else ""
        if owner.startswith("compute:") and device not in alive:
            yield Orphan(
                "port", id, bound, f"The port {id}{at} has no owner: there is no server {device}.", owner=device
            )
        elif owner.startswith("network:router_") and device not in rows.routers:
            yield Orphan(
                "port", id, bound, f"The port {id}{at} has no owner: there is no router {device}.", owner=device
            )
    for one in rows.attachments:
        server = one.get("instance")
        if server and server not in alive:
            reason = (
                f"The attachment {one['id']} of volume {one['volume_id']} has no owner: there is no server {server}."
            )
            yield Orphan("attachment", one["id"], None, reason, owner=server)
    ports = {port["id"] for port in rows.ports}
    for one in rows.floating:
        if one["port_id"] and one["port_id"] not in ports:
            reason = f"The floating IP {one['floating_ip_address']} leads to the port {one['port_id']}, which is gone."
            yield Orphan("floating_ip", one["id"], None, reason, owner=one["port_id"])
    for one in rows.operations:
        if one["overdue"]:
            reason = (
                f"The operation {one['id']} ({one['kind']} of server {one['server_id']}) is overdue at step {one['step']}: "
                f"its last owner was {one['owner']}, and no conductor has handed it on."
            )
            yield Orphan("operation", one["id"], None, reason, owner=one["server_id"])


def _volumes(looked: Looked, rows: Rows) -> Iterator[Orphan]:
    """Volumes whose file is gone, on hosts that could be asked."""
    files = {
        host: {thing.owner for thing in things if thing.kind == "volume"} for host, things in looked.things.items()
    }
    for id, volume in rows.volumes.items():
        place = volume.get("os-vol-host-attr:host") or ""
        host = place.partition("@")[0]
        if volume["status"] in WITH_FILE and place in rows.file_pools and host in files and id not in files[host]:
            reason = f"The volume {id} is {volume['status']} on {place}, but its file is not there."
            yield Orphan("volume_row", id, host, reason, owner=id)
