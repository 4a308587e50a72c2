"""The agent: asks what its host's networking should be, makes it so, says what became of it.

Level-triggered. ``LookHost`` only says that there is something to see; any number of them that come during one look make
one more. It also looks when it starts and every now and then, so a lost message is healed by the next look.
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
        self._looking.nudge()

    async def look(self) -> None:
        """Ask, make, report; noted under the request that asked for it, if it was one."""
        ids, self._ids = self._ids, set()
        request_id_of_task.set(only_request_id(ids))
        try:
            state = await self.bus.call(rpc.TOPIC, rpc.AskHostState(host=self.config.host), rpc.HostNetworkState)
        except ApiError as error:
            log.warning("the wanted state can't be had, all stays as it is: %s", error.text)
            self._look_again_soon()
            return
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
        done = rpc.Applied(host=self.config.host, generation=state.generation, up=outcome.up, errors=errors)
        try:
            await self.bus.cast(rpc.TOPIC, done)
        except ApiError as error:
            log.warning("what was made can't be reported yet: %s", error.text)
            self._look_again_soon()

    def _look_again_soon(self) -> None:
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
