"""Hosts' reports: heartbeats, hypervisors, their inventories in placement, and what became of guests by themselves."""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

import msgspec

from tinstack.compute import rpc as compute
from tinstack.computedb import heartbeats, instances, store
from tinstack.computedb.kinds import CRASHED_POWER, SHUTDOWN_POWER
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import OPERATIONS
from tinstack.conductor.beats import Beats
from tinstack.conductor.parts import Parts, only
from tinstack.conductor.remote import Remote
from tinstack.conductor.rpc import HostReport, ObservedServer, ServiceReport, provider_of
from tinstack.core.bus import Envelope, Refused
from tinstack.core.clock import SECOND, now_us
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)

SETTLED = 30 * SECOND
SELL_AGAIN_SECONDS = 0.5
"""How long placement is left alone when it did not take a host's inventory: until it has, nothing is sold there."""

CONTROLLERS = {"nova-scheduler": "scheduler", "nova-conductor": "conductor"}
"""The compute API's names of services → who says that they live."""

OFF = {SHUTDOWN_POWER, CRASHED_POWER}


class _Known(msgspec.Struct):
    """What was last taken from a host's reports. ``selling``: its inventory is on its way to placement."""

    started_at: int = 0
    selling: bool = False
    facts: tuple[object, ...] = ()
    inventory: tuple[object, ...] = ()
    servers: tuple[ObservedServer, ...] = ()


class HostReports:
    """Takes reports; writes only what changed."""

    def __init__(self, parts: Parts, remote: Remote) -> None:
        self._parts, self._remote = parts, remote
        self._known: dict[str, _Known] = {}
        self.beats = Beats(parts.db, parts.config.service_down_seconds)

    async def report(self, message: HostReport, envelope: Envelope) -> None:
        """One report."""
        only(envelope, f"compute.{message.host}")
        if message.provider != provider_of(message.host):
            raise Refused(f"'{envelope.sender}' may not speak of the resource provider {message.provider}.")
        known = self._known.setdefault(message.host, _Known())
        await self.beats.heard(message.host, message.started_at)
        await self._describe(message, known)
        await self._sell(message, known)
        if known.started_at != message.started_at:
            await self._continue(message.host)
            known.started_at = message.started_at
        seen = tuple(message.servers)
        if known.servers != seen:
            await self._note_strangers(message, {one.id for one in known.servers})
            if await self._sync_power(message):
                known.servers = seen

    async def service(self, message: ServiceReport, envelope: Envelope) -> None:
        """A controller's service lives."""
        only(envelope, CONTROLLERS.get(message.binary, ""))
        await heartbeats.beat(self._parts.db, message.host, message.binary, message.started_at)

    async def beat(self) -> None:
        """This conductor lives."""
        await heartbeats.beat(self._parts.db, self._parts.config.host, "nova-conductor", self._parts.started_at)

    async def _describe(self, message: HostReport, known: _Known) -> None:
        facts = (
            message.provider,
            message.hypervisor_type,
            message.hypervisor_version,
            message.host_ip,
            message.vcpus,
            message.ram_mib,
            message.disk_gib,
            message.free_disk_gib,
        )
        if known.facts != facts:
            await heartbeats.describe(self._parts.db, message)
            known.facts = facts

    async def _sell(self, message: HostReport, known: _Known) -> None:
        """The host's inventory in placement; while that is out of reach it is tried again and again in the background."""
        if await self._is_sold(message, known) or known.selling:
            return
        known.selling = True
        self._parts.background.start(self._sell_later(message, known), f"selling what host {message.host} has")

    async def _sell_later(self, message: HostReport, known: _Known) -> None:
        try:
            while True:
                await asyncio.sleep(SELL_AGAIN_SECONDS)
                if await self._is_sold(message, known):
                    return
        finally:
            known.selling = False

    async def _is_sold(self, message: HostReport, known: _Known) -> bool:
        wanted = {
            "VCPU": _stock(message.vcpus, message.cpu_ratio, 0),
            "MEMORY_MB": _stock(message.ram_mib, message.ram_ratio, message.reserved_mib),
            "DISK_GB": _stock(message.disk_gib, message.disk_ratio, 0),
        }
        wanted = {kind: stock for kind, stock in wanted.items() if stock["total"]}
        inventory = (message.provider, msgspec.json.encode(wanted))
        if known.inventory == inventory:
            return True
        try:
            await self._remote.inventory(message.provider, message.host, wanted)
        except ApiError as error:
            log.warning("placement does not know yet what host %s has: %s", message.host, error.text)
            return False
        known.inventory = inventory
        return True

    async def _continue(self, host: str) -> None:
        """The agent has started anew: what it was at is told to it again."""
        for operation in await store.running_on(self._parts.db, host):
            if operation.owner.startswith((f"compute@{host}/", "scheduler@")):
                await self._parts.look(host, operation)

    async def _note_strangers(self, message: HostReport, before: set[str]) -> None:
        """Guests that the host newly says it has, and that are another host's: what it says of them does not count."""
        new = {one.id for one in message.servers} - before
        places = await instances.hosts_of(self._parts.db, new) if new else {}
        for id, host in places.items():
            if host not in (None, message.host):
                log.warning(
                    "host '%s' reports server %s, which is on '%s': that does not count", message.host, id, host
                )

    async def _sync_power(self, message: HostReport) -> bool:
        """A guest that halted by itself is SHUTOFF. False where something must be looked at again.

        What a host saw before the last operation began does not count: it names the generation that it worked for last.
        """
        seen = {one.id: one for one in message.servers}
        on_host = await instances.on_host(self._parts.db, message.host)
        settled = not await self._tell_of_gone(message.host, seen.keys() - {server.id for server in on_host})
        for server in on_host:
            observed = seen.get(server.id)
            if observed is None or observed.power_state == server.power_state:
                continue
            if _is_current(server, observed):
                await self._parts.db.transact(partial(self._swap, observed))
            else:
                settled = False
        return settled

    async def _tell_of_gone(self, host: str, strange: Iterable[str]) -> bool:
        """Whether there are guests of servers that are deleted: their host is told, until it has none."""
        told = False
        for id in strange:
            server = await instances.get(self._parts.db, id, deleted=True)
            if server is not None and server.deleted_at:
                told = True
                await self._parts.bus.cast(compute.topic(host), compute.Gone(server_id=id))
        return told

    @staticmethod
    async def _swap(observed: ObservedServer, tx: Transaction) -> None:
        server = await instances.locked(tx, observed.id)
        if not _is_current(server, observed) or await OPERATIONS.running(tx, server.id):
            return
        changes: dict[str, object] = {"power_state": observed.power_state}
        if server.vm_state == "active" and observed.power_state in OFF:
            changes["vm_state"] = "stopped"
            log.info("server %s stopped by itself", server.id)
        await instances.write(tx, server.id, **changes)


def _stock(total: int, ratio: float, reserved: int) -> dict[str, float]:
    return {
        "total": total,
        "reserved": reserved,
        "min_unit": 1,
        "max_unit": max(1, total),
        "step_size": 1,
        "allocation_ratio": ratio,
    }


def _is_current(server: Instance, observed: ObservedServer) -> bool:
    """Whether the host saw it after all that was done to it. A host that has just started does not know: it waits a while."""
    if observed.generation:
        return observed.generation == server.generation
    return now_us() - server.updated_at > SETTLED
