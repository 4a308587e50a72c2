"""Hosts' reports: heartbeats, hypervisors, and their inventories in placement."""

import asyncio
import logging
import time

import msgspec

from tinstack.computedb import heartbeats, store
from tinstack.conductor.beats import Beats
from tinstack.conductor.parts import Parts, only
from tinstack.conductor.power import Power
from tinstack.conductor.remote import Remote
from tinstack.conductor.rpc import HostReport, ObservedServer, ServiceReport, provider_of
from tinstack.core.bus import Envelope, Refused, set_aside
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""Rows are compared with a host's report that often, also where it says the same as the last one."""
SELL_AGAIN_SECONDS = 0.5
"""How long placement is left alone when it did not take a host's inventory: until it has, nothing is sold there."""

CONTROLLERS = {"nova-scheduler": "scheduler", "nova-conductor": "conductor"}
"""The compute API's names of services → who says that they live."""


class _Known(msgspec.Struct):
    """What was last taken from a host's reports. ``selling``: its inventory is on its way to placement."""

    started_at: int = 0
    selling: bool = False
    facts: tuple[object, ...] = ()
    inventory: tuple[object, ...] = ()
    servers: tuple[ObservedServer, ...] = ()
    looked_at: float = 0.0


class HostReports:
    """Takes reports; writes only what changed."""

    def __init__(self, parts: Parts, remote: Remote) -> None:
        self._parts, self._remote = parts, remote
        self._known: dict[str, _Known] = {}
        self._power = Power(parts)
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
        stale = time.monotonic() - known.looked_at > LOOK_SECONDS
        if (stale or known.servers != seen) and await self._power.sync(message, {one.id for one in known.servers}):
            known.servers, known.looked_at = seen, time.monotonic()

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
        amounts = (
            ("VCPU", message.vcpus, message.cpu_ratio, 0),
            ("MEMORY_MB", message.ram_mib, message.ram_ratio, message.reserved_mib),
            ("DISK_GB", message.disk_gib, message.disk_ratio, 0),
        )
        inventory = (message.provider, *amounts)
        if known.inventory == inventory:
            return True
        wanted = {kind: _stock(total, ratio, reserved) for kind, total, ratio, reserved in amounts if total}
        await set_aside()
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


def _stock(total: int, ratio: float, reserved: int) -> dict[str, float]:
    return {
        "total": total,
        "reserved": reserved,
        "min_unit": 1,
        "max_unit": max(1, total),
        "step_size": 1,
        "allocation_ratio": ratio,
    }
