"""Claims of servers in placement, as the conductor sees them: read, given back and put right, never behind another's back.

A consumer's generation is never seen twice, so what is written by a generation that was read holds for that claim alone: a conductor
that stood still between reading and writing changes nothing of a claim that was made since.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from tinstack.computedb.rows import Instance
from tinstack.core import crash
from tinstack.core.client import RemoteError, Session
from tinstack.core.errors import Conflict, Unavailable

VERSION = "1.38"
TRIES = 5

Fence = Callable[[], Awaitable[None]]
"""Raises where what was read just now may be of another's doing, as the operation is not this process's any more."""


class ClaimsChange(Unavailable):
    """Somebody else writes the same claim again and again."""

    code, message = "conductor.claims.busy", "The claim of server {id} is being changed by others; it is tried again."


class NoRoom(Conflict):
    """409: placement refuses the claim."""

    code, message = "conductor.claims.room", "Placement refuses the claim of server {id} on host {host}: {why}"


class Held(msgspec.Struct, kw_only=True):
    """What a consumer holds: provider → resources."""

    allocations: dict[str, Any] = {}
    consumer_generation: int | None = None
    consumer_type: str = ""
    project_id: str = ""
    user_id: str = ""


async def unfenced() -> None:
    """For servers that are gone: nobody makes anything for them any more, so it may be removed late as well."""


class Claims:
    """Requests to placement."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._empty: dict[str, int] = {}

    async def consumers(self, providers: Iterable[str]) -> dict[str, set[str]]:
        """Who holds something of these providers: consumer → providers.

        Whoever claims raises the provider's generation, so one that was empty is not asked again before that.
        """
        answer = await self._session.request("GET", "placement", "/resource_providers", version=VERSION)
        there = {one["uuid"]: one["generation"] for one in answer.json()["resource_providers"]}
        empty, self._empty = self._empty, {}
        found: dict[str, set[str]] = {}
        for provider in there.keys() & set(providers):
            holders = set() if empty.get(provider) == there[provider] else await self._consumers_of(provider)
            for consumer in holders:
                found.setdefault(consumer, set()).add(provider)
            if not holders:
                self._empty[provider] = there[provider]
        return found

    async def _consumers_of(self, provider: str) -> set[str]:
        path = f"/resource_providers/{provider}/allocations"
        answer = await self._session.request("GET", "placement", path, version=VERSION, ok=(404,))
        return set(answer.json()["allocations"]) if answer.status == 200 else set()

    async def of(self, consumer: str) -> Held:
        """What it holds; nothing where it is not known."""
        answer = await self._session.request("GET", "placement", _path(consumer), version=VERSION)
        return msgspec.convert(answer.json(), Held)

    async def is_instance(self, consumer: str) -> bool:
        """Whether a consumer is one of our servers (others may hold allocations of their own)."""
        return (await self.of(consumer)).consumer_type == "INSTANCE"

    async def give_back(self, consumer: str, fence: Fence = unfenced) -> None:
        """The claim that is there now is absent afterwards. Raises what ``fence`` raises, ClaimsChange."""
        if fence is unfenced:
            with crash.around("clear-claim"):
                await self._session.request("DELETE", "placement", _path(consumer), version=VERSION, ok=(404,))
            return
        for _ in range(TRIES):
            held = await self.of(consumer)
            if not held.allocations:
                return
            await fence()
            with crash.around("clear-claim"):
                if await self._write(consumer, held, {}) is None:
                    return
        raise ClaimsChange(id=consumer)

    async def put_right(
        self, server: Instance, provider: str | None, resources: Mapping[str, int], fence: Fence
    ) -> bool:
        """The server's claim is on that provider (None: on none) and nowhere else; whether it was not.

        Raises NoRoom and what ``fence`` raises.
        """
        wanted = {provider: {"resources": dict(resources)}} if provider else {}
        held = await self.of(server.id)
        if held.allocations.keys() == wanted.keys():
            return False
        await fence()
        if held.consumer_generation is None:
            held = Held(consumer_type="INSTANCE", project_id=server.project_id, user_id=server.user_id)
        why = await self._write(server.id, held, wanted)
        if why is not None:
            raise NoRoom(id=server.id, host=server.host, why=why)
        return True

    async def _write(self, consumer: str, held: Held, wanted: Mapping[str, Any]) -> str | None:
        """Swap a claim by its generation; why it is refused, or None. Raises RemoteError."""
        body = {
            "allocations": wanted,
            "project_id": held.project_id,
            "user_id": held.user_id or held.project_id,
            "consumer_generation": held.consumer_generation,
            "consumer_type": held.consumer_type,
        }
        try:
            await self._session.request("PUT", "placement", _path(consumer), json=body, version=VERSION)
        except RemoteError as error:
            if error.remote_status != 409:
                raise
            return error.text
        return None


def _path(consumer: str) -> str:
    return f"/allocations/{quote(consumer, safe='')}"
