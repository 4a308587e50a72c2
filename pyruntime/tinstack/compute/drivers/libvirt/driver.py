"""The driver: what the agent asks for, done with files in the server's folder and one domain of libvirt (flow step 28)."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from tinstack.compute.drivers import uptime
from tinstack.compute.drivers.interface import (
    CRASHED,
    PAUSED,
    RUNNING,
    SHUTDOWN,
    SUSPENDED,
    AttachedDisk,
    DiskWaits,
    DriverError,
    Guest,
    GuestOff,
    HostFacts,
    Nic,
    NoConsole,
    PowerChanged,
    RescueDevice,
    Wire,
)
from tinstack.compute.drivers.libvirt import (
    console,
    disks,
    figures,
    hardware,
    nics,
    probe,
    rescue,
    seen,
    serial,
    snapshots,
)
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.compute.drivers.libvirt.domain import describe, render, render_disk, render_nic
from tinstack.compute.drivers.libvirt.hypervisor import Hypervisor
from tinstack.compute.drivers.libvirt.threads import to_the_end
from tinstack.compute.drivers.libvirt.waiting import Waiting
from tinstack.conductor.rpc import ObservedServer
from tinstack.core.guestdata import tap_of

log = logging.getLogger(__name__)

T = TypeVar("T")

UNPLUG_SECONDS, UNPLUG_LOOK_SECONDS = 60.0, 0.25
"""How long a guest may take to let go of a device, and how often it is looked at meanwhile."""
TAPS_SECONDS, TAPS_LOOK_SECONDS = 30.0, 0.5
"""How long a start waits for the guest's taps, and how often it looks."""
PRESS_AGAIN_SECONDS = 10.0
"""A guest that boots does not hear the power button: it is pressed again after that time."""


class NoGuest(DriverError):
    """404: there is neither a domain nor its XML."""

    status = 404
    code, message = "compute.libvirt.no_guest", "There is no guest {id} on this host."


class StillPlugged(DriverError):
    """The guest did not let go of a device."""

    code, message = "compute.libvirt.plugged", "The guest did not release the device {device} within {seconds:g} s."


