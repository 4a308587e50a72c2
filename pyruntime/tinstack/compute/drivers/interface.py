"""What the agent asks of a hypervisor. Small on purpose: everything else is the agent's.

Every method may be called again after it was done, and does nothing then. Memory in MiB, disks in GiB.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tinstack.conductor.rpc import FlavorDetails, ObservedServer
from tinstack.core.errors import ApiError

NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED = 0, 1, 3, 4, 6, 7
"""Power states of the compute API."""


class DriverError(ApiError):
    """The hypervisor refused; the message is its own sentence."""

    code = "compute.driver"


class GuestOff(DriverError):
    """409: what is asked of a guest needs one that runs."""

    status, code, message = 409, "compute.guest.off", "The guest {id} does not run."


class NoConsole(DriverError):
    """400: the hypervisor has no console of that kind."""

    status, code, message = 400, "compute.console.kind", "Guests here have no console of the kind {kind}."


class Wire(Protocol):
    """Bytes from and to a console."""

    async def read(self) -> bytes:
        """The next ones; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send them."""


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the host has, before anything is reserved. ``hypervisor_version`` as an integer (7002000 for 7.2.0)."""

    hypervisor_type: str
    hypervisor_version: int
    vcpus: int
    ram_mib: int
    disk_gib: int
    free_disk_gib: int
    cpu_info: dict[str, Any]


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A port of the guest. ``device``: the persistent tap that the network agent made."""

    port_id: str
    mac: str
    device: str
    mtu: int


class AttachedDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A volume by its connection info (``driver_volume_type`` and ``data`` as the volume API gives them)."""

    volume_id: str
    attachment_id: str
    connection: dict[str, Any]
    device: str | None = None
    boot_index: int | None = None


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """A server as a hypervisor needs it. ``image``: the file in the host's cache; ``image_format``: raw or qcow2.

    ``config_drive``: path inside the drive → content; None where there is none. ``metadata``: the server's own.
    """

    id: str
    instance_name: str
    name: str
    project_id: str
    user_id: str
    flavor: FlavorDetails
    image: Path | None
    image_format: str
    image_properties: dict[str, Any]
    nics: list[Nic]
    disks: list[AttachedDisk]
    config_drive: dict[str, bytes] | None
    metadata: dict[str, str]


class RescueDevice(msgspec.Struct, frozen=True):
    """``kind``: ``disk`` or ``cdrom``; ``bus``: ``virtio``, ``scsi`` or ``sata``."""

    kind: str
    bus: str


PowerChanged = Callable[[str, int], Awaitable[None]]
"""(server id, power state): the guest changed by itself."""

DiskWaits = Callable[[str], Awaitable[None]]
"""(server id): the guest is paused until one of its volumes answers."""


class Driver(Protocol):
    """One hypervisor on one host."""

    async def open(self, changed: PowerChanged, waits: DiskWaits) -> None:
        """Connect; ``changed`` hears of guests that stop by themselves, ``waits`` of those that a volume does not answer."""

    async def close(self) -> None:
        """Disconnect; guests run on."""

    async def facts(self) -> HostFacts:
        """What the host has."""

    async def uptime(self) -> str:
        """How long the host runs and its load: a line in the form of ``uptime``."""

    async def servers(self) -> list[ObservedServer]:
        """All guests of ours with their power state, running or not."""

    async def spawn(self, guest: Guest) -> None:
        """Make disks, render and keep the domain's XML, define and start exactly it. Raises DriverError."""

    async def remove(self, id: str) -> None:
        """Domain and all local files of that server are absent afterwards."""

    async def power_state(self, id: str) -> int | None:
        """Its power state; None where there is no such guest."""

    async def start(self, id: str) -> None:
        """Start a guest that is shut down."""

    async def stop(self, id: str, seconds: float) -> None:
        """Ask it to power off; after ``seconds`` it is switched off."""

    async def reboot(self, id: str, *, hard: bool, seconds: float) -> None:
        """Soft: by ACPI, hard after ``seconds``; hard: switched off and on."""

    async def pause(self, id: str) -> None:
        """Stop its CPUs."""

    async def unpause(self, id: str) -> None:
        """Let them run."""

    async def suspend(self, id: str) -> None:
        """Save memory to disk and free it."""

    async def resume(self, id: str) -> None:
        """Continue from there."""

    async def rescue(
        self, id: str, image: Path, image_format: str, gib: int, beside: RescueDevice | None = None
    ) -> None:
        """The guest runs from a fresh disk of that image and that size at least, in the place of its root disk, which is behind
        its others meanwhile; or as the device ``beside`` its disks, which stay as they are. Raises DriverError."""

    async def unrescue(self, id: str) -> None:
        """It runs from its own disks again; the other one is absent."""

    async def attach_nic(self, id: str, nic: Nic, image_properties: Mapping[str, Any]) -> None:
        """The guest has that NIC, as the image wants NICs: at once where it runs, and at each start. Raises DriverError."""

    async def detach_nic(self, id: str, port_id: str) -> None:
        """The guest has it no more. Raises DriverError where the guest does not let go of it."""

    async def keep_nics(self, id: str, port_ids: Collection[str]) -> None:
        """A guest that is off starts with no other NICs than these."""

    async def attach_disk(self, id: str, disk: AttachedDisk, image_properties: Mapping[str, Any]) -> None:
        """The guest has that volume, on the bus that the image wants: at once where it runs, and at each start. Raises DriverError."""

    async def extend_disk(self, id: str, volume_id: str, gib: int) -> None:
        """A guest that runs sees the volume's new size. Raises DriverError."""

    async def detach_disk(self, id: str, volume_id: str) -> None:
        """The guest has it no more. Raises DriverError where the guest does not let go of it."""

    def snapshot(self, id: str) -> AbstractAsyncContextManager[Path]:
        """The root disk of now as a qcow2 of its own, whatever the guest is doing; the file is absent afterwards. Raises DriverError."""

    async def console_output(self, id: str, length: int | None) -> str:
        """The last ``length`` lines of its console log (all that is kept: None)."""

    async def display(self, id: str) -> tuple[str, int] | None:
        """Address and port where the running guest's VNC listens; None where ``console`` is the way. Raises GuestOff."""

    async def can_console(self, id: str, kind: str) -> None:
        """Whether ``console`` would work now. Raises GuestOff, NoConsole."""

    def console(self, id: str, kind: str) -> AbstractAsyncContextManager[Wire]:
        """The guest's console, ``vnc`` or ``serial``, for as long as one talks with it. Raises GuestOff, NoConsole."""

    async def diagnostics(self, id: str) -> dict[str, object]:
        """Figures in the form of the compute API's 2.48."""
