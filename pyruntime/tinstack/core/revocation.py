"""Revocation at once, also when the bus is not: what identity says and what every service that caches tokens does.

Identity broadcasts ``RevocationBeat`` on ``identity.revoked`` once a second and at each revocation, with a sequence
number. A service trusts its cache only while beats are fresh and without gaps; after a gap it forgets what it holds and asks
identity each time until beats come again. A beat that revokes is acknowledged; identity waits for that up to 200 ms.
"""

import time
from collections.abc import Callable

from tinstack.core.bus import Bus, Envelope, Message
from tinstack.core.periodic import Periodic

KEY = "identity.revoked"
TOPIC = "identity"
FRESH_SECONDS = 3.0
LISTENING_SECONDS = 20.0


class RevocationBeat(Message):
    """``source``: one identity process's life; ``sequence`` counts its beats. Empty lists: a mere heartbeat."""

    source: str
    sequence: int
    audit_ids: list[str] = []
    user_ids: list[str] = []
    project_ids: list[str] = []
    launches: list[str] = []
    everything: bool = False

    @property
    def revokes(self) -> bool:
        """Whether it is more than a heartbeat."""
        return bool(self.audit_ids or self.user_ids or self.project_ids or self.launches or self.everything)


class Listening(Message):
    """A service caches tokens and wants to be waited for."""

    listener: str


class RevocationSeen(Message):
    """The listener has forgotten what that beat revokes."""

    listener: str
    source: str
    sequence: int


class RevocationListener:
    """``forget(beat)`` drops what the beat revokes; ``forget(None)`` drops everything."""

    def __init__(self, bus: Bus, listener: str, forget: Callable[[RevocationBeat | None], None]) -> None:
        self._bus, self._listener, self._forget = bus, listener, forget
        self._last: dict[str, int] = {}
        self._heard = 0.0
        self._registering = Periodic("listening", LISTENING_SECONDS, self._register)

    async def start(self) -> None:
        """Listen, and say so to identity."""
        await self._bus.listen(KEY, {RevocationBeat: self._beat})
        self._registering.start()

    async def stop(self) -> None:
        """Stop saying so."""
        await self._registering.stop()

    @property
    def fresh(self) -> bool:
        """Whether a cached token may be trusted now."""
        return time.monotonic() - self._heard < FRESH_SECONDS

    async def _register(self) -> None:
        await self._bus.cast(TOPIC, Listening(listener=self._listener))

    async def _beat(self, beat: RevocationBeat, envelope: Envelope) -> None:
        last = self._last.get(beat.source)
        self._last[beat.source] = beat.sequence
        if last is None or beat.sequence != last + 1 or not self.fresh:
            self._forget(None)
        elif beat.revokes:
            self._forget(beat)
        self._heard = time.monotonic()
        if beat.revokes:
            await self._bus.cast(
                TOPIC, RevocationSeen(listener=self._listener, source=beat.source, sequence=beat.sequence)
            )
