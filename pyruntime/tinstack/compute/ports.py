"""A server's ports: allocated and bound to this host, and the wait until they are wired (steps 22 and 24)."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from tinstack.compute.drivers.interface import Nic
from tinstack.compute.errors import BindingFailed, VifPlugTimeout
from tinstack.conductor.rpc import RequestedPort, ServerDetails
from tinstack.core.client import Http, RemoteError
from tinstack.core.guestdata import tap_of

POLL_SECONDS = 2.0
"""How long an event is waited for before the port itself is looked at: a lost event costs this much."""


class Ports:
    """The network service as a host sees it: with the launch token of one server at a time."""

    def __init__(self, http: Http, host: str, plug_seconds: float) -> None:
        self._http, self._host, self._plug_seconds = http, host, plug_seconds
        self._plugged: dict[str, asyncio.Event] = {}
        self._mtu: dict[str, int] = {}

    def event(self, port_id: str) -> None:
        """``network-vif-plugged`` came."""
        if port_id in self._plugged:
            self._plugged[port_id].set()

    async def allocate(
        self, server: ServerDetails, token: str, only: Sequence[RequestedPort] | None = None
    ) -> list[dict[str, Any]]:
        """Step 22: every port (``only``: of these) made (its id was chosen before) or bound; the API's own bodies."""
        url, ports = server.endpoints["network"], server.ports if only is None else only
        for port in ports:
            self._plugged[port.id] = asyncio.Event()
        bodies = [await self._one(url, server, port, token) for port in ports]
        for body in bodies:
            if body.get("binding:vif_type") == "binding_failed":
                raise BindingFailed(port=body["id"], host=self._host)
        return bodies

    async def _one(self, url: str, server: ServerDetails, port: RequestedPort, token: str) -> dict[str, Any]:
        bound = {
            "device_id": server.id,
            "device_owner": f"compute:{server.availability_zone or 'nova'}",
            "binding:host_id": self._host,
        }
        if port.ours:
            wanted: dict[str, Any] = {"id": port.id, "network_id": port.network_id, **bound}
            if port.fixed_ip:
                wanted["fixed_ips"] = [{"ip_address": port.fixed_ip}]
            if port.security_groups:
                wanted["security_groups"] = port.security_groups
            try:
                answer = await self._send("POST", f"{url}/v2.0/ports", token, {"port": wanted})
            except RemoteError as error:
                if error.remote_status != 409 or not await self._is_there(url, port.id, token):
                    raise
            else:
                return answer
        return await self._send("PUT", f"{url}/v2.0/ports/{port.id}", token, {"port": bound})

    async def _is_there(self, url: str, port_id: str, token: str) -> bool:
        answer = await self._http.send(
            "GET", f"{url}/v2.0/ports/{port_id}", token=token, service="network", ok=(403, 404)
        )
        return answer.status == 200

    async def wait_until_wired(self, server: ServerDetails, ports: list[dict[str, Any]], token: str) -> list[Nic]:
        """Step 24: until every port is ACTIVE, told by the event or seen by looking. Raises VifPlugTimeout."""
        try:
            return [await self._wired(server.endpoints["network"], port, token) for port in ports]
        finally:
            for port in ports:
                self._plugged.pop(port["id"], None)

    async def _wired(self, url: str, port: dict[str, Any], token: str) -> Nic:
        end = time.monotonic() + self._plug_seconds
        while port["status"] != "ACTIVE" and port.get("admin_state_up", True):
            if time.monotonic() > end:
                raise VifPlugTimeout(port=port["id"], seconds=self._plug_seconds)
            try:
                await asyncio.wait_for(self._plugged[port["id"]].wait(), POLL_SECONDS)
                break
            except TimeoutError:
                port = await self._send("GET", f"{url}/v2.0/ports/{port['id']}", token)
        mtu = await self._mtu_of(url, port["network_id"], token)
        return Nic(port_id=port["id"], mac=port["mac_address"], device=tap_of(port["id"]), mtu=mtu)

    async def _mtu_of(self, url: str, network_id: str, token: str) -> int:
        if network_id not in self._mtu:
            answer = await self._http.send("GET", f"{url}/v2.0/networks/{network_id}", token=token, service="network")
            self._mtu[network_id] = int(answer.json()["network"]["mtu"])
        return self._mtu[network_id]

    async def _send(self, method: str, url: str, token: str, body: Any = None) -> dict[str, Any]:
        answer = await self._http.send(method, url, token=token, json=body, service="network")
        port: dict[str, Any] = answer.json()["port"]
        return port
