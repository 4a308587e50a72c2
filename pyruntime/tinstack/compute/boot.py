"""Steps 19 to 29 on a host, each a line of the flow."""

from collections.abc import Awaitable, Callable
from typing import Any

from tinstack.compute import config_drive
from tinstack.compute.drivers.interface import RUNNING, AttachedDisk, Driver, Guest, Nic
from tinstack.compute.errors import StepFailed, failed
from tinstack.compute.images import CachedImage, ImageCache
from tinstack.compute.lease import Lease
from tinstack.compute.ports import Ports
from tinstack.compute.volumes import Volumes
from tinstack.conductor.rpc import ServerDetails
from tinstack.core import trace
from tinstack.core.trace import Tracer

Rehearse = Callable[[str, ServerDetails], Awaitable[None]]
"""(step or operation, server): where a simulation may fail or wait; real drivers do nothing."""


class Boot:
    """Boots servers on this host."""

    def __init__(
        self, driver: Driver, rehearse: Rehearse, images: ImageCache, ports: Ports, volumes: Volumes, tracer: Tracer
    ) -> None:
        self._driver, self._rehearse, self._tracer = driver, rehearse, tracer
        self._images, self._ports, self._volumes = images, ports, volumes

    async def run(self, server: ServerDetails, lease: Lease) -> int:
        """Everything up to a running guest; its power state. Raises StepFailed."""
        image = await self._image(server, lease)
        await lease.progress(22, "networking")
        bodies, nics = await self._network(server, lease)
        await lease.progress(25, "block_device_mapping")
        disks = await self._disks(server, lease)
        await lease.progress(28, "spawning")
        return await self._spawn(server, image, bodies, nics, disks)

    async def _image(self, server: ServerDetails, lease: Lease) -> CachedImage | None:
        try:
            with self._tracer.step(19, server.id) as fetching:
                await self._rehearse("19", server)
                if server.image_id is None:
                    fetching.outcome = trace.NONE
                    return None
                url = server.endpoints["image"]
                with self._tracer.step(21, server.id):
                    await self._rehearse("21", server)
                    image = await self._images.metadata(url, server.image_id, lease.token)
                if not await self._images.fetch(url, image, lease.token):
                    fetching.outcome = trace.CACHED
                return self._images.cached(image)
        except Exception as error:
            raise failed(19, error, elsewhere=False) from error

    async def _network(self, server: ServerDetails, lease: Lease) -> tuple[list[dict[str, Any]], list[Nic]]:
        try:
            with self._tracer.step(22, server.id) as allocating:
                await self._rehearse("22", server)
                if not server.ports:
                    allocating.outcome = trace.NONE
                bodies = await self._ports.allocate(server, lease.token)
        except Exception as error:
            raise failed(22, error, elsewhere=False) from error
        try:
            with self._tracer.step(24, server.id) as wiring:
                await self._rehearse("24", server)
                if not server.ports:
                    wiring.outcome = trace.NONE
                return bodies, await self._ports.wait_until_wired(server, bodies, lease.token)
        except Exception as error:
            raise failed(24, error, elsewhere=True) from error

    async def _disks(self, server: ServerDetails, lease: Lease) -> list[AttachedDisk]:
        try:
            with self._tracer.step(25, server.id) as attaching:
                await self._rehearse("25", server)
                found = await self._volumes.attachments(server, lease.token)
                if not found:
                    attaching.outcome = trace.NONE
        except Exception as error:
            raise failed(25, error, elsewhere=False) from error
        try:
            with self._tracer.step(27, server.id) as connecting:
                await self._rehearse("27", server)
                if not found:
                    connecting.outcome = trace.NONE
                return await self._volumes.connect(server, found, lease.token)
        except Exception as error:
            raise failed(27, error, elsewhere=False) from error

    async def _spawn(
        self,
        server: ServerDetails,
        image: CachedImage | None,
        bodies: list[dict[str, Any]],
        nics: list[Nic],
        disks: list[AttachedDisk],
    ) -> int:
        try:
            with self._tracer.step(28, server.id):
                await self._rehearse("28", server)
                await self._driver.spawn(guest_of(server, image, bodies, nics, disks))
                state = await self._driver.power_state(server.id)
        except Exception as error:
            raise failed(28, error, elsewhere=True) from error
        if state != RUNNING:
            raise StepFailed(28, f"The guest was started but does not run (power state {state}).", elsewhere=True)
        return state


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
        flavor=server.flavor,
        image=image.path if image else None,
        image_format=image.format if image else "raw",
        image_properties=image.properties if image else {},
        nics=nics,
        disks=disks,
        config_drive=config_drive.files(server, bodies) if server.config_drive else None,
        metadata=server.metadata,
    )
