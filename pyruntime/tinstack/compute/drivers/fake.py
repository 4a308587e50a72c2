"""A hypervisor that simulates its guests: for development, API tests and schedulers at scale.

Server metadata make it misbehave: ``tinstack:fault=STEP[:TIMES]`` lets that step of the flow (or operation: ``stop``, ``delete`` …;
or, within step 28, the ``config-drive``) fail, always or so many times; ``tinstack:delay=STEP:MILLISECONDS`` makes it slow.
Nothing else looks at these keys. What is written there and means nothing fails every operation but a delete, with a sentence that
says so: a test whose fault never happens would pass for nothing.
A guest is a small file in the host's folder below ``instances_dir``, so that it is there again after a restart. Files may come and
go behind the agent's back, as domains do in a hypervisor.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tinstack.compute.config import Config
from tinstack.compute.drivers import uptime
from tinstack.compute.drivers.interface import (
    NOSTATE,
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
from tinstack.compute.drivers.rfb import Screen
from tinstack.conductor.rpc import FlavorDetails, ObservedServer, ServerDetails
from tinstack.core import qcow2
from tinstack.core.clock import iso, now_us

log = logging.getLogger(__name__)

FAULT, DELAY = "tinstack:fault", "tinstack:delay"
BOOT_STEPS = {"config-drive", *map(str, (19, 21, 22, 24, 25, 27, 28, 29))}
OPERATIONS = {
    *("delete", "start", "stop", "reboot", "reboot_hard", "pause", "unpause", "suspend", "resume", "rebuild"),
    *("attach_interface", "detach_interface", "attach_volume", "detach_volume", "extend_volume"),
    *("create_image", "create_backup", "start_again", "rescue", "unrescue"),
}
PLACES = BOOT_STEPS | OPERATIONS
"""Where something can be rehearsed: what a host does for a boot, and the kinds of operation."""

STATES = {RUNNING: "running", PAUSED: "paused", SHUTDOWN: "shutdown", SUSPENDED: "suspended"}

_failed: Counter[tuple[str, str]] = Counter()
"""How often an operation of a server failed so far. A boot's hosts are counted by the conductor: each is an attempt."""


BOOT_LINES = ("power on", "firmware", "kernel", "root file system", "network")
"""What a guest writes to its console before anything else."""


class Simulated(DriverError):
    """The fault that the server's metadata asked for."""

    code, message = "compute.simulated", "The simulated fault at {step} that the server's metadata asks for."


class NotRehearsed(DriverError):
    """The server's metadata ask for what there is not."""

    code = "compute.simulated.unknown"
    message = "The metadata item {key} is '{value}', but must be {form}, with PLACE one of: {places}."


def check(metadata: Mapping[str, str]) -> None:
    """Raises NotRehearsed where a fault or a delay could never happen as it is written."""
    for key, form in ((FAULT, "PLACE or PLACE:TIMES"), (DELAY, "PLACE:MILLISECONDS")):
        value = metadata.get(key)
        if value is None:
            continue
        where, colon, number = value.partition(":")
        if where not in PLACES or not (number.isdecimal() if colon else key == FAULT):
            raise NotRehearsed(key=key, value=value, form=form, places=", ".join(sorted(PLACES)))


async def rehearse(step: str, server: ServerDetails) -> None:
    """Wait or fail as the server's metadata say. Raises Simulated, NotRehearsed."""
    if step != "delete":
        check(server.metadata)
    where, _, milliseconds = server.metadata.get(DELAY, "").partition(":")
    if where == step and milliseconds.isdecimal():
        await asyncio.sleep(int(milliseconds) / 1000)
    where, _, times = server.metadata.get(FAULT, "").partition(":")
    if where != step:
        return
    before = server.attempt - 1 if step in BOOT_STEPS else _failed[server.id, step]
    if not times.isdecimal() or before < int(times):
        _failed[server.id, step] += 1
        raise Simulated(step=step)


class SimulatedGuest(msgspec.Struct, kw_only=True):
    """A guest, and what it wrote to its console."""

    id: str
    instance_name: str
    flavor: FlavorDetails
    has_image: bool
    nics: list[Nic]
    disks: list[AttachedDisk]
    config_drive: bool
    state: int = NOSTATE
    cause: str = ""
    started_at: int = 0
    console: list[str] = []


class Line:
    """A simulated serial line: what the guest wrote, then an echo."""

    def __init__(self, console: list[str]) -> None:
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._out.put_nowait("".join(f"{line}\r\n" for line in console).encode())

    async def read(self) -> bytes:
        """What the guest says."""
        return await self._out.get()

    async def write(self, data: bytes) -> None:
        """What is typed."""
        self._out.put_nowait(data)


