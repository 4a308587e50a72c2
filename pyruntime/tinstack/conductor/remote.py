"""What belongs to a server at other services: its claim, ports and attachments, brought to absent; and its launch tokens."""

import logging
from typing import Any
from urllib.parse import quote

from tinstack.computedb.rows import Instance
from tinstack.core import crash
from tinstack.core.client import Session
from tinstack.core.errors import ApiError, NotImplementedHere

log = logging.getLogger(__name__)

PLACEMENT = "1.38"
VOLUME = {"OpenStack-API-Version": "volume 3.70"}


class NotOffered(NotImplementedHere):
    """A disk that would have to be made first."""

    code, message = (
        "conductor.device",
        "A disk made from '{source}' at boot is not offered here yet; make the volume first.",
    )


class Remote:
    """The conductor's REST calls; every one may be made again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def launch_token(self, server: Instance, host: str, seconds: int, image: str | None) -> str:
        """A token that allows a host what this server needs, and nothing else (step 18). ``image``: the one it may read or write."""
        body = {
            "launch_token": {
                "project_id": server.project_id,
                "host": host,
                "server": server.id,
                "image": image,
                "ports": [port.id for port in server.ports],
                "volumes": [volume.volume_id for volume in server.volumes if volume.volume_id],
                "networks": sorted({port.network_id for port in server.ports if port.network_id}),
                "seconds": seconds,
            }
        }
        answer = await self._session.request("POST", "identity", "/OS-TINSTACK/launch_tokens", json=body)
        return answer.headers["X-Subject-Token"]

    async def endpoints(self) -> dict[str, str]:
        """Where hosts find the services that they need."""
        return {
            "image": await self._session.endpoint("image"),
            "network": await self._session.endpoint("network"),
            "volume": await self._session.endpoint("block-storage"),
        }

    async def reserve(self, server: Instance) -> None:
        """Its volumes, each by the attachment's id that was chosen at step 7 (before step 25). Raises RemoteError."""
        for volume in server.volumes:
            if volume.volume_id is None:
                raise NotOffered(source=volume.source)
            body = {
                "attachment": {
                    "volume_uuid": volume.volume_id,
                    "instance_uuid": server.id,
                    "attachment_id": volume.attachment_id,
                }
            }
            await self._session.request("POST", "block-storage", "/attachments", json=body, headers=VOLUME)

    async def clear(self, server: Instance, *, gone: bool) -> None:
        """Its ports, attachments and claim are absent afterwards; ``gone``: the server is deleted, so are its own volumes.

        The claim goes last: what still uses the host's memory is never sold again.
        """
        with crash.around("clear-ports"):
            await self._clear_ports(server)
        with crash.around("clear-attachments"):
            await self._clear_attachments(server)
        if gone:
            await self._clear_volumes(server)
        with crash.around("clear-claim"):
            await self.forget_claim(server.id)

    async def clear_port(self, server: Instance, port_id: str) -> None:
        """One port: absent where it was made for the server, unbound where it was given; another server's is left alone."""
        await self._clear_ports(server, f"&id={quote(port_id)}")

    async def _clear_ports(self, server: Instance, only: str = "") -> None:
        given = {port.id for port in server.ports if not port.ours}
        answer = await self._session.request("GET", "network", f"/v2.0/ports?device_id={quote(server.id)}{only}")
        for port in answer.json()["ports"]:
            path = f"/v2.0/ports/{port['id']}"
            if port["id"] in given:
                unbound = {"device_id": "", "device_owner": "", "binding:host_id": ""}
                await self._session.request("PUT", "network", path, json={"port": unbound}, ok=(404,))
            else:
                await self._session.request("DELETE", "network", path, ok=(404,))

    async def _clear_attachments(self, server: Instance) -> None:
        path = f"/attachments?instance_id={quote(server.id)}"
        answer = await self._session.request("GET", "block-storage", path, headers=VOLUME)
        for attachment in answer.json()["attachments"]:
            await self._session.request(
                "DELETE", "block-storage", f"/attachments/{attachment['id']}", headers=VOLUME, ok=(404,)
            )

    async def _clear_volumes(self, server: Instance) -> None:
        for volume in server.volumes:
            if volume.volume_id is None or not volume.delete_on_termination:
                continue
            try:
                await self._session.request(
                    "DELETE", "block-storage", f"/volumes/{volume.volume_id}", headers=VOLUME, ok=(404,)
                )
            except ApiError as error:
                log.warning("volume %s of deleted server %s stays: %s", volume.volume_id, server.id, error.text)

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

    async def consumers(self, provider: str) -> set[str]:
        """Who holds something of a provider."""
        path = f"/resource_providers/{provider}/allocations"
        answer = await self._session.request("GET", "placement", path, version=PLACEMENT, ok=(404,))
        return set(answer.json()["allocations"]) if answer.status == 200 else set()

    async def is_instance(self, consumer: str) -> bool:
        """Whether a consumer is one of our servers (others may hold allocations of their own)."""
        answer = await self._session.request("GET", "placement", f"/allocations/{consumer}", version=PLACEMENT)
        return bool(answer.json().get("consumer_type") == "INSTANCE")

    async def forget_claim(self, consumer: str) -> None:
        """A claim is given back; it may have been before."""
        await self._session.request("DELETE", "placement", f"/allocations/{consumer}", version=PLACEMENT, ok=(404,))
