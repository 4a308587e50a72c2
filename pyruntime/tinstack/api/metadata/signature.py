"""Who may ask for a guest's metadata: hosts, each by a key of its own, for a server that the proxy names.

A proxy sends ``X-Instance-ID``, ``X-Tenant-ID``, ``X-Metadata-Host`` and ``X-Instance-ID-Signature``. Heard are the host that
the guest runs on, and network hosts (those with a DHCP, L3 or metadata agent): a stolen hypervisor learns of its own guests
alone.
"""

import hmac
import logging
import time
from typing import NamedTuple
from urllib.parse import quote

from tinstack.api.parts import Compute
from tinstack.core.errors import BadRequest, Forbidden
from tinstack.core.guestdata import each_secret, host_key, signature
from tinstack.core.http import Request

log = logging.getLogger(__name__)

KNOWN_SECONDS = 60.0


PROXIES = {"DHCP agent", "L3 agent", "Metadata agent"}
"""Agents that proxy the metadata of guests on other hosts."""


class Signed(NamedTuple):
    """What a request with a valid signature says."""

    instance_id: str
    project_id: str
    host: str


class Signers:
    """Checks signatures; remembers for a while which hosts are network hosts."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._proxies: dict[str, float] = {}

    def check(self, request: Request) -> Signed:
        """Raises BadRequest without the headers, Forbidden for a wrong signature."""
        instance, project = request.header("X-Instance-ID"), request.header("X-Tenant-ID")
        host, given = request.header("X-Metadata-Host"), request.header("X-Instance-ID-Signature")
        if not (instance and project and host and given):
            raise BadRequest("A metadata request names its instance, project and host, and is signed by that host.")
        secrets = each_secret(self._compute.config.metadata_secret)
        right = [signature(host_key(secret, host), instance).encode() for secret in secrets]
        if not any(hmac.compare_digest(one, given.encode()) for one in right):
            log.warning("a wrong signature of host '%s' for the metadata of server %s is refused", host, instance)
            raise Forbidden("The signature of the metadata request is not that of its host.")
        return Signed(instance, project, host)

    async def admit(self, signed: Signed, server_host: str | None) -> None:
        """Raises Forbidden for a host that is neither the guest's own nor a network host."""
        host = signed.host
        if host != server_host and not await self._is_proxy(host):
            log.warning("host '%s' asked for the metadata of server %s, which is not its own", host, signed.instance_id)
            raise Forbidden(f"The host '{host}' may not ask for guests of other hosts.")

    async def _is_proxy(self, host: str) -> bool:
        now = time.monotonic()
        if self._proxies.get(host, 0.0) > now:
            return True
        answer = await self._compute.session.request("GET", "network", f"/v2.0/agents?host={quote(host)}")
        agents = answer.json().get("agents", [])
        if not any(agent.get("host") == host and agent.get("agent_type") in PROXIES for agent in agents):
            return False
        self._proxies[host] = now + KNOWN_SECONDS
        return True
