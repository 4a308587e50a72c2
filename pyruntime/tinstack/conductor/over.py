"""Launch tokens end with what they were given for: identity is told which operations are over, some at a time."""

import asyncio
import logging

from tinstack.computedb.kinds import KINDS
from tinstack.core.client import Session
from tinstack.core.errors import ApiError
from tinstack.core.operations import Operation

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.5
"""How long ends are gathered into one call: so much longer a token may live than its operation."""

AGAIN_SECONDS = 5.0
MANY = 500
KEEP = 10_000


class Over:
    """What is over and not told yet. What a process that dies had not told ends when the tokens expire, within minutes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[str] = []
        self._untold = 0
        self._some = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._telling = asyncio.create_task(self._tell(), name="launches that are over")

    async def stop(self) -> None:
        """Stop."""
        if self._telling:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    def note(self, operation: Operation) -> None:
        """The host is done with this attempt of it."""
        if KINDS[operation.kind].token:
            self._add(f"{operation.id}.{operation.attempt}")

    def note_server(self, server_id: str) -> None:
        """The server is gone: no token for it counts any more, of whatever operation."""
        self._add(server_id)

    def _add(self, subject: str) -> None:
        self._waiting.append(subject)
        self._some.set()
        self._keep_some()

    def _keep_some(self) -> None:
        """While identity is away for long, the oldest are left to expire."""
        left = len(self._waiting) - KEEP
        if left > 0:
            del self._waiting[:left]
            self._untold += left
            if self._untold == left or self._untold % MANY == 0:
                log.warning(
                    "identity is not told that %d launches are over: their tokens end when they expire", self._untold
                )

    async def _tell(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting[:MANY], self._waiting[MANY:]
            if not self._waiting:
                self._some.clear()
            body = {"launches": batch}
            try:
                await self._session.request("POST", "identity", "/OS-TINSTACK/launch_tokens/revoke", json=body)
            except ApiError as error:
                log.warning("identity does not know yet that %d launches are over: %s", len(batch), error.text)
                self._waiting[:0] = batch
                self._keep_some()
                self._some.set()
                await asyncio.sleep(AGAIN_SECONDS)
