"""Revocation at once: written where it must last, and told to the services that cache tokens (see ``core.revocation``)."""

import asyncio
import logging
import time
from collections.abc import Iterable
from uuid import uuid4

from tinstack.core.bus import Bus, Envelope
from tinstack.core.clock import SECOND, now_us
from tinstack.core.errors import ApiError
from tinstack.core.periodic import Periodic
from tinstack.core.revocation import KEY, LISTENING_SECONDS, TOPIC, Listening, RevocationBeat, RevocationSeen
from tinstack.identity.rows import Revocation
from tinstack.identity.store import Store, Writer

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
WAIT_SECONDS = 0.2
FORGET_SECONDS = 1.25 * LISTENING_SECONDS
PRUNE_SECONDS = 600.0


class Revoker:
    """Beats once a second, and at each revocation; then waits until the listeners have said that they saw it."""

    def __init__(self, bus: Bus, store: Store, longest_seconds: int) -> None:
        self._bus, self._store, self._longest = bus, store, longest_seconds
        self._source, self._sequence = uuid4().hex, 0
        self._listeners: dict[str, float] = {}
        self._waiting: dict[int, tuple[set[str], asyncio.Event]] = {}
        self._sending = asyncio.Lock()
        self._beating = Periodic("revocation beat", BEAT_SECONDS, self._beat, jitter=0)
        self._pruning = Periodic("revocation prune", PRUNE_SECONDS, self._prune, delay=PRUNE_SECONDS)

    async def start(self) -> None:
        """Hear the listeners, and beat."""
        await self._bus.serve(TOPIC, {Listening: self._listening, RevocationSeen: self._seen})
        self._beating.start()
        self._pruning.start()

    async def stop(self) -> None:
        """No more beats."""
        await self._beating.stop()
        await self._pruning.stop()

    async def keep(self, writer: Writer, kind: str, subjects: Iterable[str], *, seconds: int | None = None) -> None:
        """Void all tokens of these subjects that are issued by now, for good; ``kind`` as in ``rows.Revocation``.

        ``seconds``: the longest life of such tokens, where it is shorter than that of all.
        """
        now = now_us()
        for subject in subjects:
            await writer.insert(
                Revocation(
                    id=uuid4().hex,
                    kind=kind,
                    subject=subject,
                    issued_before=now,
                    kept_until=now + (seconds or self._longest) * SECOND,
                )
            )

    async def tell(
        self,
        *,
        audit_ids: Iterable[str] = (),
        user_ids: Iterable[str] = (),
        project_ids: Iterable[str] = (),
        launches: Iterable[str] = (),
        everything: bool = False,
    ) -> None:
        """Make all services forget these now; returns when they have, or after 200 ms."""
        given = list(audit_ids), list(user_ids), list(project_ids), list(launches)
        if not (any(given) or everything):
            return
        live = time.monotonic() - FORGET_SECONDS
        self._listeners = {name: heard for name, heard in self._listeners.items() if heard > live}
        missing, done = set(self._listeners), asyncio.Event()
        sequence = 0
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                async with self._sending:
                    sequence = self._sequence = self._sequence + 1
                    self._waiting[sequence] = missing, done
                    beat = RevocationBeat(
                        source=self._source,
                        sequence=sequence,
                        audit_ids=given[0],
                        user_ids=given[1],
                        project_ids=given[2],
                        launches=given[3],
                        everything=everything,
                    )
                    await self._bus.broadcast(KEY, beat)
                if missing:
                    await done.wait()
        except TimeoutError:
            log.warning("not all services said within %g s that they saw a revocation", WAIT_SECONDS)
        except ApiError as error:
            log.warning("a revocation can't be told, services will ask for every token: %s", error.text)
        finally:
            self._waiting.pop(sequence, None)

    async def _beat(self) -> None:
        async with self._sending:
            self._sequence += 1
            await self._bus.broadcast(KEY, RevocationBeat(source=self._source, sequence=self._sequence))

    async def _prune(self) -> None:
        await self._store.prune(now_us())

    async def _listening(self, message: Listening, envelope: Envelope) -> None:
        self._listeners[message.listener] = time.monotonic()

    async def _seen(self, message: RevocationSeen, envelope: Envelope) -> None:
        self._listeners[message.listener] = time.monotonic()
        waiting = self._waiting.get(message.sequence) if message.source == self._source else None
        if waiting:
            waiting[0].discard(message.listener)
            if not waiting[0]:
                waiting[1].set()
