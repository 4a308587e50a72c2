"""Several gateways of a router: the first is ``external_gateway_info``, the others are more ports on external networks.

Source: Network API reference, Routers, Add, update and remove external gateways. The default route is the first one's.
"""

from collections.abc import Sequence

import msgspec

from tinstack.core.errors import BadRequest
from tinstack.network.server import addresses, ipam, ndp, own_ports, store
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import NetworkNotFound
from tinstack.network.server.router_errors import BadRouterRequest
from tinstack.network.server.routers import GatewayWanted, Routers
from tinstack.network.server.rows import ROUTER_GATEWAY, Network, Port, Router


class UnableToMatchGateways(BadRequest):
    """400: the router has no such gateway."""

    code = "network.router.gateways"
    message = "Unable to match a requested gateway port to existing gateway ports for router {router_id}"


class Gateways:
    """The rules."""

    def __init__(self, changes: Changes, routers: Routers) -> None:
        self._changes, self._routers = changes, routers

    async def _locked(self, change: Change, id: str, wanted: Sequence[GatewayWanted], known: set[str]) -> Router:
        await ipam.lock_networks(change, *known, *(one.network_id for one in wanted))
        return await self._routers.get(change, id)

    async def _saved(self, change: Change, router: Router) -> Router:
        await ndp.check_router(change, router, router, asked=False)
        change.host(router.host)
        await store.routers.save(change.tx, router, change.now)
        return router

    async def add(self, id: str, wanted: Sequence[GatewayWanted]) -> Router:
        """Raises RouterNotFound, BadRouterRequest, address errors."""
        known = await self._routers.networks_of(id)

        async def work(change: Change) -> Router:
            router = await self._locked(change, id, wanted, known)
            for one in wanted:
                await self._add(change, router, one)
            return await self._saved(change, router)

        return await self._changes.run(work)

    async def _add(self, change: Change, router: Router, wanted: GatewayWanted) -> None:
        if router.gateway_port_id is None:
            await self._routers.set_gateway(change, router, wanted)
            return
        network = await _external(change, wanted.network_id)
        subnets = await addresses.subnets_of(change, network.id)
        await self._routers.check_overlap(change, router, subnets, gateways=False)
        await own_ports.make(change, network, ROUTER_GATEWAY, router.id, router.host, wanted.fixed)
        if wanted.enable_snat is not None:
            router.enable_snat = wanted.enable_snat
        if wanted.qos is not msgspec.UNSET:
            router.gateway_qos_policy_id = wanted.qos

    async def replace(self, id: str, wanted: Sequence[GatewayWanted]) -> Router:
        """These and no others, in this order; what stays keeps its port. Raises what ``add`` does."""
        known = await self._routers.networks_of(id)

        async def work(change: Change) -> Router:
            router = await self._locked(change, id, wanted, known)
            there = await _ports(change, router)
            for place, port in enumerate(there):
                if place and (place >= len(wanted) or wanted[place].network_id != port.network_id):
                    await self._routers.drop_gateway(change, router, port)
            await self._routers.set_gateway(change, router, wanted[0] if wanted else None)
            for place, one in enumerate(wanted[1:], 1):
                stays = place < len(there) and there[place].network_id == one.network_id
                if not stays:
                    await self._add(change, router, one)
                elif one.fixed is not None:
                    network = await _external(change, one.network_id)
                    if (await addresses.reassign(change, network, there[place], one.fixed))[1]:
                        change.placed(there[place].id)
            return await self._saved(change, router)

        return await self._changes.run(work)

    async def remove(self, id: str, unwanted: Sequence[GatewayWanted]) -> Router:
        """Each names a network, and addresses where that has several; none named: all. Raises UnableToMatchGateways.

        The next gateway takes the place of the first one.
        """
        known = await self._routers.networks_of(id)

        async def work(change: Change) -> Router:
            router = await self._locked(change, id, unwanted, known)
            for port in reversed([] if unwanted else await _ports(change, router)):
                await self._routers.drop_gateway(change, router, port)
            for one in unwanted:
                for port in await _ports(change, router):
                    if port.network_id == one.network_id and await _has(change, port, one):
                        await self._routers.drop_gateway(change, router, port)
                        break
                else:
                    raise UnableToMatchGateways(router_id=id)
            return await self._saved(change, router)

        return await self._changes.run(work)


async def _ports(change: Change, router: Router) -> list[Port]:
    """Of all gateways, the first one first."""
    found = await change.tx.all(store.PORTS_OF_DEVICE, Port, device=router.id)
    found = [port for port in found if port.device_owner == ROUTER_GATEWAY]
    return sorted(found, key=lambda port: port.id != router.gateway_port_id)


async def _external(change: Change, id: str) -> Network:
    network = await store.networks.get(change.tx, id)
    if network is None:
        raise NetworkNotFound(id=id)
    if not network.external:
        raise BadRouterRequest(msg=f"Network {id} is not an external network")
    return network


async def _has(change: Change, port: Port, wanted: GatewayWanted) -> bool:
    held = {one.ip for one in await addresses.of_port(change, port.id)}
    return all(one.ip_address in held for one in wanted.fixed or () if one.ip_address)
