"""What belongs to a server at other services: its claim, ports and attachments, brought to absent."""

import asyncio
import logging
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from tinstack.computedb.rows import Instance
from tinstack.conductor.claims import VERSION as PLACEMENT
from tinstack.conductor.claims import Claims, Fence
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core import crash
from tinstack.core.client import RemoteError, Session
from tinstack.core.errors import ApiError, Unavailable

log = logging.getLogger(__name__)

VOLUME = {"OpenStack-API-Version": "volume 3.70"}
SERVER_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

MADE = {"image", "snapshot", "blank"}
"""Sources of volumes that a boot makes."""

UNFINISHED = {"creating", "downloading"}
"""States of a volume that is being made: it can be neither attached nor deleted."""

TRIES, AGAIN_SECONDS = 20, 0.25


class VolumeFailed(ApiError):
    """The volume service could not make it."""

    code, message = "conductor.volume", "The volume {id}, to be made from {source}, is in the status {status}."


class PortsChange(Unavailable):
    """Somebody else changes the same ports again and again."""

    code, message = "conductor.ports.busy", "The ports of server {id} are being changed by others; it is tried again."


class VolumeUnfinished(Unavailable):
    """It is still being made, so that it can't be deleted yet."""

    code, message = "conductor.volume.unfinished", "The volume {id} is still being made."


