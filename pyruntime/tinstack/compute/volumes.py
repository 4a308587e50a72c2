"""A server's volumes: asked for always, connected to this host (steps 25 and 27). Source: Block Storage API, Attachments (3.27)."""

from typing import Any

from tinstack.compute.drivers.interface import AttachedDisk
from tinstack.conductor.rpc import ServerDetails
from tinstack.core.client import Http

VERSION = {"OpenStack-API-Version": "volume 3.54"}


class Volumes:
    """The volume service as a host sees it."""

    def __init__(self, http: Http, host: str, my_ip: str) -> None:
        self._http = http
        self._connector = {"host": host, "ip": my_ip, "platform": "x86_64", "os_type": "linux", "multipath": False}

    async def attachments(self, server: ServerDetails, token: str) -> list[dict[str, Any]]:
        """Step 25: what is reserved for this server."""
        url = f"{server.endpoints['volume']}/attachments?instance_id={server.id}"
        answer = await self._http.send("GET", url, token=token, headers=VERSION, service="volume")
        found: list[dict[str, Any]] = answer.json()["attachments"]
        return found

    async def connect(self, server: ServerDetails, attachments: list[dict[str, Any]], token: str) -> list[AttachedDisk]:
        """Step 27: connection info for each; asking again gives the same."""
        return [await self._one(server, attachment, token) for attachment in attachments]

    async def _one(self, server: ServerDetails, attachment: dict[str, Any], token: str) -> AttachedDisk:
        id = attachment["id"]
        wanted = next((one for one in server.volumes if one.attachment_id == id), None)
        url = f"{server.endpoints['volume']}/attachments/{id}"
        body = {"attachment": {"connector": self._connector}}
        answer = await self._http.send("PUT", url, token=token, json=body, headers=VERSION, service="volume")
        found = answer.json()["attachment"]
        return AttachedDisk(
            volume_id=found["volume_id"],
            attachment_id=id,
            connection=found["connection_info"],
            device=wanted.device if wanted else None,
            boot_index=wanted.boot_index if wanted else None,
        )

    async def complete(self, server: ServerDetails, disks: list[AttachedDisk], token: str) -> None:
        """The guest has them: the volumes are in use now."""
        for disk in disks:
            url = f"{server.endpoints['volume']}/attachments/{disk.attachment_id}/action"
            body: dict[str, Any] = {"os-complete": {}}
            await self._http.send("POST", url, token=token, json=body, headers=VERSION, service="volume")
