"""A simulated host's network agent: it says that everything it is told to wire is wired. For ``dev`` and API tests.

It goes the real one's way: report, be told to look, ask for the wanted state, say what is up.
"""

from tinstack.core.bus import Bus, Envelope
from tinstack.core.clock import now_us
from tinstack.core.periodic import Periodic
from tinstack.core.service import Service
from tinstack.network import rpc
from tinstack.network.rpc import AgentReport, Applied, AskHostState, HostNetworkState, LookHost

REPORT_SECONDS, LOOK_SECONDS = 10.0, 30.0


class FakeAgent:
    """One simulated host."""

    def __init__(self, host: str, roles: list[str], bus: Bus) -> None:
        self._host, self._roles, self._bus = host, roles, bus
        self._generation, self._started_at = 0, now_us()
        self.reporting = Periodic("report", REPORT_SECONDS, self._report)
        self.looking = Periodic("look", LOOK_SECONDS, self._look)

    async def start(self) -> None:
        """Take words, begin to report and to look."""
        await self._bus.serve(rpc.topic(self._host), {LookHost: self._told})
        self.reporting.start()
        self.looking.start()

    async def stop(self) -> None:
        """Stop both."""
        await self.reporting.stop()
        await self.looking.stop()

    async def _told(self, message: LookHost, envelope: Envelope) -> None:
        if message.generation > self._generation:
            self.looking.nudge()

    async def _report(self) -> None:
        report = AgentReport(
            host=self._host,
            tunnel_ip="127.0.0.1",
            roles=self._roles,
            physical_networks={"physnet1": "ext0"} if "l3" in self._roles else {},
            generation=self._generation,
            started_at=self._started_at,
        )
        await self._bus.cast(rpc.TOPIC, report)

    async def _look(self) -> None:
        state = await self._bus.call(rpc.TOPIC, AskHostState(host=self._host), HostNetworkState)
        up = [port.id for port in state.ports if port.admin_up]
        await self._bus.cast(rpc.TOPIC, Applied(host=self._host, generation=state.generation, up=up))
        self._generation = state.generation


def create(host: str, roles: list[str], bus: Bus) -> Service:
    """The agent of a simulated host as a service."""
    service = Service(f"network-agent@{host}")
    agent = FakeAgent(host, roles, bus)
    service.on_start = [agent.start]
    service.on_stop = [agent.stop]
    return service
