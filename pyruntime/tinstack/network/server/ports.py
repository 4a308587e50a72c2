"""Ports: made with addresses and groups, bound to hosts, moved, removed. Source: Network API reference, Ports."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, exists, or_, select

from tinstack.core.db import Duplicate, prepared
from tinstack.core.errors import Conflict
from tinstack.network.server import addresses, events, forwarding, ipam, ndp, own_ports, sharing, store, trunks
from tinstack.network.server import tables as t
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import HTTPBadRequest, NetworkNotFound, PortNotFound, SecurityGroupNotFound
from tinstack.network.server.groups import ensure_default
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import (
    ACTIVE,
    DOWN,
    FLOATING_IP,
    ROUTER_OWNERS,
    Allocation,
    FloatingIp,
    Network,
    Port,
    PortGroup,
)


class ServicePortInUse(Conflict):
    """409: a router or floating IP has the port."""

    code = "network.port.service"
    message = "Port {port_id} cannot be deleted directly via the port API: {reason}."


class PortSecurityPortHasSecurityGroup(Conflict):
    code = "network.port.security_group"
    message = "Port has security group associated. Cannot disable port security or IP address until security group is removed."


class PortSecurityAndIPRequiredForSecurityGroups(Conflict):
    code = "network.port.security_required"
    message = "Port security must be enabled and port must have an IP address in order to use security groups."


class SecurityGroupConflict(Conflict):
    """409: a port's groups are all stateful or all not."""

    code = "network.port.stateful"
    message = "Error adding security groups to the port: it can't have stateful and stateless ones at once."


class AddressPairAndPortSecurityRequired(Conflict):
    code = "network.port.pairs"
    message = "Port Security must be enabled in order to have allowed address pairs on a port."


class Asked(msgspec.Struct, kw_only=True):
    """A port as asked for. None for ``fixed`` and ``groups``: chosen; ``mac`` and ``chosen_id``: whether the caller chose."""

    port: Port
    fixed: list[Fixed] | None = None
    groups: list[str] | None = None
    mac: bool = False
    chosen_id: bool = False


class On(Protocol):
    """What a port shows of its network."""

    @property
    def qos_policy_id(self) -> str | None: ...

    @property
    def physical_network(self) -> str | None: ...


class Shown(msgspec.Struct, kw_only=True):
    """A port with what belongs to it. ``parent``: whether it may be a trunk's."""

    port: Port
    addresses: list[Allocation]
    groups: list[str]
    network: On | None
    parent: bool


class Tied(Port, kw_only=True):
    """A port, and what others hold of it: a trunk, floating IPs and the like, logs."""

    in_trunk: bool
    reached: bool
    logged: bool


_P = t.ports.c


def _some(*columns: Any) -> Any:
    return or_(*(exists().where(column == _P.id) for column in columns))


TIED = prepared(
    select(
        t.ports,
        _some(t.trunks.c.port_id, t.sub_ports.c.port_id).label("in_trunk"),
        _some(t.floatingips.c.port_id, t.l3.port_forwardings.c.internal_port_id, t.l3.ndp_proxies.c.port_id).label(
            "reached"
        ),
        _some(t.admin.logs.c.target_id).label("logged"),
    ).where(_P.id == bindparam("key"))
)