class LibvirtDriver:
    """Guests on this host. ``virt_type``: auto, kvm or qemu; ``my_ip``: where their displays listen."""

    def __init__(self, hypervisor: Hypervisor, *, virt_type: str, instances_dir: Path, my_ip: str) -> None:
        self._hypervisor, self._instances, self._my_ip = hypervisor, instances_dir, my_ip
        self._virt_type, self._boot = virt_type, disks.boot_of_host()
        self._changed: PowerChanged | None = None
        self._waiting: Waiting | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._commanded: Counter[str] = Counter()
        self._off: dict[str, asyncio.Event] = {}
        self._paused: set[str] = set()

    async def open(self, changed: PowerChanged, waits: DiskWaits) -> None:
        self._changed = changed
        self._waiting = Waiting(self._hypervisor.go_on, waits, self._over)
        self._virt_type = await asyncio.to_thread(probe.virt_type, self._virt_type)
        await self._hypervisor.open(self._heard)

    async def close(self) -> None:
        self._changed = None
        if self._waiting:
            await self._waiting.stop()
        await self._hypervisor.close()

    async def facts(self) -> HostFacts:
        host = await self._hypervisor.host()
        return await asyncio.to_thread(figures.facts, host, self._instances)

    async def uptime(self) -> str:
        return await asyncio.to_thread(uptime.line)

    async def servers(self) -> list[ObservedServer]:
        """Also keeps their console logs from growing without bound, and finds those that wait for a disk."""
        states = await self._hypervisor.states()
        if waiting := self._waiting:
            for id in (id for id, state in states.items() if state == PAUSED):
                waiting.heard(id)
        await asyncio.to_thread(self._trim, list(states))
        return await asyncio.to_thread(seen.observed, self._instances, states, self._boot)

    async def spawn(self, guest: Guest) -> None:
        if await self._hypervisor.state(guest.id) in (RUNNING, PAUSED):
            return
        folder = self._folder(guest.id)
        domain = describe(guest, folder, virt_type=self._virt_type, listen=self._my_ip)
        await asyncio.to_thread(disks.check, guest)
        await to_the_end(lambda: folder.make(guest))
        xml = await asyncio.to_thread(folder.keep_xml, render(domain))
        with self._command(guest.id):
            await self._hypervisor.define(xml)
            await self._start(guest.id)

    async def remove(self, id: str) -> None:
        with self._command(id):
            await self._hypervisor.forget(id)
        await to_the_end(self._folder(id).remove)

    async def power_state(self, id: str) -> int | None:
        return await self._hypervisor.state(id)

    async def start(self, id: str) -> None:
        """A guest that libvirt has lost is defined again by the XML that was kept."""
        with self._command(id):
            await self._define_again(id)
            await self._start(id)

    async def stop(self, id: str, seconds: float) -> None:
        """One that is paused can't hear the power button: it is switched off."""
        with self._command(id):
            if await self._known(id) in (RUNNING, PAUSED):
                await self._power_off(id, seconds)

    async def reboot(self, id: str, *, hard: bool, seconds: float) -> None:
        """Off, then on by the XML that was kept: whatever was changed by hand in libvirt is undone."""
        with self._command(id):
            state = await self._hypervisor.state(id)
            if state in (RUNNING, PAUSED):
                await self._power_off(id, 0 if hard else seconds)
            elif state == SUSPENDED:
                await self._hypervisor.forget_memory(id)
            await self._define_again(id)
            await self._start(id)

    async def pause(self, id: str) -> None:
        with self._command(id):
            await self._hypervisor.pause(id)

    async def unpause(self, id: str) -> None:
        with self._command(id):
            await self._hypervisor.unpause(id)

    async def suspend(self, id: str) -> None:
        with self._command(id):
            await self._hypervisor.save(id)

    async def resume(self, id: str) -> None:
        with self._command(id):
            state = await self._known(id)
            if state == PAUSED:
                await self._hypervisor.unpause(id)
            elif state in (SUSPENDED, SHUTDOWN, CRASHED):
                await self._start(id)

    async def rescue(
        self, id: str, image: Path, image_format: str, gib: int, beside: RescueDevice | None = None
    ) -> None:
        await self._from(id, lambda folder: rescue.begin(folder, image, image_format, gib, beside))

    async def unrescue(self, id: str) -> None:
        await self._from(id, rescue.end)

    async def _from(self, id: str, change: Callable[[Folder], None]) -> None:
        """Off, other disks, on."""
        with self._command(id):
            state = await self._hypervisor.state(id)
            if state in (RUNNING, PAUSED):
                await self._hypervisor.switch_off(id)
            elif state == SUSPENDED:
                await self._hypervisor.forget_memory(id)
            await to_the_end(lambda: change(self._folder(id)))
            await self._define_again(id)
            await self._start(id)

    async def attach_nic(self, id: str, nic: Nic, image_properties: Mapping[str, Any]) -> None:
        """Into the kept XML first: what is plugged in then is there after the next start too."""
        interface = render_nic(nic, hardware.wanted(image_properties, {}).vif_model)
        with self._command(id):
            await self._rewrite(id, lambda domain: nics.with_device(domain, interface, nic.device))
            await self._define_again(id)
            await self._hypervisor.plug(id, interface, nic.device)

    async def detach_nic(self, id: str, port_id: str) -> None:
        await self._unplug(id, tap_of(port_id), "interface")

    async def attach_disk(self, id: str, disk: AttachedDisk, image_properties: Mapping[str, Any]) -> None:
        """Into the kept XML first, as with NICs."""
        bus = hardware.wanted(image_properties, {}).disk_bus
        with self._command(id):
            xml = ""

            def add(domain: str) -> str:
                nonlocal xml
                xml = nics.find(domain, disk.volume_id) or render_disk(disk, bus, nics.disk_targets(domain))
                return nics.with_device(domain, xml, disk.volume_id)

            await self._rewrite(id, add)
            await self._define_again(id)
            await self._hypervisor.plug(id, xml, disk.volume_id)

    async def extend_disk(self, id: str, volume_id: str, gib: int) -> None:
        """One that is off sees it at its next start."""
        if await self._known(id) in (RUNNING, PAUSED):
            await self._hypervisor.resize_disk(id, volume_id, gib << 30)

    async def detach_disk(self, id: str, volume_id: str) -> None:
        await self._unplug(id, volume_id, "disk")

    async def _unplug(self, id: str, device: str, kind: str) -> None:
        """The guest must let go of it; one that boots does not hear the first time."""
        if await self._hypervisor.state(id) is None and not self._folder(id).xml.exists():
            return
        with self._command(id):
            await self._define_again(id)
            deadline = time.monotonic() + UNPLUG_SECONDS
            again = 0.0
            while await self._hypervisor.unplug(id, device, ask=time.monotonic() >= again):
                if time.monotonic() >= again:
                    again = time.monotonic() + PRESS_AGAIN_SECONDS
                if time.monotonic() > deadline:
                    raise StillPlugged(device=device, seconds=UNPLUG_SECONDS)
                await asyncio.sleep(UNPLUG_LOOK_SECONDS)
            await self._rewrite(id, lambda domain: nics.without(domain, lambda one: one == device, kind))

    async def keep_nics(self, id: str, port_ids: Collection[str]) -> None:
        wanted = {tap_of(port_id) for port_id in port_ids}
        await self._rewrite(id, lambda domain: nics.without(domain, lambda one: one not in wanted))

    @asynccontextmanager
    async def snapshot(self, id: str) -> AsyncIterator[Path]:
        folder = self._folder(id)
        path = folder.snapshot
        try:
            with self._command(id):
                if await self._known(id) in (RUNNING, PAUSED):
                    await snapshots.copy_while_it_runs(self._hypervisor, id, folder)
                else:
                    await to_the_end(lambda: disks.flatten(folder.root, path))
            yield path
        finally:
            await to_the_end(lambda: path.unlink(missing_ok=True))

    async def console_output(self, id: str, length: int | None) -> str:
        return await asyncio.to_thread(console.tail, self._folder(id).console, length)

    async def display(self, id: str) -> tuple[str, int] | None:
        return console.display_of(await self._running_xml(id))

    async def can_console(self, id: str, kind: str) -> None:
        if kind != "serial":
            raise NoConsole(kind=kind)
        await self._running_xml(id)

    @asynccontextmanager
    async def console(self, id: str, kind: str) -> AsyncIterator[Wire]:
        await self.can_console(id, kind)
        async with serial.opened(self._hypervisor, id) as line:
            yield line

    async def _running_xml(self, id: str) -> str:
        await self._known(id)
        xml = await self._hypervisor.running_xml(id)
        if xml is None:
            raise GuestOff(id=id)
        return xml

    async def diagnostics(self, id: str) -> dict[str, object]:
        state = await self._known(id)
        measured = await self._hypervisor.statistics(id)
        return await asyncio.to_thread(figures.diagnostics, measured, state, self._virt_type, self._folder(id))

    # --- inside ----------------------------------------------------------------------------------

    def _folder(self, id: str) -> Folder:
        """Only a UUID becomes a path."""
        return Folder(self._instances, str(UUID(id)))

    async def _known(self, id: str) -> int:
        state = await self._hypervisor.state(id)
        if state is None:
            raise NoGuest(id=id)
        return state

    async def _rewrite(self, id: str, change: Callable[[str], str]) -> None:
        """Change the kept XML. Raises NoGuest."""

        def work() -> None:
            folder = self._folder(id)
            before = folder.kept_xml()
            if before is None:
                raise NoGuest(id=id)
            after = change(before)
            if after != before:
                folder.keep_xml(after)

        await to_the_end(work)

    async def _define_again(self, id: str) -> None:
        """By the kept XML, unless it runs or has memory saved."""
        if await self._hypervisor.state(id) not in (None, SHUTDOWN, CRASHED):
            return
        xml = await asyncio.to_thread(self._folder(id).kept_xml)
        if xml is None:
            raise NoGuest(id=id)
        await self._hypervisor.define(xml)

    async def _start(self, id: str) -> None:
        """After a boot of the host the network agent makes the guest's taps anew: they are waited for."""
        xml = await asyncio.to_thread(self._folder(id).kept_xml)
        deadline = time.monotonic() + TAPS_SECONDS
        while xml and time.monotonic() < deadline and (missing := nics.missing_taps(xml)):
            log.info("guest %s waits for %s", id, ", ".join(missing))
            await asyncio.sleep(TAPS_LOOK_SECONDS)
        await self._hypervisor.start(id)
        await asyncio.to_thread(self._folder(id).mark_started)

    async def _power_off(self, id: str, seconds: float) -> None:
        """By the power button, and after ``seconds`` by force."""
        deadline = time.monotonic() + seconds
        gone = self._off[id] = asyncio.Event()
        try:
            while (left := deadline - time.monotonic()) > 0 and await self._hypervisor.state(id) == RUNNING:
                await self._hypervisor.press_power_button(id)
                try:
                    await asyncio.wait_for(gone.wait(), min(left, PRESS_AGAIN_SECONDS))
                except TimeoutError:
                    continue
                break
        finally:
            self._off.pop(id, None)
        if await self._hypervisor.state(id) in (RUNNING, PAUSED):
            if seconds:
                log.info("guest %s did not power off within %g s: it is switched off", id, seconds)
            await self._hypervisor.switch_off(id)

    @contextmanager
    def _command(self, id: str) -> Iterator[None]:
        """What happens to the guest meanwhile is our doing, nothing to tell."""
        self._commanded[id] += 1
        try:
            yield
        finally:
            self._commanded[id] -= 1
            if not self._commanded[id]:
                del self._commanded[id]

    def _heard(self, id: str, state: int) -> None:
        """libvirt says that the guest changed. That one runs is no news but after a pause: who started it knows."""
        if state in (SHUTDOWN, CRASHED) and id in self._off:
            self._off[id].set()
        waits = self._waiting is not None and self._waiting.waits(id)
        went_on = state == RUNNING and id in self._paused and not waits
        (self._paused.add if state == PAUSED else self._paused.discard)(id)
        if state == PAUSED and self._waiting:
            self._waiting.heard(id)
            return
        no_news = (state == RUNNING and not went_on) or id in self._commanded
        if no_news or self._changed is None or not self._folder(id).path.is_dir():
            return
        telling = asyncio.ensure_future(self._changed(id, state))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _over(self, id: str) -> None:
        """It runs again, or somebody wants it paused: either is told where it was not our doing."""
        if self._changed and id not in self._commanded and (state := await self._hypervisor.state(id)) is not None:
            await self._changed(id, state)

    def _trim(self, ids: list[str]) -> None:
        for id in ids:
            console.trim(self._folder(id).console)
