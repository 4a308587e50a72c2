"""The host's agent: looks at a server when told to, asks what is wanted, makes it so, reports (steps 13, 14 and 29)."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from uuid import NAMESPACE_DNS, uuid5

from tinstack.compute.boot import Boot, Rehearse
from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import NOSTATE, Driver
from tinstack.compute.errors import failed
from tinstack.compute.lease import Lease, LeaseLost
from tinstack.compute.ports import Ports
from tinstack.compute.rpc import ConsoleOutput, Diagnostics, GetConsoleOutput, GetDiagnostics, Look, ServerEvent
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import AskServer, HostReport, ServerDetails
from tinstack.core.bus import Bus, Envelope, RemoteFailure
from tinstack.core.clock import now_us
from tinstack.core.errors import ApiError, NotFound
from tinstack.core.periodic import Periodic
from tinstack.core.trace import Tracer

log = logging.getLogger(__name__)

ASK_SECONDS = 30.0
"""How long the conductor may take to answer: it asks identity for the launch token."""


def provider_of(host: str) -> str:
    """The uuid of a host's resource provider: the same after a reinstall."""
    return str(uuid5(NAMESPACE_DNS, f"{host}.compute.tinstack"))


class Agent:
    """One host."""

    def __init__(self, config: Config, bus: Bus, driver: Driver, rehearse: Rehearse, boot: Boot, ports: Ports, tracer: Tracer) -> None:
        self._config, self._bus, self._driver, self._rehearse = config, bus, driver, rehearse
        self._boot, self._ports, self._tracer = boot, ports, tracer
        self.owner = f"compute@{config.host}/{os.getpid()}"
        self._started_at = now_us()
        self._working: set[str] = set()
        self._busy: dict[str, asyncio.Lock] = {}
        self._reporting = Periodic("host report", config.report_seconds, self.report)

    async def start(self) -> None:
        """Connect to the hypervisor and begin to report."""
        await self._driver.open(self._power_changed)
        self._reporting.start()

    async def stop(self) -> None:
        """Stop reporting; guests run on."""
        await self._reporting.stop()
        await self._driver.close()

    # --- what a host is told -------------------------------------------------------------------

    async def look(self, message: Look, envelope: Envelope) -> None:
        """Steps 13 and 14, then the operation itself. One that is under way here already is not begun again."""
        if message.operation_id in self._working:
            return
        self._working.add(message.operation_id)
        try:
            async with self._busy.setdefault(message.server_id, asyncio.Lock()):
                await self._operate(message)
        finally:
            self._working.discard(message.operation_id)
            if not self._busy[message.server_id].locked():
                self._busy.pop(message.server_id, None)

    async def event(self, message: ServerEvent, envelope: Envelope) -> None:
        """An external event."""
        if message.name == "network-vif-plugged":
            self._ports.event(message.tag)

    async def console_output(self, message: GetConsoleOutput, envelope: Envelope) -> ConsoleOutput:
        """The console log's end."""
        await self._must_be_here(message.server_id)
        return ConsoleOutput(output=await self._driver.console_output(message.server_id, message.length))

    async def diagnostics(self, message: GetDiagnostics, envelope: Envelope) -> Diagnostics:
        """Figures of a guest."""
        await self._must_be_here(message.server_id)
        return Diagnostics(diagnostics=await self._driver.diagnostics(message.server_id))

    async def _must_be_here(self, id: str) -> None:
        if await self._driver.power_state(id) is None:
            raise NotFound(f"The server {id} has no guest on {self._config.host}.")

    # --- operations ----------------------------------------------------------------------------

    async def _operate(self, message: Look) -> None:
        taken, began = now_us(), time.perf_counter()
        ask = AskServer(
            server_id=message.server_id,
            operation_id=message.operation_id,
            generation=message.generation,
            owner=self.owner,
        )
        asked, asking = now_us(), time.perf_counter()
        try:
            server = await self._bus.call(conductor.TOPIC, ask, ServerDetails, ASK_SECONDS)
        except RemoteFailure as error:
            if error.remote_status not in (403, 404, 409):
                raise
            log.info("nothing to do for server %s: %s", message.server_id, error.text)
            return
        if server.kind == "boot":
            self._tracer.record(13, start=taken, duration=int((asking - began) * 1e6), server_id=server.id)
            answered = int((time.perf_counter() - asking) * 1e6)
            self._tracer.record(14, start=asked, duration=answered, server_id=server.id)
        async with Lease(self._bus, server, self.owner) as lease:
            try:
                await self._perform(server, lease)
            except LeaseLost as lost:
                log.warning("%s of server %s ends here: %s", server.kind, server.id, lost.text)
            except asyncio.CancelledError:
                if not lease.lost:
                    raise

    async def _perform(self, server: ServerDetails, lease: Lease) -> None:
        try:
            if server.kind == "boot":
                state = await self._boot.run(server, lease)
                with self._tracer.step(29, server.id):
                    await lease.finished(state)
                return
            await self._rehearse(server.kind, server)
            await self._change(server)
        except LeaseLost:
            raise
        except Exception as error:
            problem = failed(0, error, elsewhere=False)
            log.warning("%s of server %s failed at step %d: %s", server.kind, server.id, problem.step, problem.text)
            if server.kind == "boot":
                await self._driver.remove(server.id)
            await lease.failed(problem.step, problem.text, elsewhere=problem.elsewhere)
            return
        power = await self._driver.power_state(server.id)
        await lease.finished(NOSTATE if power is None else power)

    async def _change(self, server: ServerDetails) -> None:
        """Every kind of operation but the boot. An unknown one is refused: a newer conductor than this host."""
        grace = float(server.data.get("shutdown_seconds", self._config.shutdown_seconds))
        changes: dict[str, Callable[[], Awaitable[None]]] = {
            "delete": lambda: self._driver.remove(server.id),
            "start": lambda: self._driver.start(server.id),
            "stop": lambda: self._driver.stop(server.id, grace),
            "reboot": lambda: self._driver.reboot(server.id, hard=False, seconds=grace),
            "reboot_hard": lambda: self._driver.reboot(server.id, hard=True, seconds=grace),
            "pause": lambda: self._driver.pause(server.id),
            "unpause": lambda: self._driver.unpause(server.id),
            "suspend": lambda: self._driver.suspend(server.id),
            "resume": lambda: self._driver.resume(server.id),
        }
        if server.kind not in changes:
            raise ApiError(f"The host {self._config.host} does not know the operation '{server.kind}'.")
        await changes[server.kind]()

    # --- reports -------------------------------------------------------------------------------

    async def report(self) -> None:
        """What this host has and what runs on it."""
        facts = await self._driver.facts()
        report = HostReport(
            host=self._config.host,
            provider=provider_of(self._config.host),
            hypervisor_type=facts.hypervisor_type,
            hypervisor_version=facts.hypervisor_version,
            host_ip=self._config.my_ip,
            vcpus=facts.vcpus,
            ram_mib=max(0, facts.ram_mib - self._config.reserved_ram_mib),
            disk_gib=max(0, facts.disk_gib - self._config.reserved_disk_gib),
            free_disk_gib=facts.free_disk_gib,
            cpu_info=facts.cpu_info,
            servers=await self._driver.servers(),
            started_at=self._started_at,
        )
        await self._bus.cast(conductor.TOPIC, report)

    async def _power_changed(self, id: str, state: int) -> None:
        log.info("server %s changed by itself: power state %d", id, state)
        self._reporting.nudge()
