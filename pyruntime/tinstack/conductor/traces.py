"""Topic ``trace``: steps of boots, kept with the server."""

import logging

from tinstack.computedb import actions, instances
from tinstack.conductor.parts import Parts
from tinstack.core.bus import Envelope
from tinstack.core.db import Transaction
from tinstack.core.gather import Gathering
from tinstack.core.trace import TraceEvent, TraceEvents

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.1
"""What all services say of a boot within that time is written at once."""

ON_HOSTS = frozenset({13, 14, 19, 21, 22, 24, 25, 27, 28, 29})
"""The steps that a compute agent takes."""


class Traces:
    """Keeps what services say."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.gathering = Gathering("trace", GATHER_SECONDS, self._write)

    async def keep(self, message: TraceEvents, envelope: Envelope) -> None:
        """A batch; a host speaks for itself alone, of servers that are (or were lately) its own."""
        events = message.events
        if envelope.host:
            events = await self._own(events, envelope)
            if len(events) < len(message.events):
                others = sorted({str(event.server_id) for event in message.events} - {e.server_id for e in events})
                log.warning(
                    "%s sent trace events that are not its to send (of: %s); they are dropped",
                    envelope.sender,
                    ", ".join(others) or "its own servers",
                )

        for event in events:
            self.gathering.add(event)

    async def _write(self, events: list[TraceEvent]) -> None:
        async def work(tx: Transaction) -> None:
            await actions.add_events(tx, events)

        await self._parts.db.transact(work)

    async def _own(self, events: list[TraceEvent], envelope: Envelope) -> list[TraceEvent]:
        """Those that this host may send. Servers that this process gave it are known; of others the database is asked once."""
        host = envelope.host
        likely = [
            event
            for event in events
            if event.server_id
            and event.audit_id is None
            and event.host == host
            and event.step in ON_HOSTS
            and envelope.sender == f"{event.service}.{host}"
        ]
        unknown = {
            event.server_id for event in likely if event.server_id and not self._parts.launched(event.server_id, host)
        }
        if not unknown:
            return likely
        places = await instances.hosts_of(self._parts.db, unknown)
        tried = await actions.hosts_tried(self._parts.db, {id for id in unknown if places.get(id) != host})
        strangers = {id for id in unknown if places.get(id) != host and host not in tried.get(id, ())}
        for id in unknown - strangers:
            self._parts.note_launch(id, host)
        return [event for event in likely if event.server_id not in strangers]