class Ports:
    """The rules."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def create(self, asked: Sequence[Asked]) -> list[Shown]:
        """All or none. Raises OverQuota, NetworkNotFound, MacAddressInUse and what ``addresses`` does."""

        async def work(change: Change) -> list[Shown]:
            copies = [msgspec.structs.replace(one, port=replace(one.port)) for one in asked]
            for one in copies:
                if one.port.project_id:
                    await self._quotas.take(change.tx, one.port.project_id, "port", known=change.tx.latest)
            await ipam.lock_networks(change, *(one.port.network_id for one in copies))
            return [await self._create(change, one) for one in copies]

        return await self._changes.run(work)

    async def _create(self, change: Change, asked: Asked) -> Shown:
        port = asked.port
        known, host = await change.tx.look(port.binding_host)
        network = await store.networks.get(known, port.network_id)
        if network is None:
            raise NetworkNotFound(id=port.network_id)
        port.created_at = port.updated_at = change.now
        groups = await self._groups(change, known, port, asked.groups)
        _check_security(port, groups, PortSecurityAndIPRequiredForSecurityGroups)
        own_ports.bind_new(port, network, host)
        await own_ports.insert(change, port, any_mac=not asked.mac)
        made = await addresses.assign(change, network, port, asked.fixed, known)
        await _set_groups(change, port.id, groups)
        await change.came_or_goes(port)
        return Shown(port=port, addresses=made, groups=groups, network=network, parent=False)

    @staticmethod
    async def _groups(change: Change, db: store.Reader, port: Port, asked: Sequence[str] | None) -> list[str]:
        if asked is None:
            if not port.port_security_enabled or port.device_owner.startswith("network:"):
                return []
            default = await ensure_default(change, port.project_id, db)
            return [default] if default else []
        if len(set(asked)) < len(asked):
            raise HTTPBadRequest("Invalid input for security_groups. Reason: Duplicate items in the list.")
        found = await store.by_ids(db, store.groups, asked)
        others = [id for id, group in found.items() if port.project_id and group.project_id != port.project_id]
        shared = await sharing.granted(db, "security_group", others, port.project_id)
        for id in asked:
            if id not in found or not shared.get(id, True):
                raise SecurityGroupNotFound(id=id)
        if len({group.stateful for group in found.values()}) > 1:
            raise SecurityGroupConflict
        return sorted(asked)

    async def update(
        self,
        id: str,
        changes: Mapping[str, Any],
        revision: int | None,
        *,
        fixed: list[Fixed] | None,
        groups: list[str] | None,
    ) -> Shown:
        """``changes`` by column; ``fixed`` and ``groups`` None: as they are. Raises PortNotFound and what ``create`` does."""
        network_id = (await self._get(id)).network_id

        async def work(change: Change) -> Shown:
            await ipam.lock_networks(change, network_id)
            old, network = await store.ports.get(change.tx, id), await store.networks.get(change.tx, network_id)
            if old is None or network is None:
                raise PortNotFound(id=id)
            expect(old, revision)
            return await self._update(change, network, old, replace(old, **changes), fixed, groups)

        return await self._changes.run(work)

    async def _update(
        self, change: Change, network: Network, old: Port, new: Port, fixed: list[Fixed] | None, asked: list[str] | None
    ) -> Shown:
        groups = [one.group_id for one in await change.tx.all(store.GROUPS_OF_PORT, PortGroup, port=old.id)]
        if asked is not None:
            await change.members(groups)
            groups = await self._groups(change, change.tx, new, asked)
            await change.tx.run(store.DROP_PORT_GROUPS, port=old.id)
            await _set_groups(change, old.id, groups)
        _check_security(new, groups, PortSecurityPortHasSecurityGroup)
        if new.mac_address != old.mac_address or new.binding_host != old.binding_host:
            await own_ports.bind(change, new, new.binding_host)
        elif new.admin_state_up != old.admin_state_up or new.device_id != old.device_id:
            if not new.admin_state_up:
                new.status = DOWN
            change.placed(new.id)
        try:
            await store.ports.save(change.tx, new, change.now)
        except Duplicate as error:
            raise own_ports.MacAddressInUse(net_id=network.id, mac=new.mac_address) from error
        made, moved = await addresses.of_port(change, old.id), False
        if fixed is not None:
            made, moved = await addresses.reassign(change, network, new, fixed)
            await _forget_floating(change, new, {one.ip for one in made})
        await change.port(new, old.binding_host)
        if moved or asked is not None or new.allowed_address_pairs != old.allowed_address_pairs:
            await change.members(groups)
        if moved or new.mac_address != old.mac_address:
            _tell(change, events.CHANGED, new)
        if old.status == ACTIVE and new.status == DOWN and new.device_id:
            _tell(change, events.UNPLUGGED, new)
        return Shown(port=new, addresses=made, groups=groups, network=network, parent=True)

    async def _get(self, id: str) -> Port:
        port = await store.ports.get(self._changes.database, id)
        if port is None:
            raise PortNotFound(id=id)
        return port

    async def delete(self, known: Port, revision: int | None, *, tell: bool) -> None:
        """``known``: as it was last read; ``tell``: the compute service doesn't know yet. Raises PortNotFound, ServicePortInUse."""

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, known.network_id)
            port = await change.tx.one(TIED, Tied, key=known.id)
            if port is None:
                raise PortNotFound(id=known.id)
            expect(port, revision)
            await self._check_owner(change, port)
            if port.in_trunk:
                await trunks.check_free(change, port.id)
            if port.reached:
                await _forget_floating(change, port, set())
            await own_ports.remove(change, port, logged=port.logged)
            if tell:
                _tell(change, events.DELETED, port)

        await self._changes.run(work)

    @staticmethod
    async def _check_owner(change: Change, port: Port) -> None:
        if port.device_owner in ROUTER_OWNERS and await store.routers.get(change.tx, port.device_id):
            raise ServicePortInUse(port_id=port.id, reason=f"has device owner {port.device_owner}")
        if port.device_owner == FLOATING_IP and await store.floatingips.get(change.tx, port.device_id):
            raise ServicePortInUse(port_id=port.id, reason=f"has device owner {port.device_owner}")


def _check_security(port: Port, groups: Sequence[str], with_groups: type[Conflict]) -> None:
    """Raises ``with_groups`` or AddressPairAndPortSecurityRequired."""
    if not port.port_security_enabled:
        if groups:
            raise with_groups
        if port.allowed_address_pairs:
            raise AddressPairAndPortSecurityRequired


async def _set_groups(change: Change, port_id: str, groups: Sequence[str]) -> None:
    await change.tx.run_many(store.ADD_PORT_GROUP, [{"port_id": port_id, "group_id": group} for group in groups])


def _tell(change: Change, name: str, port: Port) -> None:
    for event in events.of_port(name, port):
        change.event(event)


async def _forget_floating(change: Change, port: Port, kept: set[str]) -> None:
    """Floating IPs of addresses that the port has no more are free again."""
    for one in await change.tx.all(store.FLOATING_OF_PORT, FloatingIp, port=port.id):
        if one.fixed_ip_address in kept:
            continue
        router = await store.routers.get(change.tx, one.router_id)
        one.port_id = one.fixed_ip_address = one.router_id = None
        one.status = DOWN
        await store.floatingips.save(change.tx, one, change.now)
        change.host(router.host if router else "")
    await forwarding.forget(change, port.id, kept)
    await ndp.forget(change, port.id, kept)
