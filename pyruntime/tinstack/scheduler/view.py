"""What the scheduler holds in memory between decisions: the hosts as the conductor knows them, and who has room as placement says.

Both are asked for again when they are older than a decision may bear, once for all decisions that wait for them. In between, what this
scheduler sells is counted, so that a burst is spread. Old answers choose badly at worst: the claim decides, and before a server is
refused everything is asked anew.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from tinstack.conductor.rpc import HostState, SchedulingRequest
from tinstack.core.errors import ApiError
from tinstack.scheduler.claims import resources_of

T = TypeVar("T")

log = logging.getLogger(__name__)

EARLY = 0.7
"""The part of its age after which the view is refreshed in the background while decisions go on."""

Resources = frozenset[tuple[str, int]]


class Kept(Generic[T]):
    """An answer and when it was asked for."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self.value: T | None = None
        self._asking = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None
        self.asked = float("-inf")

    async def since(self, moment: float, soon: float = float("-inf")) -> T:
        """The answer to a question that was asked no earlier (monotonic clock); who comes meanwhile waits for the same one.

        Where it was asked before ``soon``, it is asked again in the background, so that nobody has to wait for the next.
        """
        if self.value is None or self.asked < moment:
            await self._ask_again(moment)
        else:
            self.prepare(soon)
        assert self.value is not None
        return self.value

    def prepare(self, moment: float) -> None:
        """Ask now, in the background, where it was not asked since: who wants it in a moment waits for the rest of the way alone."""
        if self.asked < moment and not self._asking.locked():
            self._refreshing = asyncio.create_task(self._refresh(moment), name="refreshing the view")

    async def _ask_again(self, moment: float) -> None:
        async with self._asking:
            if self.value is None or self.asked < moment:
                began = time.monotonic()
                self.value = await self._ask()
                self.asked = began

    async def _refresh(self, moment: float) -> None:
        try:
            await self._ask_again(moment)
        except ApiError as error:
            log.info("the view is not refreshed yet: %s", error.text)


class View:
    """``seconds``: how old it may be."""

    def __init__(
        self,
        ask_hosts: Callable[[], Awaitable[list[HostState]]],
        ask_room: Callable[[Mapping[str, int]], Awaitable[set[str]]],
        seconds: float,
    ) -> None:
        self._ask_hosts, self._ask_room, self._seconds = ask_hosts, ask_room, seconds
        self._hosts = Kept(self._by_name)
        self._room: dict[Resources, Kept[set[str]]] = {}
        self._latest: Kept[set[str]] | None = None

    async def _by_name(self) -> dict[str, HostState]:
        return {host.host: host for host in await self._ask_hosts()}

    def prepare(self) -> None:
        """A request is about to come, most likely one like the last."""
        moment = time.monotonic() - self._seconds
        self._hosts.prepare(moment)
        if self._latest:
            self._latest.prepare(moment)

    async def look(self, request: SchedulingRequest, *, fresh: bool = False) -> tuple[list[HostState], set[str]]:
        """The hosts, and the providers that have room for the request. ``fresh``: as they are now."""
        now = time.monotonic()
        moment, soon = (now, now) if fresh else (now - self._seconds, now - EARLY * self._seconds)
        hosts, room = await asyncio.gather(
            self._hosts.since(moment, soon), self._kept_room(request, now).since(moment, soon)
        )
        return list(hosts.values()), room

    def _kept_room(self, request: SchedulingRequest, now: float) -> Kept[set[str]]:
        wanted = resources_of(request)
        key = frozenset(wanted.items())
        if key not in self._room:
            old = [one for one, kept in self._room.items() if kept.asked + 10 * self._seconds < now]
            for one in old:
                del self._room[one]
            self._room[key] = Kept(lambda: self._ask_room(wanted))
        self._latest = self._room[key]
        return self._latest

    def count(self, host: str, request: SchedulingRequest, number: int = 1) -> None:
        """So many such servers more (or, below 0, fewer) on a host, until the hosts are asked for again."""
        hosts = self._hosts.value or {}
        if there := hosts.get(host):
            hosts[host] = msgspec.structs.replace(
                there,
                servers=there.servers + number,
                vcpus_used=there.vcpus_used + number * request.vcpus,
                ram_used_mib=there.ram_used_mib + number * request.ram_mib,
                disk_used_gib=there.disk_used_gib + number * request.disk_gib,
            )

    def full(self, provider: str, request: SchedulingRequest) -> None:
        """A claim was refused there: no room for such a server, until it is asked for again."""
        room = self._kept_room(request, time.monotonic()).value
        if room:
            room.discard(provider)
