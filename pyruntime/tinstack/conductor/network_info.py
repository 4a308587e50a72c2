"""The network info cache: each server's addresses as its row shows them, read from the network service."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote
from weakref import WeakValueDictionary

from tinstack.computedb import instances
from tinstack.computedb.instances import Listing
from tinstack.computedb.rows import Address, Instance, Interface
from tinstack.conductor.parts import Parts, only_controllers
from tinstack.conductor.rpc import NetworkChanged
from tinstack.core.bus import Envelope, set_aside
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)

NETWORKS_SECONDS = 30.0
TRIES = 5
Body = dict[str, Any]


class _Network(NamedTuple):
    """What is shown of a network. ``read_at``: by the monotonic clock."""

    name: str
    mtu: int
    read_at: float


class NetworkInfo:
    """Reads ports and floating IPs, writes what changed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._networks: dict[str, _Network] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, server: Instance) -> list[Interface] | None:
        """Read now; None where the network service can't say: the next look will. It holds while the row is as ``server`` has it.

        Of ports that are made with the server no floating IPs are asked for: one that came meanwhile was told of as a change.
        """
        try:
            return await self._read(server, new=not server.network_info and all(port.ours for port in server.ports))
        except ApiError as error:
            log.warning("the addresses of server %s are not known yet: %s", server.id, error.text)
            return None

    async def changed(self, message: NetworkChanged, envelope: Envelope) -> None:
        """The network service said so, by the api. One look at a time, so that what is read later is written later."""
        only_controllers(envelope)
        await set_aside()
        turn = self._turns.setdefault(message.server_id, asyncio.Lock())
        async with turn:
            for _ in range(TRIES):
                server = await instances.get(self._parts.db, message.server_id)
                if server is None or await self._write(server.id, server.network_info, await self._read(server)):
                    return

    async def refresh_all(self) -> None:
        """Every server: three requests and what differs. What changed meanwhile is left to the next look."""
        servers = await instances.page(
            self._parts.db, Listing(among={"vm_state": ["active", "stopped", "paused", "suspended"]})
        )
        if not servers:
            return
        ports = await self._get("/v2.0/ports", "ports")
        floating = await self._get("/v2.0/floatingips", "floatingips")
        of_server: dict[str, list[Body]] = {}
        for port in ports:
            of_server.setdefault(port["device_id"], []).append(port)
        for server in servers:
            found = await self._interfaces(server, of_server.get(server.id, []), floating)
            await self._write(server.id, server.network_info, found)

    async def _write(self, id: str, known: list[Interface], found: list[Interface]) -> bool:
        """``known``: what the row had before ``found`` was read. False where it has something else by now, which may be newer.
        A server that is gone meanwhile shows nothing any more."""
        if known == found:
            return True

        async def work(tx: Transaction) -> bool:
            try:
                row = await instances.locked(tx, id)
            except instances.ServerNotFound:
                return True
            if row.network_info != known:
                return False
            await instances.write(tx, id, network_info=found, updated_at=row.updated_at)
            return True

        return await self._parts.db.transact(work)

    async def _read(self, server: Instance, *, new: bool = False) -> list[Interface]:
        ports = await self._get(f"/v2.0/ports?device_id={quote(server.id)}", "ports")
        wanted = "&".join(f"port_id={quote(port['id'])}" for port in ports)
        floating = await self._get(f"/v2.0/floatingips?{wanted}", "floatingips") if ports and not new else []
        return await self._interfaces(server, ports, floating)

    async def _interfaces(self, server: Instance, ports: list[Body], floating: Iterable[Body]) -> list[Interface]:
        order = {port.id: place for place, port in enumerate(server.ports)}
        tags = {port.id: port.tag for port in server.ports}
        nat = [one for one in floating if one.get("port_id")]
        networks = {port["network_id"]: await self._network(port["network_id"]) for port in ports}
        return [
            Interface(
                port_id=port["id"],
                network_id=port["network_id"],
                network_name=networks[port["network_id"]].name,
                mtu=networks[port["network_id"]].mtu,
                mac=port["mac_address"],
                addresses=_addresses(port, nat),
                tag=tags.get(port["id"]),
            )
            for port in sorted(ports, key=lambda port: order.get(port["id"], len(order)))
        ]

    async def _network(self, network_id: str) -> _Network:
        known = self._networks.get(network_id)
        if known is None or time.monotonic() - known.read_at > NETWORKS_SECONDS:
            found = (await self._parts.session.request("GET", "network", f"/v2.0/networks/{network_id}")).json()[
                "network"
            ]
            known = self._networks[network_id] = _Network(found["name"], found["mtu"], time.monotonic())
        return known

    async def _get(self, path: str, collection: str) -> list[Body]:
        found: list[Body] = (await self._parts.session.request("GET", "network", path)).json()[collection]
        return found


def _addresses(port: Body, nat: list[Body]) -> list[Address]:
    """Fixed addresses, each followed by the floating ones that lead to it."""
    found: list[Address] = []
    for fixed in port["fixed_ips"]:
        ip = fixed["ip_address"]
        found.append(Address(ip=ip, version=6 if ":" in ip else 4))
        for one in nat:
            if one["port_id"] == port["id"] and one["fixed_ip_address"] == ip:
                outer = one["floating_ip_address"]
                found.append(Address(ip=outer, version=6 if ":" in outer else 4, kind="floating"))
    return found
