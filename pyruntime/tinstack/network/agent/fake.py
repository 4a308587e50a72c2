"""A simulated host's network agent: speaks the same messages, touches nothing, and finds everything wired at once.

With it a boot on simulated hosts goes the way of a real one: report, told to look, ask, apply.
"""

from collections.abc import Sequence

from tinstack.core import crash
from tinstack.core.bus import Bus, Envelope
from tinstack.core.clock import now_us
from tinstack.core.periodic import Periodic
from tinstack.core.service import Service
from tinstack.network import rpc

REPORT_SECONDS = 30.0
LOOK_SECONDS = 600.0
PHYSICAL_NETWORKS = {"physnet1": "fake0"}


class FakeAgent:
    """One simulated host's. ``generation``: the last that it applied."""

    def __init__(self, host: str, roles: Sequence[str], bus: Bus) -> None:
        self.host, self.roles, self.bus = host, list(roles), bus
        self.generation = 0
        self.started_at = now_us()
        self._reporting = Periodic("network report", REPORT_SECONDS, self.report)
        self._looking = Periodic("network look", LOOK_SECONDS, self.look)

    async def start(self) -> None:
        """Listen and report."""
        await self.bus.serve(rpc.topic(self.host), {rpc.LookHost: self._told})
        await self.report()
        self._reporting.start()
        self._looking.start()

    async def stop(self) -> None:
        """Fall silent."""
        await self._looking.stop()
        await self._reporting.stop()

    async def _told(self, message: rpc.LookHost, envelope: Envelope) -> None:
        if message.generation >= self.generation:
            self._looking.nudge()

    async def report(self) -> None:
        """The heartbeat."""
        report = rpc.AgentReport(
            host=self.host,
            tunnel_ip="127.0.0.1",
            roles=self.roles,
            physical_networks=PHYSICAL_NETWORKS,
            generation=self.generation,
            started_at=self.started_at,
        )
        await self.bus.cast(rpc.TOPIC, report)

    async def look(self) -> None:
        """Ask, and say that all of it is there."""
        state = await self.bus.call(rpc.TOPIC, rpc.AskHostState(host=self.host), rpc.HostNetworkState)
        self.generation = state.generation
        up = [port.id for port in state.ports if port.admin_up]
        of_guests = bool(up) and self.roles == ["l2"]
        if of_guests:
            crash.point("before-24")
        await self.bus.cast(rpc.TOPIC, rpc.Applied(host=self.host, generation=state.generation, up=up))
        if of_guests:
            crash.point("after-24")


def create(host: str, roles: Sequence[str], bus: Bus) -> Service:
    """A service beside others in one process."""
    agent = FakeAgent(host, roles, bus)
    service = Service(f"network.{host}")
    service.on_ready.append(agent.start)
    service.on_stop.append(agent.stop)
    return service
