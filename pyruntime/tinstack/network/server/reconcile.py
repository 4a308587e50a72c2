"""What no request does: DHCP and routers that have no host get one, and those of a long dead host move to a living one."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy import bindparam, select

from tinstack.core.db import Database, prepared
from tinstack.core.errors import ApiError
from tinstack.core.periodic import Periodic
from tinstack.network.server import dhcp, ipam, own_ports, scheduling, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.rows import DHCP, Port, Router

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0

_S, _P, _R, _B = t.subnets.c, t.ports.c, t.routers.c, t.dhcp_bindings.c

WITHOUT_DHCP = prepared(
    select(_S.network_id)
    .distinct()
    .where(
        _S.enable_dhcp == 1,
        _S.network_id.not_in(select(_P.network_id).where(_P.device_owner == DHCP)),
        _S.network_id.not_in(select(_B.network_id).where(_B.host == dhcp.PARKED)),
    )
)
DHCP_PORTS = prepared(select(t.ports).where(_P.device_owner == DHCP))
ROUTERS = prepared(select(t.routers))
PORTS_OF_ROUTER = prepared(select(t.ports).where(_P.device_id == bindparam("router")))


class _Network(msgspec.Struct, frozen=True):
    network_id: str


class Reconciler:
    """Looks now and then, and when agents come."""

    def __init__(self, config: Config, changes: Changes) -> None:
        self.config, self._changes = config, changes
        self._db: Database = changes.database
        self._looking = Periodic("network reconciler", LOOK_SECONDS, self.look, delay=1.0)

    def start(self) -> None:
        """Begin."""
        self._looking.start()

    async def stop(self) -> None:
        """End."""
        await self._looking.stop()

    def nudge(self) -> None:
        """Look now."""
        self._looking.nudge()

    async def look(self) -> None:
        """One pass; what can't be done now is tried at the next."""
        for one in await self._db.all(WITHOUT_DHCP, _Network):
            await self._guarded("DHCP of network", one.network_id, self._settle_dhcp)
        living = await self._fit(scheduling.DHCP)
        for port in await self._db.all(DHCP_PORTS, Port):
            if living and port.binding_host not in living:
                await self._guarded("the DHCP port", port.id, self._move_dhcp)
        living = await self._fit(scheduling.L3)
        for router in await self._db.all(ROUTERS, Router):
            if living and router.host not in living and not router.parked:
                await self._guarded("the router", router.id, self._move_router)

    async def _fit(self, role: str) -> set[str]:
        """Hosts that are not dead for long; none if no host lives."""

        async def work(change: Change) -> tuple[list[str], list[str]]:
            long = self.config.reschedule_seconds
            now = await scheduling.fit_hosts(change, self.config, role)
            return now, await scheduling.fit_hosts(change, self.config, role, seconds=long)

        now, lately = await self._changes.run(work)
        return set(lately) if now else set()

    @staticmethod
    async def _guarded(what: str, id: str, work: Callable[[str], Awaitable[None]]) -> None:
        try:
            await work(id)
        except ApiError as error:
            log.warning("%s %s can't be placed now: %s", what, id, error.text)

    async def _settle_dhcp(self, network_id: str) -> None:
        async def work(change: Change) -> None:
            await ipam.lock_networks(change, network_id)
            network = await store.networks.get(change.tx, network_id)
            if network is not None:
                await dhcp.settle(change, self.config, network)

        await self._changes.run(work)

    async def _move_dhcp(self, port_id: str) -> None:
        async def work(change: Change) -> None:
            known = await store.ports.get(change.tx, port_id)
            if known is None:
                return
            await ipam.lock_networks(change, known.network_id)
            port = await store.ports.get(change.tx, port_id)
            host = await scheduling.host_for(change, self.config, scheduling.DHCP)
            if port is None or not host:
                return
            others = [one for one in await dhcp.hosts_of(change, port.network_id) if one != port.binding_host]
            if host in others:  # another one serves the network already
                await dhcp.bind(change, port.network_id, others)
                await own_ports.remove(change, port)
                return
            if port.binding_host == host:
                return
            await dhcp.bind(change, port.network_id, [*others, host])
            log.info("DHCP of network %s moves from '%s' to %s", port.network_id, port.binding_host, host)
            await own_ports.move(change, port, host, dhcp.device_id(host, port.network_id))

        await self._changes.run(work)

    async def _move_router(self, router_id: str) -> None:
        networks = {port.network_id for port in await self._db.all(PORTS_OF_ROUTER, Port, router=router_id)}
        if not networks:
            return

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, *networks)
            router = await store.routers.get(change.tx, router_id)
            host = await scheduling.host_for(change, self.config, scheduling.L3)
            if router is None or not host or router.host == host:
                return
            log.info("router %s moves from '%s' to %s", router.id, router.host, host)
            old, router.host = router.host, host
            await store.routers.save(change.tx, router, change.now)
            for port in await change.tx.all(PORTS_OF_ROUTER, Port, router=router_id):
                await own_ports.move(change, port, host)
            change.host(old, host)

        await self._changes.run(work)
