"""Trunks: a port that carries the traffic of others, each with a segment of its own. Source: Network API reference, Trunks."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import asdict, replace
from sqlalchemy import bindparam, select

from tinstack.core.db import Duplicate, prepared
from tinstack.core.errors import Conflict, NotFound
from tinstack.network.server import ipam, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import InvalidInput, PortNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.router_errors import PortInUse
from tinstack.network.server.rows import Port
from tinstack.network.server.rows_sharing import SubPort, Trunk

VLAN, INHERIT = "vlan", "inherit"
SUB_PORT_OWNER = "trunk:subport"
VLANS = range(1, 4095)

_T, _S, _P = t.trunks.c, t.sub_ports.c, t.ports.c

SUB_PORTS = prepared(select(t.sub_ports).where(_S.trunk_id == bindparam("trunk")).order_by(_S.segmentation_id))
ALL_SUB_PORTS = select(t.sub_ports).order_by(_S.trunk_id, _S.segmentation_id)
ADD_SUB_PORT = prepared(t.sub_ports.insert())
DROP_SUB_PORT = prepared(t.sub_ports.delete().where(_S.port_id == bindparam("port")))
PARENT_OF = prepared(select(t.trunks).where(_T.port_id == bindparam("port")))
SUB_PORT_OF = prepared(select(t.sub_ports).where(_S.port_id == bindparam("port")))


class TrunkNotFound(NotFound):
    code, message = "network.trunk.not_found", "Trunk {id} could not be found."


class SubPortNotFound(NotFound):
    code, message = (
        "network.trunk.sub_port",
        "SubPort on trunk {trunk_id} with parent port {port_id} could not be found.",
    )


class TrunkDisabled(Conflict):
    """409: a trunk that is down is not changed."""

    code = "network.trunk.disabled"
    message = "Trunk {id} is currently disabled and is unable to perform the operation."


class TrunkInUse(Conflict):
    code, message = "network.trunk.in_use", "Trunk {id} is currently in use."


class ParentPortInUse(Conflict):
    """409: the port is somewhere or something already."""

    code = "network.trunk.parent"
    message = "Port {port_id} is currently in use and is not eligible for use as a parent port."


class PortInUseAsTrunkParent(Conflict):
    code, message = "network.trunk.port_parent", "Port {port_id} is currently a parent port for trunk {trunk_id}."


class PortInUseAsSubPort(Conflict):
    code, message = "network.trunk.port_sub", "Port {port_id} is currently a subport for trunk {trunk_id}."


class DuplicateSubPort(Conflict):
    code = "network.trunk.segment"
    message = "segmentation_type {segmentation_type} and segmentation_id {segmentation_id} already in use on trunk {trunk_id}."


class SubPortMtuGreaterThanTrunkPortMtu(Conflict):
    code = "network.trunk.mtu"
    message = "MTU {port_mtu} of subport {port_id} cannot be greater than MTU {trunk_mtu} of trunk {trunk_id}."


class InvalidSubPorts(InvalidInput):
    """400: a sub port is not well formed."""

    code = "network.trunk.invalid"


def sub_ports_of(trunk_id: str, given: Sequence[Mapping[str, Any]]) -> list[SubPort]:
    """Sub ports as a body says them; segment 0 where it is inherited. Raises InvalidSubPorts."""
    found: list[SubPort] = []
    for one in given:
        kind, segment = one.get("segmentation_type"), one.get("segmentation_id")
        if kind == INHERIT and segment is None:
            segment = 0
        if kind is None or segment is None:
            raise InvalidSubPorts(error_message="Must specify both segmentation_id and segmentation_type of a subport")
        if kind not in (VLAN, INHERIT):
            raise InvalidSubPorts(error_message=f"Invalid segmentation type '{kind}': it must be vlan or inherit")
        if kind == VLAN and segment not in VLANS:
            raise InvalidSubPorts(error_message=f"Invalid segmentation ID '{segment}': it must be from 1 to 4094")
        if kind == VLAN and any((kind, segment) == (had.segmentation_type, had.segmentation_id) for had in found):
            raise InvalidSubPorts(error_message=f"Segmentation ID '{segment}' for '{one['port_id']}' is not unique")
        if any(one["port_id"] == had.port_id for had in found):
            raise InvalidSubPorts(error_message=f"Non unique UUID for subport: '{one['port_id']}'")
        found.append(
            SubPort(port_id=one["port_id"], trunk_id=trunk_id, segmentation_type=kind, segmentation_id=segment)
        )
    return found


async def of_trunks(db: store.Reader, ids: Collection[str]) -> dict[str, list[SubPort]]:
    """The sub ports of several trunks."""
    found: dict[str, list[SubPort]] = {id: [] for id in ids}
    for one in await store.all_in(db, ALL_SUB_PORTS, _S.trunk_id, ids, SubPort):
        found[one.trunk_id].append(one)
    return found


async def by_parent(db: store.Reader, port_ids: Collection[str]) -> dict[str, Trunk]:
    """The trunks whose parents are among these ports."""
    trunks = await store.all_in(db, store.trunks.everything, _T.port_id, port_ids, Trunk)
    return {trunk.port_id: trunk for trunk in trunks}


async def check_free(change: Change, port_id: str) -> None:
    """No trunk has the port. Raises PortInUseAsTrunkParent, PortInUseAsSubPort."""
    if trunk := await change.tx.one(PARENT_OF, Trunk, port=port_id):
        raise PortInUseAsTrunkParent(port_id=port_id, trunk_id=trunk.id)
    if sub_port := await change.tx.one(SUB_PORT_OF, SubPort, port=port_id):
        raise PortInUseAsSubPort(port_id=port_id, trunk_id=sub_port.trunk_id)


class Trunks:
    """The rules."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def _networks(self, port_ids: Collection[str]) -> list[str]:
        ports = await store.by_ids(self._changes.database, store.ports, port_ids)
        for id in port_ids:
            if id not in ports:
                raise PortNotFound(id=id)
        return [port.network_id for port in ports.values()]

    async def create(self, trunk: Trunk, sub_ports: Sequence[SubPort]) -> Trunk:
        """Raises OverQuota, PortNotFound, ParentPortInUse and what adding sub ports does."""
        networks = await self._networks([trunk.port_id, *(one.port_id for one in sub_ports)])

        async def work(change: Change) -> Trunk:
            made = replace(trunk, created_at=change.now, updated_at=change.now)
            await self._quotas.take(change.tx, made.project_id, "trunk")
            await ipam.lock_networks(change, *networks)
            parent = await self._port(change, made.port_id)
            await check_free(change, parent.id)
            if parent.binding_host or parent.device_id:
                raise ParentPortInUse(port_id=parent.id)
            await store.trunks.add(change.tx, made)
            for one in sub_ports:
                await self._add(change, made, parent, one)
            return made

        return await self._changes.run(work)

    @staticmethod
    async def _port(change: Change, id: str) -> Port:
        port = await store.ports.get(change.tx, id)
        if port is None:
            raise PortNotFound(id=id)
        return port

    async def _add(self, change: Change, trunk: Trunk, parent: Port, wanted: SubPort) -> None:
        await check_free(change, wanted.port_id)
        port = await self._port(change, wanted.port_id)
        if port.device_id:
            raise PortInUse(port_id=port.id, net_id=port.network_id, device_id=port.device_id)
        networks = await store.by_ids(change.tx, store.networks, [parent.network_id, port.network_id])
        inside, outside = networks[port.network_id], networks[parent.network_id]
        if inside.mtu > outside.mtu:
            raise SubPortMtuGreaterThanTrunkPortMtu(
                port_mtu=inside.mtu, port_id=port.id, trunk_mtu=outside.mtu, trunk_id=trunk.id
            )
        if wanted.segmentation_type == INHERIT:
            if inside.kind != VLAN or inside.segment is None:
                raise InvalidSubPorts(
                    error_message=f"Network {inside.id} has no VLAN that port {port.id} could inherit"
                )
            wanted = replace(wanted, segmentation_type=VLAN, segmentation_id=inside.segment)
        try:
            await change.tx.run(ADD_SUB_PORT, **asdict(wanted))
        except Duplicate as error:
            raise DuplicateSubPort(
                segmentation_type=wanted.segmentation_type, segmentation_id=wanted.segmentation_id, trunk_id=trunk.id
            ) from error
        port.device_owner = SUB_PORT_OWNER
        await store.ports.save(change.tx, port, change.now)

    async def _get(self, change: Change, id: str) -> Trunk:
        trunk = await store.trunks.get(change.tx, id)
        if trunk is None:
            raise TrunkNotFound(id=id)
        return trunk

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> Trunk:
        """Raises TrunkNotFound."""

        async def work(change: Change) -> Trunk:
            old = await self._get(change, id)
            expect(old, revision)
            new = replace(old, **changes)
            await store.trunks.save(change.tx, new, change.now)
            return new

        return await self._changes.run(work)

    async def delete(self, id: str, revision: int | None) -> None:
        """Its ports are free. Raises TrunkNotFound, TrunkDisabled, TrunkInUse."""

        async def work(change: Change) -> None:
            trunk = await self._get(change, id)
            expect(trunk, revision)
            _check_enabled(trunk)
            parent = await self._port(change, trunk.port_id)
            if parent.binding_host:
                raise TrunkInUse(id=id)
            for one in await change.tx.all(SUB_PORTS, SubPort, trunk=id):
                await self._free(change, one)
            await store.trunks.remove(change.tx, id)

        await self._changes.run(work)

    async def _free(self, change: Change, sub_port: SubPort) -> None:
        await change.tx.run(DROP_SUB_PORT, port=sub_port.port_id)
        port = await store.ports.get(change.tx, sub_port.port_id)
        if port is not None:
            port.device_owner = ""
            await store.ports.save(change.tx, port, change.now)

    async def add(self, id: str, sub_ports: Sequence[SubPort]) -> Trunk:
        """All or none. Raises TrunkNotFound, TrunkDisabled, PortNotFound, DuplicateSubPort, PortInUseAs…."""
        networks = await self._networks([one.port_id for one in sub_ports])

        async def work(change: Change) -> Trunk:
            await ipam.lock_networks(change, *networks)
            trunk = await self._get(change, id)
            _check_enabled(trunk)
            parent = await self._port(change, trunk.port_id)
            for one in sub_ports:
                await self._add(change, trunk, parent, one)
            await store.trunks.save(change.tx, trunk, change.now)
            return trunk

        return await self._changes.run(work)

    async def remove(self, id: str, port_ids: Sequence[str]) -> Trunk:
        """All or none. Raises TrunkNotFound, TrunkDisabled, SubPortNotFound."""

        async def work(change: Change) -> Trunk:
            trunk = await self._get(change, id)
            _check_enabled(trunk)
            there = {one.port_id: one for one in await change.tx.all(SUB_PORTS, SubPort, trunk=id)}
            for port_id in dict.fromkeys(port_ids):
                if port_id not in there:
                    raise SubPortNotFound(trunk_id=id, port_id=port_id)
                await self._free(change, there[port_id])
            await store.trunks.save(change.tx, trunk, change.now)
            return trunk

        return await self._changes.run(work)


def _check_enabled(trunk: Trunk) -> None:
    if not trunk.admin_state_up:
        raise TrunkDisabled(id=trunk.id)
