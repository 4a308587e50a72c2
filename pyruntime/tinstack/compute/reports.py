"""What a host reports: what it has, what runs on it, and the questions about a guest that it answers."""

import asyncio
import logging

import msgspec

from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import Driver
from tinstack.compute.rpc import ConsoleOutput, Diagnostics, GetConsoleOutput, GetDiagnostics, GetUptime, Uptime
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import HostReport, provider_of
from tinstack.core.bus import Bus, Envelope
from tinstack.core.clock import now_us
from tinstack.core.errors import NotFound
from tinstack.core.periodic import Periodic

log = logging.getLogger(__name__)


class Reports:
    """The heartbeat of one host. ``generations``: the newest of each server that this process worked for."""

    def __init__(self, config: Config, bus: Bus, driver: Driver) -> None:
        self._config, self._bus, self._driver = config, bus, driver
        self.generations: dict[str, int] = {}
        self._started_at = now_us()
        self._reporting = Periodic("host report", config.report_seconds, self.report)

    def start(self) -> None:
        """Begin."""
        self._reporting.start()

    async def stop(self) -> None:
        """End."""
        await self._reporting.stop()

    async def report(self) -> None:
        """Cast what there is now."""
        known = dict(self.generations)
        facts, servers = await asyncio.gather(self._driver.facts(), self._driver.servers())
        seen = [msgspec.structs.replace(one, generation=known.get(one.id, 0)) for one in servers]
        report = HostReport(
            host=self._config.host,
            provider=provider_of(self._config.host),
            hypervisor_type=facts.hypervisor_type,
            hypervisor_version=facts.hypervisor_version,
            host_ip=self._config.my_ip,
            vcpus=facts.vcpus,
            ram_mib=facts.ram_mib,
            disk_gib=max(0, facts.disk_gib - self._config.reserved_disk_gib),
            free_disk_gib=facts.free_disk_gib,
            cpu_info=facts.cpu_info,
            servers=seen,
            started_at=self._started_at,
            reserved_mib=min(facts.ram_mib, self._config.reserved_ram_mib),
            cpu_ratio=self._config.cpu_allocation_ratio,
            ram_ratio=self._config.ram_allocation_ratio,
            disk_ratio=self._config.disk_allocation_ratio,
        )
        await self._bus.cast(conductor.TOPIC, report)

    async def power_changed(self, id: str, state: int) -> None:
        """A guest changed by itself: say so now."""
        log.info("server %s changed by itself: power state %d", id, state)
        self._reporting.nudge()

    async def console_output(self, message: GetConsoleOutput, envelope: Envelope) -> ConsoleOutput:
        """The console log's end."""
        await self._must_be_here(message.server_id)
        return ConsoleOutput(output=await self._driver.console_output(message.server_id, message.length))

    async def diagnostics(self, message: GetDiagnostics, envelope: Envelope) -> Diagnostics:
        """Figures of a guest."""
        await self._must_be_here(message.server_id)
        return Diagnostics(diagnostics=await self._driver.diagnostics(message.server_id))

    async def uptime(self, message: GetUptime, envelope: Envelope) -> Uptime:
        """The host's."""
        return Uptime(uptime=await self._driver.uptime())

    async def _must_be_here(self, id: str) -> None:
        if await self._driver.power_state(id) is None:
            raise NotFound(f"The server {id} has no guest on {self._config.host}.")
