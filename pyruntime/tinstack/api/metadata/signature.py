"""Who may ask for a guest's metadata: hosts, each by a key of its own, for a server that the proxy names.

A proxy sends ``X-Instance-ID``, ``X-Tenant-ID``, ``X-Metadata-Host`` and ``X-Instance-ID-Signature``. The host that proxies
(a router or DHCP host) may be another one than the one that the guest runs on, so any known host is heard.
"""

import hmac
import time
from typing import NamedTuple

from tinstack.api.parts import Compute
from tinstack.computedb import fleet
from tinstack.core.errors import ApiError, BadRequest, Forbidden
from tinstack.core.guestdata import host_key, signature
from tinstack.core.http import Request

KNOWN_SECONDS = 60.0


class Signed(NamedTuple):
    """The server that a valid request is for."""

    instance_id: str
    project_id: str


class Signers:
    """Checks signatures; remembers for a while which hosts are known."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._known: dict[str, float] = {}

    async def check(self, request: Request) -> Signed:
        """Raises BadRequest without the headers, Forbidden for a wrong signature or an unknown host."""
        instance, project = request.header("X-Instance-ID"), request.header("X-Tenant-ID")
        host, given = request.header("X-Metadata-Host"), request.header("X-Instance-ID-Signature")
        if not (instance and project and host and given):
            raise BadRequest("A metadata request names its instance, project and host, and is signed by that host.")
        secret = self._compute.config.metadata_secret
        wanted = signature(host_key(secret, host), instance)
        if not secret or not hmac.compare_digest(wanted.encode(), given.encode()):
            raise Forbidden("The signature of the metadata request is not that of its host.")
        if not await self._is_known(host):
            raise Forbidden(f"The host '{host}' is not known.")
        return Signed(instance, project)

    async def _is_known(self, host: str) -> bool:
        now = time.monotonic()
        if self._known.get(host, 0.0) > now:
            return True
        if not await self._asked(host):
            return False
        self._known[host] = now + KNOWN_SECONDS
        return True

    async def _asked(self, host: str) -> bool:
        if any(one.host == host for one in await fleet.all_services(self._compute.db)):
            return True
        try:
            answer = await self._compute.session.request("GET", "network", f"/v2.0/agents?host={host}")
        except ApiError:
            return False
        return any(agent.get("host") == host for agent in answer.json().get("agents", []))
