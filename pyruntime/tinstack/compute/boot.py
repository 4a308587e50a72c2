"""Steps 19 to 28 on a host, each a line of the flow."""

import asyncio
from typing import Any

import msgspec

from tinstack.compute import config_drive
from tinstack.compute.drivers.interface import RUNNING, AttachedDisk, Driver, Guest, Nic
from tinstack.compute.errors import StepFailed
from tinstack.compute.images import CachedImage, ImageCache
from tinstack.compute.lease import Lease
from tinstack.compute.ports import Ports
from tinstack.compute.steps import Steps
from tinstack.compute.volumes import Volumes
from tinstack.conductor.rpc import FlavorDetails, ServerDetails
from tinstack.core import trace
from tinstack.core.together import both

TASK_STATES = {
    "boot": ("networking", "block_device_mapping", "spawning"),
    "rebuild": ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"),
}
"""What the server shows from steps 22, 25 and 28 on."""

FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 2.0
"""How often the conductor is asked whether volumes are made."""


class Boot:
    """Boots servers on this host; ``at_once``: guests that are started at the same time at the most."""

    def __init__(self, driver: Driver, images: ImageCache, ports: Ports, volumes: Volumes, at_once: int) -> None:
        self._driver, self._images, self._ports, self._volumes = driver, images, ports, volumes
        self._slots = asyncio.Semaphore(at_once)

    async def run(self, server: ServerDetails, lease: Lease, steps: Steps) -> int:
        """Everything up to a running guest; its power state. Raises StepFailed, LeaseLost."""
        networking, block_devices, spawning = TASK_STATES.get(server.kind, TASK_STATES["boot"])
        lease.reached(22, networking)
        image, bodies = await both(self._image(server, lease, steps), self._allocate(server, lease, steps))
        lease.reached(25, block_devices)
        nics, disks = await both(self._wired(server, bodies, lease, steps), self._disks(server, lease, steps))
        await lease.still_ours(28, spawning)
        state = await self._spawn(server, image, bodies, nics, disks, steps)
        await self._volumes.complete(server, disks, lease.token)
        return state

    async def image(self, server: ServerDetails, id: str, lease: Lease, steps: Steps) -> CachedImage:
        """An image in this host's cache (steps 19 to 21)."""
        return await self._images.get(server.endpoints["image"], id, lease.token, steps)

    async def _image(self, server: ServerDetails, lease: Lease, steps: Steps) -> CachedImage | None:
        if server.image_id is not None:
            return await self.image(server, server.image_id, lease, steps)
        for number in (19, 21):
            async with steps.step(number) as step:
                step.outcome = trace.NONE
        return None

    async def _allocate(self, server: ServerDetails, lease: Lease, steps: Steps) -> list[dict[str, Any]]:
        async with steps.step(22) as allocating:
            bodies = await self._ports.allocate(server, lease.token)
            if not bodies:
                allocating.outcome = trace.NONE
            return bodies

    async def _wired(
        self, server: ServerDetails, bodies: list[dict[str, Any]], lease: Lease, steps: Steps
    ) -> list[Nic]:
        async with steps.step(24, elsewhere=True) as wiring:
            if not bodies:
                wiring.outcome = trace.NONE
            return await self._ports.wait_until_wired(server, bodies, lease.token)

    async def _disks(self, server: ServerDetails, lease: Lease, steps: Steps) -> list[AttachedDisk]:
        async with steps.step(25) as attaching:
            if any(one.source in ("image", "snapshot", "blank") for one in server.volumes):
                await _until_made(lease)
            found = await self._volumes.attachments(server, lease.token)
            if not found:
                attaching.outcome = trace.NONE
        async with steps.step(27, elsewhere=True) as connecting:
            if not found:
                connecting.outcome = trace.NONE
            return await self._volumes.connect(server, found, lease.token)

    async def _spawn(
        self,
        server: ServerDetails,
        image: CachedImage | None,
        bodies: list[dict[str, Any]],
        nics: list[Nic],
        disks: list[AttachedDisk],
        steps: Steps,
    ) -> int:
        async with self._slots, steps.step(28, elsewhere=True):
            if server.config_drive:
                await steps.rehearse("config-drive")
            await self._driver.spawn(guest_of(server, image, bodies, nics, disks))
            state = await self._driver.power_state(server.id)
            if state != RUNNING:
                words = f"The guest was started but does not run (power state {state})."
                raise StepFailed(28, words, elsewhere=True)
            return state


async def _until_made(lease: Lease) -> None:
    """Ask often first, as most are made at once. Raises VolumesRefused, LeaseLost."""
    pause = FIRST_LOOK_SECONDS
    while not await lease.volumes_ready():
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_LOOK_SECONDS)


def _own_disks(server: ServerDetails) -> FlavorDetails:
    """The flavor with the disks of the host's own in the sizes that were asked for."""
    sizes: dict[str, int] = {}
    for one in server.volumes:
        if one.source == "local" and one.size_gib:
            sizes["swap_mib" if one.guest_format == "swap" else "ephemeral_gib"] = one.size_gib
    return msgspec.structs.replace(server.flavor, **sizes) if sizes else server.flavor


def guest_of(
    server: ServerDetails,
    image: CachedImage | None,
    bodies: list[dict[str, Any]],
    nics: list[Nic],
    disks: list[AttachedDisk],
) -> Guest:
    """What the driver gets."""
    return Guest(
        id=server.id,
        instance_name=server.instance_name,
        name=server.name,
        project_id=server.project_id,
        user_id=server.user_id,
        flavor=_own_disks(server),
        image=image.path if image else None,
        image_format=image.format if image else "raw",
        image_properties=image.properties if image else server.image_properties,
        nics=nics,
        disks=disks,
        config_drive=config_drive.files(server, bodies, nics) if server.config_drive else None,
        metadata=server.metadata,
    )
