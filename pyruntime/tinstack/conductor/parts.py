"""What the conductor's modules work with, and how messages are checked and passed on."""

import asyncio
import logging
from uuid import uuid4

from tinstack.compute import rpc as compute
from tinstack.computedb.store import OPERATIONS
from tinstack.conductor.beats import Awake
from tinstack.conductor.config import Config
from tinstack.conductor.launch_tokens import LaunchTokens
from tinstack.conductor.over import Over
from tinstack.core.background import Background
from tinstack.core.bus import Bus, Envelope, Refused
from tinstack.core.client import Session
from tinstack.core.clock import now_us
from tinstack.core.db import Database, Transaction
from tinstack.core.errors import ApiError
from tinstack.core.operations import Operation, OperationTaken
from tinstack.core.trace import Tracer

log = logging.getLogger(__name__)

KEEP = 10_000
"""Launches that are remembered."""


class Parts:
    """The parts of a running conductor. ``owner``: how this process signs operations that it drives itself."""

    def __init__(self, config: Config, db: Database, bus: Bus, session: Session, tracer: Tracer) -> None:
        self.config, self.db, self.bus, self.session, self.tracer = config, db, bus, session, tracer
        self.started_at = now_us()
        self.owner = f"conductor@{config.host}/{uuid4().hex[:12]}"
        self.background = Background()
        self.over = Over(session)
        self.tokens = LaunchTokens(session, config.launch_token_seconds)
        self.awake = Awake(config.service_down_seconds)
        self._launched: dict[tuple[str, str], None] = {}

    def note_launch(self, server_id: str, host: str) -> None:
        """That host works for that server."""
        if len(self._launched) >= KEEP:
            self._launched.pop(next(iter(self._launched)))
        self._launched[server_id, host] = None

    def launched(self, server_id: str, host: str) -> bool:
        """Whether that host was lately given work for that server by this process."""
        return (server_id, host) in self._launched

    async def hold(self, operation: Operation) -> None:
        """Renew the lease of an operation that this process drives, until it is another's."""
        seconds = self.config.own_lease_seconds

        async def work(tx: Transaction) -> None:
            await OPERATIONS.renew(tx, operation.id, self.owner, seconds)

        while True:
            await asyncio.sleep(seconds / 3)
            try:
                await self.db.transact(work)
            except OperationTaken:
                return
            except ApiError as error:
                log.warning("the lease of %s could not be renewed yet: %s", operation.id, error.text)

    async def look(self, host: str, operation: Operation) -> None:
        """Tell a host to look at the operation's server."""
        look = compute.Look(server_id=operation.subject, operation_id=operation.id, generation=operation.generation)
        await self.bus.cast(compute.topic(host), look)


def only(envelope: Envelope, sender: str) -> None:
    """Refuse a message that another user sent. Raises Refused."""
    if envelope.sender != sender:
        raise Refused(f"{envelope.name} is for {sender} to say, not for '{envelope.sender}'.")


def only_host(envelope: Envelope, host: str | None) -> None:
    """Refuse a message about a server of another host. Raises Refused."""
    if not host or envelope.sender != f"compute.{host}":
        raise Refused(f"'{envelope.sender}' may not say {envelope.name} of a server that is not its own.")


def only_controllers(envelope: Envelope) -> None:
    """Refuse what hosts may not say. Raises Refused."""
    if envelope.host:
        raise Refused(f"The host '{envelope.sender}' may not say {envelope.name}.")


def held_by_host(owner: str, envelope: Envelope) -> None:
    """An owner's name must be of the host that speaks. Raises Refused."""
    if not owner.startswith(f"compute@{envelope.host}/"):
        raise Refused(f"'{envelope.sender}' may not speak as '{owner}'.")