class FakeDriver:
    """One simulated host."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._folder = Path(config.instances_dir) / config.host
        self._guests: dict[str, SimulatedGuest] = {}
        self._unreadable: set[str] = set()
        self._changed: PowerChanged | None = None

    async def open(self, changed: PowerChanged, waits: DiskWaits) -> None:
        self._changed = changed
        self._folder.mkdir(parents=True, exist_ok=True)
        self._read()

    def _read(self) -> None:
        """Guests are what files there are."""
        there = {file.stem: file for file in self._folder.glob("*.json")}
        for gone in self._guests.keys() - there.keys():
            del self._guests[gone]
        for id in there.keys() - self._guests.keys():
            file = there[id]
            try:
                guest = msgspec.json.decode(file.read_bytes(), type=SimulatedGuest)
            except (FileNotFoundError, msgspec.DecodeError):
                if id not in self._unreadable:
                    log.warning("%s is no guest of this version and is left out", file)
                self._unreadable.add(id)
            else:
                self._guests[id] = guest

    async def close(self) -> None:
        self._changed = None

    async def facts(self) -> HostFacts:
        used = sum(guest.flavor.root_gib + guest.flavor.ephemeral_gib for guest in self._guests.values())
        return HostFacts(
            hypervisor_type="fake",
            hypervisor_version=1000000,
            vcpus=self._config.simulated_vcpus,
            ram_mib=self._config.simulated_ram_mib + self._config.reserved_ram_mib,
            disk_gib=self._config.simulated_disk_gib + self._config.reserved_disk_gib,
            free_disk_gib=self._config.simulated_disk_gib - used,
            cpu_info={"arch": "x86_64", "model": "simulated", "vendor": "tinstack", "features": [], "topology": {}},
        )

    async def uptime(self) -> str:
        return await asyncio.to_thread(uptime.line)

    async def servers(self) -> list[ObservedServer]:
        self._read()
        return [
            ObservedServer(id=guest.id, power_state=guest.state, cause=guest.cause) for guest in self._guests.values()
        ]

    async def spawn(self, guest: Guest) -> None:
        there = self._guests.get(guest.id)
        if there and there.state == RUNNING:
            return
        self._guests[guest.id] = SimulatedGuest(
            id=guest.id,
            instance_name=guest.instance_name,
            flavor=guest.flavor,
            has_image=guest.image is not None,
            nics=guest.nics,
            disks=guest.disks,
            config_drive=guest.config_drive is not None,
            console=[f"{iso(now_us())} {line}" for line in BOOT_LINES],
        )
        self._set(guest.id, RUNNING, f"{guest.instance_name} ({guest.name}) booted")

    async def remove(self, id: str) -> None:
        self._guests.pop(id, None)
        self._file(id).unlink(missing_ok=True)

    async def power_state(self, id: str) -> int | None:
        return self._guests[id].state if id in self._guests else None

    async def start(self, id: str) -> None:
        self._set(id, RUNNING, "started")

    async def stop(self, id: str, seconds: float) -> None:
        self._set(id, SHUTDOWN, "stopped")

    async def reboot(self, id: str, *, hard: bool, seconds: float) -> None:
        self._set(id, RUNNING, "rebooted hard" if hard else "rebooted")

    async def pause(self, id: str) -> None:
        self._set(id, PAUSED, "paused")

    async def unpause(self, id: str) -> None:
        self._set(id, RUNNING, "unpaused")

    async def suspend(self, id: str) -> None:
        self._set(id, SUSPENDED, "suspended")

    async def resume(self, id: str) -> None:
        self._set(id, RUNNING, "resumed")

    async def rescue(
        self, id: str, image: Path, image_format: str, gib: int, beside: RescueDevice | None = None
    ) -> None:
        self._set(id, RUNNING, "rescued")

    async def unrescue(self, id: str) -> None:
        self._set(id, RUNNING, "unrescued")

    async def attach_nic(self, id: str, nic: Nic, image_properties: Mapping[str, Any]) -> None:
        guest = self._guest(id)
        if nic.port_id not in {one.port_id for one in guest.nics}:
            guest.nics.append(nic)
            self._set(id, guest.state, f"NIC {nic.mac} plugged in")

    async def detach_nic(self, id: str, port_id: str) -> None:
        guest = self._guests.get(id)
        if guest and (gone := [one for one in guest.nics if one.port_id == port_id]):
            guest.nics.remove(gone[0])
            self._set(id, guest.state, f"NIC {gone[0].mac} unplugged")

    async def keep_nics(self, id: str, port_ids: Collection[str]) -> None:
        for nic in list(self._guest(id).nics):
            if nic.port_id not in port_ids:
                await self.detach_nic(id, nic.port_id)

    async def attach_disk(self, id: str, disk: AttachedDisk, image_properties: Mapping[str, Any]) -> None:
        guest = self._guest(id)
        if disk.volume_id not in {one.volume_id for one in guest.disks}:
            guest.disks.append(disk)
            self._set(id, guest.state, f"disk {disk.device} plugged in")

    async def extend_disk(self, id: str, volume_id: str, gib: int) -> None:
        guest = self._guest(id)
        if volume_id in {one.volume_id for one in guest.disks}:
            self._set(id, guest.state, f"disk {volume_id} has {gib} GiB now")

    async def detach_disk(self, id: str, volume_id: str) -> None:
        guest = self._guests.get(id)
        if guest and (gone := [one for one in guest.disks if one.volume_id == volume_id]):
            guest.disks.remove(gone[0])
            self._set(id, guest.state, f"disk {gone[0].device} unplugged")

    @asynccontextmanager
    async def snapshot(self, id: str) -> AsyncIterator[Path]:
        guest = self._guest(id)
        path = self._folder / f"{id}.snapshot"
        path.write_bytes(qcow2.empty(guest.flavor.root_gib))
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def console_output(self, id: str, length: int | None) -> str:
        lines = self._guest(id).console
        shown = lines if length is None else lines[max(0, len(lines) - length) :]
        return "".join(f"{line}\n" for line in shown)

    async def display(self, id: str) -> tuple[str, int] | None:
        await self.can_console(id, "vnc")
        return None

    async def can_console(self, id: str, kind: str) -> None:
        if kind not in ("vnc", "serial"):
            raise NoConsole(kind=kind)
        if self._guest(id).state not in (RUNNING, PAUSED):
            raise GuestOff(id=id)

    @asynccontextmanager
    async def console(self, id: str, kind: str) -> AsyncIterator[Wire]:
        await self.can_console(id, kind)
        guest = self._guest(id)
        yield Screen(id, guest.instance_name) if kind == "vnc" else Line(guest.console)

    async def diagnostics(self, id: str) -> dict[str, object]:
        guest = self._guest(id)
        nic = dict.fromkeys(
            f"{way}_{what}" for way in ("rx", "tx") for what in ("octets", "errors", "drop", "packets", "rate")
        )
        disk = dict.fromkeys(("read_bytes", "read_requests", "write_bytes", "write_requests", "errors_count"), 0)
        cpus: list[dict[str, Any]] = [{"id": n, "time": 0, "utilisation": 0} for n in range(guest.flavor.vcpus)]
        return {
            "state": STATES.get(guest.state, "pending"),
            "driver": "libvirt",
            "hypervisor": "fake",
            "hypervisor_os": "linux",
            "uptime": (now_us() - guest.started_at) // 1_000_000 if guest.state == RUNNING else 0,
            "config_drive": guest.config_drive,
            "num_cpus": guest.flavor.vcpus,
            "num_nics": len(guest.nics),
            "num_disks": int(guest.has_image) + len(guest.disks),
            "cpu_details": cpus,
            "disk_details": [dict(disk) for _ in range(int(guest.has_image) + len(guest.disks))],
            "nic_details": [{"mac_address": one.mac, **dict.fromkeys(nic, 0)} for one in guest.nics],
            "memory_details": {"maximum": guest.flavor.ram_mib, "used": guest.flavor.ram_mib},
        }

    async def halt(self, id: str, state: int = SHUTDOWN, cause: str = "") -> None:
        """The guest powers itself off (or is off for that ``cause``): what a test does in place of the world."""
        self._set(id, state, "halted", cause)
        if self._changed:
            await self._changed(id, state)

    def _guest(self, id: str) -> SimulatedGuest:
        if id not in self._guests:
            raise DriverError(f"There is no guest {id} on {self._config.host}.")
        return self._guests[id]

    def _file(self, id: str) -> Path:
        return self._folder / f"{id}.json"

    def _set(self, id: str, state: int, line: str, cause: str = "") -> None:
        guest = self._guest(id)
        guest.cause = cause
        if state == RUNNING and guest.state != RUNNING:
            guest.started_at = now_us()
        guest.state = state
        guest.console.append(f"{iso(now_us())} {line}")
        fresh = self._file(id).with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(guest))
        fresh.rename(self._file(id))
