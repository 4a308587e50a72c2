"""The agent: asks what its host's networking should be, makes it so, says what became of it.

Level-triggered. ``LookHost`` only says that there is something to see; any number of them that come during one look make
one more. It also looks every now and then by what it was answered last, so what others change on the host is put back; it asks
anew when it starts, when it is told to, and rarely else. Lost messages: its report names what it has made, and who is behind is told.
"""

import asyncio
import logging
import time

from tinstack.core.bus import Bus, Envelope
from tinstack.core.clock import now_us
from tinstack.core.context import only_request_id, request_id_of_task
from tinstack.core.errors import ApiError
from tinstack.core.periodic import Periodic
from tinstack.network import rpc
from tinstack.network.agent.config import Config
from tinstack.network.agent.doors import Doors
from tinstack.network.agent.host import Host

log = logging.getLogger(__name__)

AGAIN_SECONDS = 3.0


class Agent:
    """One host's. ``doors`` serves metadata where this host has that role."""

    def __init__(self, config: Config, bus: Bus, host: Host, doors: Doors | None) -> None:
        self.config, self.bus, self.host, self.doors = config, bus, host, doors
        self.generation = 0
        self.started_at = now_us()
        self._ids: set[str] = set()
        self._state: rpc.HostNetworkState | None = None
        self._ask_at = 0.0
        self._said: tuple[object, ...] = ()
        self._looking = Periodic("network look", config.look_seconds, self.look)
        self._reporting = Periodic("network report", config.report_seconds, self.report)

    async def start(self) -> None:
        """Listen, then look for the first time."""
        await self.bus.serve(rpc.topic(self.config.host), {rpc.LookHost: self._told})
        self._looking.start()
        self._reporting.start()

    async def stop(self) -> None:
        """What was made stays as it is; guests notice nothing."""
        await self._looking.stop()
        await self._reporting.stop()
        if self.doors:
            await self.doors.close()

    async def _told(self, message: rpc.LookHost, envelope: Envelope) -> None:
        self._ids.add(envelope.request_id)
        self._ask_at = 0.0
        self._looking.nudge()

    async def look(self) -> None:
        """Ask if need be, make, report what is new; noted under the request that asked for it, if it was one."""
        ids, self._ids = self._ids, set()
        request_id_of_task.set(only_request_id(ids))
        asks = self._state is None or time.monotonic() >= self._ask_at
        if asks and not await self._ask():
            return
        state = self._state
        assert state
        began = time.perf_counter()
        outcome = await asyncio.to_thread(self.host.make, state)
        errors = dict(outcome.errors)
        if self.doors:
            refused = await self.doors.serve(outcome.doors, state)
            errors = {name.partition("-")[2]: text for name, text in refused.items()} | errors
        self.generation = state.generation
        if outcome.changes:
            milliseconds = (time.perf_counter() - began) * 1000
            log.info("generation %d: %d changes in %.0f ms", state.generation, outcome.changes, milliseconds)
        said, self._said = self._said, (state.generation, frozenset(outcome.up), errors)
        if not asks and said == self._said:
            return
        if not asks:  # nobody waits for it, so nobody misses it: the next look asks, and says it again
            self._ask_at = 0.0
        done = rpc.Applied(host=self.config.host, generation=state.generation, up=outcome.up, errors=errors)
        try:
            await self.bus.cast(rpc.TOPIC, done)
        except ApiError as error:
            log.warning("what was made can't be reported yet: %s", error.text)
            self._ask_again_soon()

    async def _ask(self) -> bool:
        """What is wanted. Told meanwhile, it asks again; where it gets no answer, all stays as it is, and it asks again soon."""
        self._ask_at = time.monotonic() + self.config.ask_seconds
        try:
            self._state = await self.bus.call(rpc.TOPIC, rpc.AskHostState(host=self.config.host), rpc.HostNetworkState)
        except ApiError as error:
            log.warning("the wanted state can't be had, all stays as it is: %s", error.text)
            self._ask_again_soon()
            return False
        return True

    def _ask_again_soon(self) -> None:
        self._ask_at = 0.0
        asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._looking.nudge)

    async def report(self) -> None:
        """The heartbeat."""
        report = rpc.AgentReport(
            host=self.config.host,
            tunnel_ip=self.config.tunnel_ip,
            roles=self.config.roles,
            physical_networks=self.config.physical_networks,
            generation=self.generation,
            started_at=self.started_at,
        )
        try:
            await self.bus.cast(rpc.TOPIC, report)
        except ApiError as error:
            log.warning("the report is lost: %s", error.text)
