"""A network for who asks for one: with subnets of the default pools, behind a router to the default external network.

Made step by step under ids that are written down first: whoever asks again goes on where another left off.
Source: Network API reference, Auto Allocated Topologies.
"""

from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

import msgspec
from sqlalchemy import bindparam, select

from tinstack.core.db import Duplicate, prepared
from tinstack.core.errors import ApiError, Conflict
from tinstack.network.server import store, subnetpools
from tinstack.network.server import tables as t
from tinstack.network.server import tables_admin as a
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import NetworkNotFound, RouterNotFound
from tinstack.network.server.networks import Networks
from tinstack.network.server.router_errors import BadRouterRequest, RouterInterfaceNotFoundForSubnet
from tinstack.network.server.routers import GatewayWanted, Routers
from tinstack.network.server.rows import Network, Router, Subnet, SubnetPool
from tinstack.network.server.subnets import Subnets

_T, _N = a.topologies.c, t.networks.c

OF_PROJECT = prepared(select(a.topologies).where(_T.project_id == bindparam("project")))
ADD = prepared(a.topologies.insert())
DROP = prepared(a.topologies.delete().where(_T.project_id == bindparam("project")))
DEFAULT_EXTERNAL = prepared(select(t.networks).where(_N.external == 1, _N.is_default == 1).order_by(_N.id).limit(1))


class AutoAllocationFailure(Conflict):
    """409: something that an operator has to set up is missing."""

    code, message = "network.topology.failure", "Deployment error: {reason}."


class Topology(msgspec.Struct, frozen=True):
    """What a project has, or is to have."""

    project_id: str
    network_id: str
    router_id: str


class Needs(NamedTuple):
    """What a topology is made of."""

    external: Network
    pools: list[SubnetPool]


class Topologies:
    """The rules."""

    def __init__(
        self, config: Config, changes: Changes, networks: Networks, subnets: Subnets, routers: Routers
    ) -> None:
        self.config, self._changes = config, changes
        self._networks, self._subnets, self._routers = networks, subnets, routers

    async def needs(self) -> Needs:
        """Raises AutoAllocationFailure."""
        external = await self._changes.database.one(DEFAULT_EXTERNAL, Network)
        if external is None:
            raise AutoAllocationFailure(reason="No default router:external network")
        found = [await subnetpools.default_pool(self._changes, version) for version in (4, 6)]
        pools = [pool for pool in found if pool is not None]
        if not pools:
            raise AutoAllocationFailure(reason="No default subnetpools defined")
        return Needs(external, pools)

    async def of(self, project: str) -> Topology:
        """The project's topology, made or finished if need be. Raises AutoAllocationFailure, OverQuota and others."""
        topology = await self._known(project)
        if topology and await self._complete(topology):
            return topology
        needs = await self.needs()
        topology = topology or await self._write_down(project)
        try:
            await self._make(topology, needs)
        except ApiError:
            await self.remove(project)
            raise
        return topology

    async def _known(self, project: str) -> Topology | None:
        return await self._changes.database.one(OF_PROJECT, Topology, project=project)

    async def _complete(self, topology: Topology) -> bool:
        db = self._changes.database
        network = await store.networks.get(db, topology.network_id)
        return network is not None and network.admin_state_up

    async def _write_down(self, project: str) -> Topology:
        topology = Topology(project, str(uuid4()), str(uuid4()))

        async def work(change: Change) -> Topology:
            there = await change.tx.one(OF_PROJECT, Topology, project=project)
            if there is not None:
                return there
            try:
                await change.tx.run(ADD, **msgspec.structs.asdict(topology))
            except Duplicate:
                raise store.Stale from None
            return topology

        return await self._changes.run(work)

    async def _make(self, topology: Topology, needs: Needs) -> None:
        """The network is switched on when all is there."""
        project = topology.project_id
        network = Network(
            id=topology.network_id,
            project_id=project,
            name="auto_allocated_network",
            kind=self.config.network_type,
            mtu=0,
            admin_state_up=False,
        )
        router = Router(id=topology.router_id, project_id=project, name="auto_allocated_router")
        gateway = GatewayWanted(network_id=needs.external.id)
        db = self._changes.database
        try:
            if await store.networks.get(db, network.id) is None:
                await self._networks.create([network])
            if await store.routers.get(db, router.id) is None:
                await self._routers.create(router, gateway)
            for pool in needs.pools:
                await self._connect(topology, pool)
        except Duplicate:
            raise AutoAllocationFailure(reason="Another request for the same topology is under way") from None
        await self._networks.update(network.id, {"admin_state_up": True}, None)

    async def _connect(self, topology: Topology, pool: SubnetPool) -> None:
        id = str(uuid5(NAMESPACE_URL, f"tinstack:auto-allocated:{topology.network_id}:{pool.ip_version}"))
        subnet = await store.subnets.get(self._changes.database, id)
        if subnet is None:
            wanted = Subnet(
                id=id,
                project_id=topology.project_id,
                name=f"auto_allocated_subnet_v{pool.ip_version}",
                network_id=topology.network_id,
                ip_version=pool.ip_version,
                cidr="",
                subnetpool_id=pool.id,
            )
            asked = subnetpools.Asked(subnet=wanted, gateway=True, has_pools=False)
            subnet = (await self._subnets.create([asked]))[0]
        try:
            await self._routers.add_subnet(topology.router_id, subnet, topology.project_id)
        except BadRouterRequest as error:
            if "already has a port on subnet" not in error.text:
                raise

    async def remove(self, project: str) -> None:
        """All of it, if there is any. Raises NetworkInUse, RouterInUse."""
        topology = await self._known(project)
        if topology is None:
            return
        db = self._changes.database
        for subnet in (await store.subnets_of(db, [topology.network_id]))[topology.network_id]:
            try:
                await self._routers.remove_interface(topology.router_id, subnet.id, None)
            except (RouterNotFound, RouterInterfaceNotFoundForSubnet):
                continue
        for gone, delete in (
            (RouterNotFound, self._routers.delete(topology.router_id, None)),
            (NetworkNotFound, self._networks.delete(topology.network_id, None)),
        ):
            try:
                await delete
            except gone:
                continue

        async def work(change: Change) -> None:
            await change.tx.run(DROP, project=project)

        await self._changes.run(work)
