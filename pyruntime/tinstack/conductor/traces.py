"""Topic ``trace``: steps of boots, kept with the server."""

import logging

from tinstack.computedb import actions
from tinstack.conductor.parts import Parts
from tinstack.core.bus import Envelope
from tinstack.core.db import Transaction
from tinstack.core.trace import TraceEvents

log = logging.getLogger(__name__)


class Traces:
    """Keeps what services say."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def keep(self, message: TraceEvents, envelope: Envelope) -> None:
        """A batch; a host speaks for itself alone."""
        events = message.events
        if envelope.host:
            events = [event for event in events if event.host == envelope.host]
            if len(events) < len(message.events):
                log.warning("%s sent trace events of another host; they are dropped", envelope.sender)

        async def work(tx: Transaction) -> None:
            await actions.add_events(tx, events)

        if events:
            await self._parts.db.transact(work)
