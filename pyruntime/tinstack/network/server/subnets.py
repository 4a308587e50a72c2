"""Subnets: made, changed and removed; none overlaps another of its network."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from msgspec.structs import replace

from tinstack.core.errors import Conflict
from tinstack.network.server import (
    address_scopes,
    addresses,
    cidrs,
    dhcp,
    gaps,
    ipam,
    network_segments,
    own_ports,
    segments,
    store,
    subnetpools,
)
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import InvalidInput, NetworkNotFound, SubnetNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import DHCP, ROUTER_OWNERS, Network, Port, Subnet


class SubnetInUse(Conflict):
    """409: ports have addresses of it."""

    code = "network.subnet.in_use"
    message = (
        "Unable to complete operation on subnet {subnet_id}: One or more ports have an IP allocation from this subnet."
    )


class GatewayIpInUse(Conflict):
    code = "network.subnet.gateway"
    message = "Current gateway ip {ip_address} already in use by port {port_id}. Unable to update."


class Subnets:
    """The rules."""

    def __init__(self, config: Config, changes: Changes, quotas: Quotas) -> None:
        self.config, self._changes, self._quotas = config, changes, quotas

    async def create(self, asked: Sequence["subnetpools.Asked"]) -> list[Subnet]:
        """All or none. Raises OverQuota, InvalidInput, what ``cidrs`` and ``subnetpools`` do."""

        async def work(change: Change) -> list[Subnet]:
            for one in asked:
                await self._quotas.take(change.tx, one.subnet.project_id, "subnet")
            await ipam.lock_networks(change, *(one.subnet.network_id for one in asked))
            return [await self._create(change, one) for one in asked]

        return await self._changes.run(work)

    async def _create(self, change: Change, asked: "subnetpools.Asked") -> Subnet:
        network = await store.networks.get(change.tx, asked.subnet.network_id)
        if network is None:
            raise NetworkNotFound(id=asked.subnet.network_id)
        there = await addresses.subnets_of(change, network.id)
        await address_scopes.check_network(change, asked.subnet, there)
        subnet = await subnetpools.cut(change, asked)
        subnet.created_at = subnet.updated_at = change.now
        complete(subnet, asked.gateway, asked.has_pools)
        segments.check_mtu(network, [subnet])
        await self._check_overlap(change, subnet)
        await network_segments.check_subnet(change, subnet, await addresses.subnets_of(change, network.id))
        await store.subnets.add(change.tx, subnet)
        await gaps.add(change.tx, subnet.id)
        await self._touch(change, network)
        if ipam.makes_own_addresses(subnet):
            await self._address_ports(change, subnet)
        return subnet

    @staticmethod
    async def _check_overlap(change: Change, subnet: Subnet) -> None:
        cidr = ip_network(subnet.cidr)
        for other in await addresses.subnets_of(change, subnet.network_id):
            if cidr.overlaps(ip_network(other.cidr)):
                raise InvalidInput(
                    error_message=f"Requested subnet with cidr: {cidr} for network: {subnet.network_id} overlaps with "
                    f"another subnet. Existing subnet: {other.id}"
                )

    @staticmethod
    async def _address_ports(change: Change, subnet: Subnet) -> None:
        """Guests that are there will make themselves an address of the new subnet."""
        for port in await change.tx.all(store.PORTS_OF_NETWORK, Port, network=subnet.network_id):
            had = await addresses.of_port(change, port.id)
            if port.device_owner not in ROUTER_OWNERS and had and all(one.subnet_id != subnet.id for one in had):
                await addresses.add_self_made(change, subnet, port)
                await change.members_of(port.id)

    async def _touch(self, change: Change, network: Network) -> None:
        """The network is at its next revision, its DHCP is right, and all its hosts look."""
        await store.networks.save(change.tx, network, change.now)
        await dhcp.settle(change, self.config, network)
        await change.network(network.id)

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> Subnet:
        """``changes`` by column. Raises SubnetNotFound, GatewayIpInUse, InvalidInput and what ``cidrs`` does."""
        network_id = await self._network_of(id)

        async def work(change: Change) -> Subnet:
            await ipam.lock_networks(change, network_id)
            old, network = await store.subnets.get(change.tx, id), await store.networks.get(change.tx, network_id)
            if old is None or network is None:
                raise SubnetNotFound(id=id)
            expect(old, revision)
            new = replace(old, **changes)
            cidrs.check(new)
            if "allocation_pools" in changes or "gateway_ip" in changes:
                cidrs.check_pools(new.allocation_pools, ip_network(new.cidr), new.gateway_ip)
            if new.gateway_ip != old.gateway_ip:
                await self._check_gateway(change, old)
            await network_segments.check_change(change, old, new, await addresses.subnets_of(change, network_id))
            await store.subnets.save(change.tx, new, change.now)
            await self._touch(change, network)
            return new

        return await self._changes.run(work)

    async def _network_of(self, id: str) -> str:
        subnet = await store.subnets.get(self._changes.database, id)
        if subnet is None:
            raise SubnetNotFound(id=id)
        return subnet.network_id

    @staticmethod
    async def _check_gateway(change: Change, subnet: Subnet) -> None:
        for port in await change.tx.all(store.PORTS_OF_SUBNET, Port, subnet=subnet.id):
            if port.device_owner in ROUTER_OWNERS:
                for one in await addresses.of_port(change, port.id):
                    if one.subnet_id == subnet.id and one.ip == subnet.gateway_ip:
                        raise GatewayIpInUse(ip_address=subnet.gateway_ip, port_id=port.id)

    async def delete(self, id: str, revision: int | None) -> None:
        """Raises SubnetNotFound, SubnetInUse."""
        network_id = await self._network_of(id)

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, network_id)
            subnet, network = await store.subnets.get(change.tx, id), await store.networks.get(change.tx, network_id)
            if subnet is None or network is None or not await gaps.lock(change.tx, id):
                raise SubnetNotFound(id=id)
            expect(subnet, revision)
            await change.network(network_id)
            await self._leave(change, subnet)
            await store.subnets.remove(change.tx, id)
            await gaps.drop(change.tx, id)
            await self._touch(change, network)

        await self._changes.run(work)

    @staticmethod
    async def _leave(change: Change, subnet: Subnet) -> None:
        """Addresses that nobody asked for go with the subnet; others keep it. Raises SubnetInUse."""
        for port in await change.tx.all(store.PORTS_OF_SUBNET, Port, subnet=subnet.id):
            had = await addresses.of_port(change, port.id)
            automatic = ipam.makes_own_addresses(subnet) and port.device_owner not in ROUTER_OWNERS
            if port.device_owner != DHCP and not automatic:
                raise SubnetInUse(subnet_id=subnet.id)
            await change.members_of(port.id)
            for one in had:
                if one.subnet_id == subnet.id:
                    await change.tx.run(store.DROP_ALLOCATION, port=port.id, subnet=subnet.id, address=one.ip)
            if port.device_owner == DHCP and all(one.subnet_id == subnet.id for one in had):
                await own_ports.remove(change, port)


def complete(subnet: Subnet, gateway: bool, has_pools: bool) -> None:
    """Fill in what the caller left out. ``gateway``: whether one is to be chosen. Raises what ``cidrs`` does."""
    cidr = cidrs.parse(subnet.cidr, subnet.ip_version)
    subnet.cidr = str(cidr)
    if gateway:
        subnet.gateway_ip = cidrs.default_gateway(cidr)
    elif subnet.gateway_ip is not None:
        subnet.gateway_ip = str(ip_address(subnet.gateway_ip))
    cidrs.check(subnet)
    if not has_pools:
        subnet.allocation_pools = cidrs.default_pools(cidr, subnet.gateway_ip)
    cidrs.check_pools(subnet.allocation_pools, cidr, subnet.gateway_ip)
