"""Which hosts serve a router or a network's DHCP, as an operator asks for it. Source: Network API reference, L3 agent scheduler and
DHCP agent scheduler.

What was taken off its last host by hand stays off: nothing chooses a host for it until an operator puts it on one (a router
also comes back with its next gateway or interface).
"""

from collections.abc import Callable, Sequence

from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.core.errors import Conflict, NotFound
from tinstack.network.server import dhcp, ipam, own_ports, store
from tinstack.network.server import tables as t
from tinstack.network.server.agents import Agents
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import NetworkNotFound, RouterNotFound
from tinstack.network.server.rows import Agent, Network, Port, Router

_R, _N, _B = t.routers.c, t.networks.c, t.dhcp_bindings.c

ROUTERS_ON = prepared(select(t.routers).where(_R.host == bindparam("name")).order_by(_R.id))
NETWORKS_ON = prepared(
    select(t.networks).join(t.dhcp_bindings, _B.network_id == _N.id).where(_B.host == bindparam("name")).order_by(_N.id)
)


class InvalidL3Agent(NotFound):
    """404: another role, or switched off."""

    code, message = "network.agent.no_l3", "Agent {id} is not a L3 Agent or has been disabled"


class InvalidDHCPAgent(NotFound):
    """404: another role, or switched off."""

    code, message = "network.agent.no_dhcp", "Agent {id} is not a valid DHCP Agent or has been disabled"


class RouterHostedByL3Agent(Conflict):
    code = "network.agent.router_hosted"
    message = "The router {router_id} has been already hosted by the L3 Agent {agent_id}."


class RouterNotHostedByL3Agent(Conflict):
    code, message = "network.agent.router_not_hosted", "The router {router_id} is not hosted by L3 agent {agent_id}."


class NetworkHostedByDHCPAgent(Conflict):
    code = "network.agent.network_hosted"
    message = "The network {network_id} has been already hosted by the DHCP Agent {agent_id}."


class NetworkNotHostedByDhcpAgent(Conflict):
    code, message = (
        "network.agent.network_not_hosted",
        "The network {network_id} is not hosted by the DHCP agent {agent_id}.",
    )


class Hosting:
    """The rules."""

    def __init__(self, config: Config, changes: Changes, agents: Agents) -> None:
        self.config, self._changes, self._agents = config, changes, agents

    async def _agent(self, id: str, role: str, wrong: type[NotFound]) -> Agent:
        agent = await self._agents.get(id)
        if agent.role != role:
            raise wrong(id=id)
        return agent

    async def _at_hosts(self, role: str, hosts: Sequence[str]) -> list[Agent]:
        return [one for one in await self._agents.all() if one.role == role and one.host in hosts]

    async def routers_on(self, agent_id: str) -> Sequence[Router]:
        """The routers of an L3 agent's host. Raises AgentNotFound, InvalidL3Agent."""
        agent = await self._agent(agent_id, "l3", InvalidL3Agent)
        return await self._changes.database.all(ROUTERS_ON, Router, name=agent.host)

    async def agents_of_router(self, router: Router) -> list[Agent]:
        """One, or none."""
        return await self._at_hosts("l3", [router.host] if router.host else [])

    async def put_router(self, agent_id: str, router_id: str) -> None:
        """Onto an agent's host; again is fine. Raises InvalidL3Agent, RouterNotFound, RouterHostedByL3Agent."""
        agent = await self._agent(agent_id, "l3", InvalidL3Agent)
        if not agent.admin_state_up:
            raise InvalidL3Agent(id=agent_id)

        def check(router: Router) -> bool:
            if router.host and router.host != agent.host:
                raise RouterHostedByL3Agent(router_id=router_id, agent_id=agent_id)
            return not router.host

        await self._move(router_id, agent.host, check)

    async def take_router(self, agent_id: str, router_id: str) -> None:
        """Off its host. Raises InvalidL3Agent, RouterNotFound, RouterNotHostedByL3Agent."""
        agent = await self._agent(agent_id, "l3", InvalidL3Agent)

        def check(router: Router) -> bool:
            if router.host != agent.host:
                raise RouterNotHostedByL3Agent(router_id=router_id, agent_id=agent_id)
            return True

        await self._move(router_id, "", check)

    async def _move(self, router_id: str, host: str, check: Callable[[Router], bool]) -> None:
        ports = await self._changes.database.all(store.PORTS_OF_DEVICE, Port, device=router_id)

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, *{port.network_id for port in ports})
            router = await store.routers.get(change.tx, router_id)
            if router is None:
                raise RouterNotFound(id=router_id)
            if not check(router):
                return
            change.host(router.host, host)
            router.host, router.parked = host, not host
            await store.routers.save(change.tx, router, change.now)
            for port in await change.tx.all(store.PORTS_OF_DEVICE, Port, device=router_id):
                await own_ports.move(change, port, host)

        await self._changes.run(work)

    async def networks_on(self, agent_id: str) -> Sequence[Network]:
        """The networks whose DHCP an agent serves. Raises AgentNotFound, InvalidDHCPAgent."""
        agent = await self._agent(agent_id, "dhcp", InvalidDHCPAgent)
        return await self._changes.database.all(NETWORKS_ON, Network, name=agent.host)

    async def agents_of_network(self, network: Network) -> list[Agent]:
        """Those that serve its DHCP."""
        rows = await self._changes.database.all(dhcp.BINDINGS, dhcp.Binding, network=network.id)
        return await self._at_hosts("dhcp", [row.host for row in rows if row.host])

    async def put_network(self, agent_id: str, network_id: str) -> None:
        """Have an agent serve DHCP. Raises InvalidDHCPAgent, NetworkNotFound, NetworkHostedByDHCPAgent."""
        agent = await self._agent(agent_id, "dhcp", InvalidDHCPAgent)
        if not agent.admin_state_up:
            raise InvalidDHCPAgent(id=agent_id)

        async def work(change: Change) -> None:
            network = await self._network(change, network_id)
            hosts = await dhcp.hosts_of(change, network_id)
            if agent.host in hosts:
                raise NetworkHostedByDHCPAgent(network_id=network_id, agent_id=agent_id)
            await dhcp.bind(change, network_id, [*(host for host in hosts if host), agent.host])
            await dhcp.settle(change, self.config, network)

        await self._changes.run(work)

    async def take_network(self, agent_id: str, network_id: str) -> None:
        """Have it serve DHCP no more. Raises InvalidDHCPAgent, NetworkNotFound, NetworkNotHostedByDhcpAgent."""
        agent = await self._agent(agent_id, "dhcp", InvalidDHCPAgent)

        async def work(change: Change) -> None:
            network = await self._network(change, network_id)
            hosts = await dhcp.hosts_of(change, network_id)
            if agent.host not in hosts:
                raise NetworkNotHostedByDhcpAgent(network_id=network_id, agent_id=agent_id)
            await dhcp.bind(change, network_id, [host for host in hosts if host != agent.host] or [dhcp.PARKED])
            await dhcp.settle(change, self.config, network)

        await self._changes.run(work)

    @staticmethod
    async def _network(change: Change, id: str) -> Network:
        await ipam.lock_networks(change, id)
        network = await store.networks.get(change.tx, id)
        if network is None:
            raise NetworkNotFound(id=id)
        return network