class Remote:
    """The conductor's REST calls; every one may be made again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.claims = Claims(session)

    async def endpoints(self) -> dict[str, str]:
        """Where hosts find the services that they need."""
        return {
            "image": await self._session.endpoint("image"),
            "network": await self._session.endpoint("network"),
            "volume": await self._session.endpoint("block-storage"),
        }

    async def reserve(self, server: Instance, volumes: list[RequestedVolume]) -> None:
        """Some of its volumes, each by the attachment's id that was chosen before. Raises RemoteError."""
        for volume in volumes:
            body = {
                "attachment": {
                    "volume_uuid": volume.volume_id,
                    "instance_uuid": server.id,
                    "attachment_id": volume.attachment_id,
                    "mountpoint": volume.device,
                }
            }
            await self._session.request("POST", "block-storage", "/attachments", json=body, headers=VOLUME)

    async def make(self, server: Instance, volumes: list[RequestedVolume]) -> list[RequestedVolume]:
        """Begin to make volumes of the server's owner, by the ids that were chosen at step 7; those that are made.

        Raises VolumeFailed, RemoteError.
        """
        ready = []
        for volume in volumes:
            path = f"/volumes/{volume.volume_id}"
            found = await self._session.request("GET", "block-storage", path, headers=VOLUME, ok=(404,))
            if found.status == 404:
                await self._begin_volume(server, volume)
                continue
            status = found.json()["volume"]["status"]
            if status.startswith("error"):
                raise VolumeFailed(id=volume.volume_id, source=volume.source, status=status)
            if status not in UNFINISHED:
                ready.append(volume)
        return ready

    async def _begin_volume(self, server: Instance, volume: RequestedVolume) -> None:
        body: dict[str, Any] = {
            "id": volume.volume_id,
            "project_id": server.project_id,
            "user_id": server.user_id,
            "name": "",
            "size": volume.size_gib,
            "volume_type": volume.volume_type,
        }
        if volume.source != "blank":
            body["imageRef" if volume.source == "image" else "snapshot_id"] = volume.source_id
        await self._session.request(
            "POST", "block-storage", "/volumes", json={"volume": body}, headers=VOLUME, ok=(409,)
        )

    async def clear_made(self, server: Instance) -> None:
        """The volumes that a boot made are absent afterwards."""
        for volume in server.volumes:
            if volume.source in MADE:
                await self._clear_volume(server, volume)

    async def clear(self, server: Instance, fence: Fence, *, gone: bool) -> None:
        """Its ports, attachments and claim are absent afterwards; ``gone``: the server is deleted, so are its own volumes.

        The claim goes last: what still uses the host's memory is never sold again. ``fence`` is asked after each look and before
        what was seen is removed, so that a process that stood still meanwhile removes nothing that was made since.
        """
        await self._clear_ports(server, fence)
        await self._clear_attachments(server, fence)
        if gone:
            await self._clear_volumes(server)
        await self.claims.give_back(server.id, fence)

    async def clear_port(self, server: Instance, port_id: str, fence: Fence) -> None:
        """One port: absent where it was made for the server, unbound where it was given; another server's is left alone."""
        await self._clear_ports(server, fence, f"&id={quote(port_id)}")

    async def _clear_ports(self, server: Instance, fence: Fence, only: str = "") -> None:
        """Those that are made anew get a new id, those that were given a new revision."""
        given = {port.id for port in server.ports if not port.ours}
        for _ in range(TRIES):
            answer = await self._session.request("GET", "network", f"/v2.0/ports?device_id={quote(server.id)}{only}")
            await fence()
            with crash.around("clear-ports"):
                if all([await self._clear_port(port, given) for port in answer.json()["ports"]]):
                    return
        raise PortsChange(id=server.id)

    async def _clear_port(self, port: dict[str, Any], given: Collection[str]) -> bool:
        """False where it was changed since it was looked at."""
        path, match = f"/v2.0/ports/{port['id']}", {"If-Match": f"revision_number={port['revision_number']}"}
        if port["id"] in given:
            body = {"port": {"device_id": "", "device_owner": "", "binding:host_id": ""}}
            answer = await self._session.request("PUT", "network", path, json=body, headers=match, ok=(404, 412))
        else:
            answer = await self._session.request("DELETE", "network", path, headers=match, ok=(404, 412))
        return answer.status != 412

    async def _clear_attachments(self, server: Instance, fence: Fence) -> None:
        path = f"/attachments?instance_id={quote(server.id)}"
        answer = await self._session.request("GET", "block-storage", path, headers=VOLUME)
        await fence()
        with crash.around("clear-attachments"):
            for attachment in answer.json()["attachments"]:
                await self.clear_attachment(attachment["id"])

    async def clear_attachment(self, id: str) -> None:
        """Absent afterwards, its export too. Its id is never used for another."""
        await self._session.request("DELETE", "block-storage", f"/attachments/{quote(id)}", headers=VOLUME, ok=(404,))

    async def keep_volume(self, id: str) -> None:
        """A volume that was being detached is in use again."""
        await self._session.request(
            "POST",
            "block-storage",
            f"/volumes/{quote(id)}/action",
            json={"os-roll_detaching": {}},
            headers=VOLUME,
            ok=(404,),
        )

    async def _clear_volumes(self, server: Instance) -> None:
        for volume in server.volumes:
            if volume.volume_id is not None and volume.delete_on_termination:
                await self._clear_volume(server, volume)

    async def _clear_volume(self, server: Instance, volume: RequestedVolume) -> None:
        """One that is still being made is waited for. Raises VolumeUnfinished where that takes long: it is tried again then."""
        path, waited = f"/volumes/{volume.volume_id}", True
        for again in (True,) * TRIES + (False,):
            try:
                await self._session.request("DELETE", "block-storage", path, headers=VOLUME, ok=(404,))
                return
            except RemoteError as error:
                found = await self._session.request("GET", "block-storage", path, headers=VOLUME, ok=(404,))
                if found.status == 404:
                    return
                before, waited = waited, found.json()["volume"]["status"] in UNFINISHED
                if not before and not waited:
                    log.warning("volume %s of server %s stays: %s", volume.volume_id, server.id, error.text)
                    return
                if not again:
                    raise VolumeUnfinished(id=volume.volume_id) from error
            await asyncio.sleep(AGAIN_SECONDS)

    async def clear_image(self, id: str) -> None:
        """An image that a server did not become is absent afterwards."""
        await self._session.request("DELETE", "image", f"/v2/images/{quote(id)}", ok=(403, 404))

    async def backups(self, server_id: str, kind: str) -> list[str]:
        """The images of that type of backup of a server, newest first."""
        query = f"instance_uuid={quote(server_id)}&image_type=backup&backup_type={quote(kind, safe='')}"
        path = f"/v2/images?{query}&sort=created_at:desc&limit=1000"
        answer = await self._session.request("GET", "image", path)
        return [one["id"] for one in answer.json()["images"] if one["status"] == "active"]

    async def inventory(self, provider: str, name: str, wanted: dict[str, Any]) -> None:
        """A host's resource provider with that inventory; written only where it differs."""
        path = f"/resource_providers/{provider}"
        there = await self._session.request("GET", "placement", path, version=PLACEMENT, ok=(404,))
        if there.status == 404:
            body = {"uuid": provider, "name": name}
            await self._session.request(
                "POST", "placement", "/resource_providers", json=body, version=PLACEMENT, ok=(409,)
            )
        answer = (await self._session.request("GET", "placement", f"{path}/inventories", version=PLACEMENT)).json()
        known = {
            kind: {key: one.get(key) for key in wanted.get(kind, {})} for kind, one in answer["inventories"].items()
        }
        if known == wanted:
            return
        stock: dict[str, Any] = {
            "resource_provider_generation": answer["resource_provider_generation"],
            "inventories": wanted,
        }
        await self._session.request("PUT", "placement", f"{path}/inventories", json=stock, version=PLACEMENT)

    async def holders(self) -> set[str]:
        """The servers that ports and attachments say that they belong to. What is written there is any tenant's: ids alone count."""
        ports = await self._session.request("GET", "network", "/v2.0/ports?fields=device_id&fields=device_owner")
        found = {one["device_id"] for one in ports.json()["ports"] if one["device_owner"].startswith("compute:")}
        path = "/attachments?all_tenants=1"
        attachments = await self._session.request("GET", "block-storage", path, headers=VOLUME)
        found |= {one["instance"] for one in attachments.json()["attachments"]}
        return {id for id in found if id and SERVER_ID.fullmatch(id)}
