"""Networks: made with a segment, changed, removed with what the service itself put into them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import bindparam, func, or_, select

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, Conflict
from tinstack.network.server import (
    addresses,
    dhcp,
    gaps,
    ipam,
    network_segments,
    own_ports,
    qos,
    segments,
    sharing,
    store,
)
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import InvalidInput, NetworkNotFound
from tinstack.network.server.groups import ensure_default
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import DHCP, FLOATING_IP, ROUTER_GATEWAY, FloatingIp, Network, Port
from tinstack.network.server.rows_admin import Segment

_P, _F = t.ports.c, t.floatingips.c

GATEWAYS_AND_FLOATING = prepared(
    select(func.count())
    .select_from(t.ports)
    .where(
        _P.network_id == bindparam("network"),
        or_(_P.device_owner == ROUTER_GATEWAY, _P.device_owner == FLOATING_IP),
    )
)
UNUSED_FLOATING = prepared(
    select(t.floatingips).where(_F.floating_network_id == bindparam("network"), _F.port_id.is_(None))
)


class NetworkInUse(Conflict):
    """409: ports are there that the service did not make for itself."""

    code = "network.network.in_use"
    message = (
        "Unable to complete operation on network {net_id}. There are one or more ports still in use on the network, "
        "id for these ports is: {ports}."
    )


class InvalidSharedSetting(Conflict):
    code = "network.network.shared"
    message = "Unable to reconfigure sharing settings for network {network}. Multiple tenants are using it."


class ExternalNetworkInUse(Conflict):
    code = "network.network.external"
    message = (
        "External network {net_id} cannot be updated to be made non-external, since it has existing gateway ports."
    )


class ProviderNetworkFixed(BadRequest):
    """400: a network keeps its kind and segment."""

    code, message = "network.network.provider", "Plugin does not support updating the provider attributes {names}."


class Networks:
    """The rules."""

    def __init__(self, config: Config, changes: Changes, quotas: Quotas) -> None:
        self.config, self._changes, self._quotas = config, changes, quotas

    def check_mtu(self, network: Network) -> None:
        """Raises InvalidInput."""
        largest = segments.largest_mtu(self.config, network.kind)
        if network.mtu > largest:
            raise InvalidInput(error_message=f"Requested MTU is too big, maximum is {largest}")

    async def create(
        self,
        rows: Sequence[Network],
        default_qos: Collection[str] = (),
        more: Mapping[str, Sequence[Segment]] | None = None,
    ) -> list[Network]:
        """All or none. ``mtu`` 0: the largest; ``default_qos``: ids of those that get their project's policy; ``more``: segments
        beside the first, by network.

        Raises OverQuota, InvalidInput and what segments.take does.
        """
        for network in rows:
            segments.check(self.config, network)
            network.mtu = network.mtu or segments.largest_mtu(self.config, network.kind)
            self.check_mtu(network)

        async def work(change: Change) -> list[Network]:
            made = [replace(row) for row in rows]  # a transaction may be run again, with what was asked for at first
            for network in made:
                network.created_at = network.updated_at = change.now
                await self._quotas.take(change.tx, network.project_id, "network")
                await ensure_default(change, network.project_id)
                if network.id in default_qos:
                    network.qos_policy_id = await qos.default_for(change, network.project_id)
                network.more_segments = bool((more or {}).get(network.id))
                await segments.take(change.tx, self.config, network)
                await gaps.add(change.tx, network.id)
                await store.networks.add(change.tx, network)
                await _share(change, network)
                await network_segments.add_first(change, network)
                for segment in (more or {}).get(network.id, ()):
                    await network_segments.add(change, self.config, network, replace(segment))
            return made

        return await self._changes.run(work)

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> Network:
        """``changes`` by column. Raises NetworkNotFound, InvalidSharedSetting, ExternalNetworkInUse, InvalidInput."""

        async def work(change: Change) -> Network:
            await ipam.lock_networks(change, id)
            old = await store.networks.get(change.tx, id)
            if old is None:
                raise NetworkNotFound(id=id)
            expect(old, revision)
            new = replace(old, **changes)
            await self._check(change, old, new)
            if (new.shared, new.external) != (old.shared, old.external):
                await _share(change, new)
            await store.networks.save(change.tx, new, change.now)
            await change.network(id)
            return new

        return await self._changes.run(work)

    async def _check(self, change: Change, old: Network, new: Network) -> None:
        fixed = [name for name in ("kind", "physical_network", "segment") if getattr(old, name) != getattr(new, name)]
        if fixed:
            raise ProviderNetworkFixed(names=", ".join(fixed))
        if new.mtu != old.mtu:
            self.check_mtu(new)
            segments.check_mtu(new, await addresses.subnets_of(change, new.id))
        if old.shared and not new.shared and await sharing.needed(change, "network", old, sharing.SHARED):
            raise InvalidSharedSetting(network=old.name)
        if old.external and not new.external and await change.tx.scalar(GATEWAYS_AND_FLOATING, network=old.id):
            raise ExternalNetworkInUse(net_id=old.id)

    async def delete(self, id: str, revision: int | None) -> None:
        """With its subnets and DHCP ports. Raises NetworkNotFound, NetworkInUse."""

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, id)
            network = await store.networks.get(change.tx, id)
            if network is None:
                raise NetworkNotFound(id=id)
            expect(network, revision)
            await change.network(id)
            await self._drop_unused_floating(change, id)
            ports = await change.tx.all(store.PORTS_OF_NETWORK, Port, network=id)
            if others := [port.id for port in ports if port.device_owner != DHCP]:
                raise NetworkInUse(net_id=id, ports=", ".join(others))
            for port in await dhcp.ports_of(change, id):
                await own_ports.remove(change, port)
            for subnet in await addresses.subnets_of(change, id):
                await store.subnets.remove(change.tx, subnet.id)
                await gaps.drop(change.tx, subnet.id)
            await dhcp.bind(change, id, [])
            await segments.release(change.tx, id)
            await change.tx.run(network_segments.DROP_OF_NETWORK, network=id)
            await gaps.drop(change.tx, id)
            await sharing.drop(change, "network", id)
            await store.networks.remove(change.tx, id)

        await self._changes.run(work)

    @staticmethod
    async def _drop_unused_floating(change: Change, id: str) -> None:
        """Floating IPs that lead nowhere go with their network."""
        for floating in await change.tx.all(UNUSED_FLOATING, FloatingIp, network=id):
            await store.floatingips.remove(change.tx, floating.id)
            port = await store.ports.get(change.tx, floating.floating_port_id)
            if port is not None:
                await own_ports.remove(change, port)


async def _share(change: Change, network: Network) -> None:
    for action, wanted in ((sharing.SHARED, network.shared), (sharing.EXTERNAL, network.external)):
        await sharing.set_for_all(change, "network", network.id, network.project_id, action, wanted)
