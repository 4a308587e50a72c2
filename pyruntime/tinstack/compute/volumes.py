"""A server's volumes: asked for always, connected to this host (steps 25 and 27), attached and detached while it is there.

Source: Block Storage API v3, Attachments (3.27).
"""

import asyncio
import logging
from typing import Any

from tinstack.compute.drivers.interface import AttachedDisk, Driver
from tinstack.compute.steps import Rehearse
from tinstack.conductor.rpc import ServerDetails
from tinstack.core.bus import Bus
from tinstack.core.client import Http
from tinstack.core.errors import ApiError
from tinstack.volume import rpc as volume

log = logging.getLogger(__name__)

VERSION = {"OpenStack-API-Version": "volume 3.54"}
TELL_SECONDS = 2.0
ATTACHMENT, VOLUME = "attachment_id", "volume_id"
"""In an operation's data: what it is about."""


class Volumes:
    """The volume service as a host sees it, and the volumes of this host's guests. Every method may be called again."""

    def __init__(self, http: Http, bus: Bus, driver: Driver, rehearse: Rehearse, host: str, my_ip: str) -> None:
        self._http, self._bus, self._driver, self._rehearse = http, bus, driver, rehearse
        self._connector = {"host": host, "ip": my_ip, "platform": "x86_64", "os_type": "linux", "multipath": False}

    async def attachments(self, server: ServerDetails, token: str) -> list[str]:
        """Step 25: what is reserved for this server; ids in the order in which the server has its disks."""
        url = f"{server.endpoints['volume']}/attachments?instance_id={server.id}"
        answer = await self._http.send("GET", url, token=token, headers=VERSION, service="volume")
        there = {one["id"] for one in answer.json()["attachments"]}
        known = [one.attachment_id for one in server.volumes if one.attachment_id in there]
        return known + sorted(there - set(known))

    async def connect(self, server: ServerDetails, attachments: list[str], token: str) -> list[AttachedDisk]:
        """Step 27: connection info for each; asking again gives the same."""
        return [await self._one(server, attachment, token) for attachment in attachments]

    async def _one(self, server: ServerDetails, id: str, token: str) -> AttachedDisk:
        wanted = next((one for one in server.volumes if one.attachment_id == id), None)
        device = wanted.device if wanted else None
        url = f"{server.endpoints['volume']}/attachments/{id}"
        body = {"attachment": {"connector": {**self._connector, **({"mountpoint": device} if device else {})}}}
        answer = await self._http.send("PUT", url, token=token, json=body, headers=VERSION, service="volume")
        found = answer.json()["attachment"]
        return AttachedDisk(
            volume_id=found["volume_id"],
            attachment_id=id,
            connection=found["connection_info"],
            device=device,
            boot_index=wanted.boot_index if wanted else None,
        )

    async def complete(self, server: ServerDetails, disks: list[AttachedDisk], token: str) -> None:
        """The guest has them: the volumes are in use now."""
        for disk in disks:
            url = f"{server.endpoints['volume']}/attachments/{disk.attachment_id}/action"
            body: dict[str, Any] = {"os-complete": {}}
            await self._http.send("POST", url, token=token, json=body, headers=VERSION, service="volume")

    async def attach(self, server: ServerDetails, token: str) -> None:
        """One more volume for a guest that is there. Raises ApiError: the guest may have it then."""
        disks = await self.connect(server, [server.data[ATTACHMENT]], token)
        await self._rehearse(server.kind, server)
        for disk in disks:
            await self._driver.attach_disk(server.id, disk, server.image_properties)
        await self.complete(server, disks, token)

    async def extend(self, server: ServerDetails) -> None:
        """The guest may see that it has grown. Raises DriverError."""
        await self._driver.extend_disk(server.id, server.data[VOLUME], int(server.data["size_gib"]))

    async def waits(self, server_id: str) -> None:
        """One of its volumes does not answer: the volume service looks at once. Where it can't be told, it looks by itself."""
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await self._bus.cast(volume.TOPIC, volume.DiskWaits(server_id=server_id))
        except (ApiError, TimeoutError) as error:
            log.warning("the volume service is not told that server %s waits: %s", server_id, str(error) or "no answer")

    async def detach(self, server: ServerDetails) -> None:
        """The guest has it no more; its attachment is the conductor's to end. Raises DriverError where the guest keeps it."""
        await self._driver.detach_disk(server.id, server.data[VOLUME])
