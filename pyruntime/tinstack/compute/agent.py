"""The host's agent: looks at a server when told to, asks what is wanted, makes it so, says so (steps 13, 14 and 29).

One operation at a time per server; a newer one ends the older, which the conductor has taken from us by then.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import msgspec

from tinstack.compute.boot import Boot
from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import NOSTATE, Driver, DriverError, RescueDevice
from tinstack.compute.errors import LeaseLost, failed
from tinstack.compute.interfaces import Interfaces
from tinstack.compute.lease import LOST, Lease
from tinstack.compute.ports import Ports
from tinstack.compute.reports import Reports
from tinstack.compute.rpc import Gone, Look, ServerEvent
from tinstack.compute.snapshots import Snapshots
from tinstack.compute.steps import Rehearse, Steps
from tinstack.compute.volumes import Volumes
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import AskServer, ServerDetails
from tinstack.core import crash
from tinstack.core.bus import Bus, Envelope, RemoteFailure
from tinstack.core.clock import now_us
from tinstack.core.errors import ApiError
from tinstack.core.trace import Tracer

log = logging.getLogger(__name__)

ASK_SECONDS = 30.0
"""How long the conductor may take to answer: it asks identity for the launch token."""

AGAIN_SECONDS, AGAIN_LOOK_SECONDS = 120.0, 2.0
"""How long a guest whose host was down is tried to be started, and how often."""


class Agent:
    """One host."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        driver: Driver,
        rehearse: Rehearse,
        boot: Boot,
        ports: Ports,
        interfaces: Interfaces,
        volumes: Volumes,
        snapshots: Snapshots,
        reports: Reports,
        tracer: Tracer,
    ) -> None:
        self._config, self._bus, self._driver, self._rehearse = config, bus, driver, rehearse
        self._boot, self._ports, self._reports, self._tracer = boot, ports, reports, tracer
        self._interfaces, self._volumes, self._snapshots = interfaces, volumes, snapshots
        self.owner = f"compute@{config.host}/{uuid4().hex[:12]}"
        self._at: dict[str, tuple[str, asyncio.Task[None]]] = {}

    async def stop(self) -> None:
        """Leave what is under way: the next agent of this host continues it."""
        tasks = [task for _, task in self._at.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self, message: Look, envelope: Envelope) -> None:
        """Begin the operation, unless it is under way here already. The message is done with then: leases do the rest."""
        taken, began = now_us(), time.perf_counter()
        crash.point("before-13")
        under_way = self._at.get(message.server_id)
        if under_way and under_way[0] == message.operation_id:
            return
        before = under_way[1] if under_way else None
        task = asyncio.create_task(
            self._operate(message, before, taken, began), name=f"operation {message.operation_id}"
        )
        self._at[message.server_id] = message.operation_id, task
        crash.point("after-13")
        task.add_done_callback(lambda done: self._leave(message.server_id, done))

    def _leave(self, server_id: str, done: asyncio.Task[None]) -> None:
        if self._at[server_id][1] is done:
            del self._at[server_id]
        if not done.cancelled() and done.exception():
            log.error("an operation of server %s ended badly", server_id, exc_info=done.exception())

    async def gone(self, message: Gone, envelope: Envelope) -> None:
        """What is left of a deleted server here is brought to absent; nobody waits for it."""
        if message.server_id not in self._at:
            log.warning("server %s, which is deleted, had a guest here: it is removed", message.server_id)
            await self._driver.remove(message.server_id)

    async def event(self, message: ServerEvent, envelope: Envelope) -> None:
        """An external event."""
        if message.name == "network-vif-plugged":
            self._ports.event(message.tag)

    async def _operate(self, message: Look, before: asyncio.Task[None] | None, taken: int, began: float) -> None:
        asked, asking, asked_at = now_us(), time.perf_counter(), time.monotonic()
        server = await self._ask(message)
        if server is None:
            if before:
                await before
            return
        if before:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        self._reports.generations[server.id] = server.generation
        steps = Steps(self._tracer, self._rehearse, server)
        if server.kind == "boot":
            steps.record(13, taken, began, asking)
            steps.record(14, asked, asking, time.perf_counter())
        async with Lease(self._bus, server, self.owner, asked_at) as lease:
            try:
                await self._perform(server, lease, steps)
            except LeaseLost as lost:
                log.warning("%s of server %s ends here: %s", server.kind, server.id, lost.text)
            except Exception:
                log.exception("%s of server %s ends here; its lease brings it back", server.kind, server.id)

    async def _ask(self, message: Look) -> ServerDetails | None:
        """Step 14; None where the operation is over or not this host's."""
        ask = AskServer(
            server_id=message.server_id,
            operation_id=message.operation_id,
            generation=message.generation,
            owner=self.owner,
        )
        try:
            with crash.around(14):
                return await self._bus.call(conductor.TOPIC, ask, ServerDetails, ASK_SECONDS)
        except RemoteFailure as error:
            level = logging.INFO if error.remote_status in LOST else logging.WARNING
            log.log(level, "nothing to do for server %s: %s", message.server_id, error.text)
        except ApiError as error:
            log.warning("the conductor can't say what is wanted of server %s: %s", message.server_id, error.text)
        return None

    async def _perform(self, server: ServerDetails, lease: Lease, steps: Steps) -> None:
        try:
            if server.kind == "boot":
                state = await self._boot.run(server, lease, steps)
                async with steps.step(29):
                    await lease.finished(state)
                return
            if server.kind not in ("attach_interface", "attach_volume"):
                await self._rehearse(server.kind, server)
            with crash.around(server.kind):
                if server.kind == "rebuild":
                    await self._rebuild(server, lease, steps)
                elif server.kind == "rescue":
                    image = await self._boot.image(server, server.data["image_id"], lease, steps)
                    beside = msgspec.convert(server.data.get("beside"), RescueDevice | None)
                    await self._driver.rescue(server.id, image.path, image.format, server.flavor.root_gib, beside)
                elif server.kind == "attach_interface":
                    await self._interfaces.attach(server, lease.token)
                elif server.kind == "attach_volume":
                    await self._volumes.attach(server, lease.token)
                else:
                    await self._change(server, lease)
            power = await self._driver.power_state(server.id)
        except LeaseLost:
            raise
        except Exception as error:
            await self._give_up(server, lease, steps, error)
        else:
            await lease.finished(NOSTATE if power is None else power)

    async def _give_up(self, server: ServerDetails, lease: Lease, steps: Steps, error: Exception) -> None:
        problem = failed(0, error, elsewhere=False)
        log.warning("%s of server %s failed at step %d: %s", server.kind, server.id, problem.step, problem.text)
        if server.kind == "boot":
            with crash.around("undo"):
                await self._driver.remove(server.id)
        elif server.kind == "rescue":
            with contextlib.suppress(DriverError):
                await self._driver.unrescue(server.id)
        elif server.kind == "attach_interface":
            await self._interfaces.detach(server)
        elif server.kind == "attach_volume":
            await self._volumes.detach(server)
        steps.judge(retried=await lease.failed(problem))

    async def _change(self, server: ServerDetails, lease: Lease) -> None:
        """Every kind of operation but the boot. An unknown one is refused: a newer conductor than this host."""
        grace = float(server.data.get("shutdown_seconds", self._config.shutdown_seconds))
        changes: dict[str, Callable[[], Awaitable[None]]] = {
            "delete": lambda: self._driver.remove(server.id),
            "start": lambda: self._driver.start(server.id),
            "start_again": lambda: self._start_again(server),
            "stop": lambda: self._driver.stop(server.id, grace),
            "reboot": lambda: self._driver.reboot(server.id, hard=False, seconds=grace),
            "reboot_hard": lambda: self._driver.reboot(server.id, hard=True, seconds=grace),
            "pause": lambda: self._driver.pause(server.id),
            "unpause": lambda: self._driver.unpause(server.id),
            "suspend": lambda: self._driver.suspend(server.id),
            "resume": lambda: self._driver.resume(server.id),
            "unrescue": lambda: self._driver.unrescue(server.id),
            "detach_interface": lambda: self._interfaces.detach(server),
            "detach_volume": lambda: self._volumes.detach(server),
            "extend_volume": lambda: self._volumes.extend(server),
            "create_image": lambda: self._snapshots.create(server, lease),
            "create_backup": lambda: self._snapshots.create(server, lease),
        }
        if server.kind not in changes:
            raise ApiError(f"The host {self._config.host} does not know the operation '{server.kind}'.")
        if server.kind in (
            "start",
            "start_again",
            "reboot_hard",
        ):  # a NIC whose port is gone would keep the guest from starting
            await self._driver.keep_nics(server.id, {port.id for port in server.ports})
        await changes[server.kind]()
        if server.kind == "delete":
            self._reports.generations.pop(server.id, None)

    async def _rebuild(self, server: ServerDetails, lease: Lease, steps: Steps) -> None:
        """The guest and its disks go, and come as at a boot; one that was off is off again in the end."""
        await self._driver.remove(server.id)
        await self._boot.run(server, lease, steps)
        if server.vm_state == "stopped":
            await self._driver.stop(server.id, 0)

    async def _start_again(self, server: ServerDetails) -> None:
        """After the host was down: what its disks and NICs need may come up at the same time as the host."""
        deadline = time.monotonic() + AGAIN_SECONDS
        while True:
            try:
                await self._driver.start(server.id)
                return
            except DriverError as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("server %s can't be started again yet: %s", server.id, error.text)
            await asyncio.sleep(AGAIN_LOOK_SECONDS)
