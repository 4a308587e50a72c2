"""Launch tokens (step 18): what a host may do for a server, asked of identity as soon as the host is chosen."""

import asyncio

import msgspec

from tinstack.computedb.rows import Instance
from tinstack.core.client import Session
from tinstack.core.errors import ApiError
from tinstack.core.operations import Operation

KEEP_SECONDS = 10.0
"""How long a token that was asked for beforehand waits for its host."""


class LaunchTokens:
    """``seconds``: how long one is good for."""

    def __init__(self, session: Session, seconds: int) -> None:
        self._session, self._seconds = session, seconds
        self._expected: dict[bytes, asyncio.Task[str]] = {}

    def expect(self, operation: Operation, server: Instance, host: str) -> None:
        """The host is about to ask for it: have it on its way by then."""
        wanted = self._wanted(operation, server, host)
        if wanted not in self._expected:
            asking = asyncio.create_task(self._ask(wanted), name=f"launch token of {server.id}")
            asking.add_done_callback(_seen)
            self._expected[wanted] = asking
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._forget, wanted)

    async def get(self, operation: Operation, server: Instance, host: str) -> str:
        """One that allows the host what this server needs as it stands, and nothing else. Raises ApiError."""
        wanted = self._wanted(operation, server, host)
        if expected := self._expected.pop(wanted, None):
            try:
                return await asyncio.shield(expected)
            except ApiError:
                pass  # it is asked for again, now that it is wanted
        return await self._ask(wanted)

    def _wanted(self, operation: Operation, server: Instance, host: str) -> bytes:
        """``image``: the one that it may read or write."""
        wanted = {
            "project_id": server.project_id,
            "host": host,
            "server": server.id,
            "image": operation.data.get("image_id", server.image_id),
            "ports": [port.id for port in server.ports],
            "volumes": [volume.volume_id for volume in server.volumes if volume.volume_id],
            "networks": sorted({port.network_id for port in server.ports if port.network_id}),
            "operation": operation.id,
            "attempt": operation.attempt,
            "seconds": self._seconds,
        }
        return msgspec.json.encode({"launch_token": wanted})

    async def _ask(self, wanted: bytes) -> str:
        answer = await self._session.request("POST", "identity", "/OS-TINSTACK/launch_tokens", json=msgspec.Raw(wanted))
        return answer.headers["X-Subject-Token"]

    def _forget(self, wanted: bytes) -> None:
        """Nobody came for it. It is voided with its operation."""
        if expected := self._expected.pop(wanted, None):
            expected.cancel()


def _seen(asking: asyncio.Task[str]) -> None:
    """A failure that nobody came for is none."""
    if not asking.cancelled():
        asking.exception()
