"""Queries of the network database. What a list asks for is in ``listing``."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Update,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
    update,
)

from tinstack.core.db import Prepared, Statement, Transaction, prepared, values
from tinstack.network.server import rows as r
from tinstack.network.server import rows_sharing as rs
from tinstack.network.server import tables as t

R = TypeVar("R", bound=r.Owned)
S = TypeVar("S")


class Reader(Protocol):
    """What a database, a transaction and what is known (``known``) have in common."""

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        """All rows as Structs."""

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        """The first row as a Struct, or None."""

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        """The first column of the first row, or None."""


class Stale(Exception):
    """The row was changed since it was read; the transaction is run again."""


class Resource(Generic[R]):
    """A table of one kind of resource."""

    def __init__(self, table: Table, row: type[R]) -> None:
        self.table, self.row = table, row
        columns = [column.name for column in table.columns]
        self.everything: Select[Any] = select(table)
        self._by_id = prepared(select(table).where(table.c.id == bindparam("key")))
        self._insert = prepared(table.insert())
        self._delete = prepared(table.delete().where(table.c.id == bindparam("key")))
        self._update = prepared(
            update(table)
            .where(table.c.id == bindparam("key"), table.c.revision_number == bindparam("old_revision"))
            .values({name: bindparam(f"new_{name}") for name in columns})
        )
        self._count = prepared(
            select(func.count()).select_from(table).where(table.c.project_id == bindparam("project"))
        )

    async def get(self, db: Reader, id: str | None) -> R | None:
        """By id."""
        return await db.one(self._by_id, self.row, key=id) if id else None

    async def add(self, tx: Transaction, row: R) -> None:
        """Raises Duplicate."""
        await tx.run(self._insert, **values(row))

    async def save(self, tx: Transaction, row: R, now: int) -> None:
        """Write a row that was read in this transaction, as its next revision. Raises Stale, Duplicate."""
        old = row.revision_number
        row.touch(now)
        found = {f"new_{name}": value for name, value in values(row).items()}
        if not await tx.run(self._update, key=row.id, old_revision=old, **found):
            raise Stale

    async def remove(self, tx: Transaction, id: str) -> bool:
        """False where it is gone already."""
        return bool(await tx.run(self._delete, key=id))

    async def count(self, tx: Transaction, project: str) -> int:
        """How many a project has."""
        return int(await tx.scalar(self._count, project=project))


networks = Resource(t.networks, r.Network)
subnets = Resource(t.subnets, r.Subnet)
subnetpools = Resource(t.subnetpools, r.SubnetPool)
ports = Resource(t.ports, r.Port)
routers = Resource(t.routers, r.Router)
floatingips = Resource(t.floatingips, r.FloatingIp)
groups = Resource(t.groups, r.SecurityGroup)
rules = Resource(t.rules, r.SecurityGroupRule)
rbac_policies = Resource(t.rbac_policies, rs.RbacPolicy)
address_scopes = Resource(t.address_scopes, rs.AddressScope)
address_groups = Resource(t.address_groups, rs.AddressGroup)
qos_policies = Resource(t.qos_policies, rs.QosPolicy)
qos_rules = Resource(t.qos_rules, rs.QosRule)
trunks = Resource(t.trunks, rs.Trunk)

_N, _S, _A, _P, _G, _R, _F, _U = (
    t.networks.c, t.subnets.c, t.allocations.c, t.ports.c, t.port_groups.c, t.routers.c, t.floatingips.c, t.rules.c
)  # fmt: skip

SUBNETS_OF_NETWORK = prepared(
    select(t.subnets).where(_S.network_id == bindparam("network")).order_by(_S.created_at, _S.id)
)
PORTS_OF_NETWORK = prepared(select(t.ports).where(_P.network_id == bindparam("network")).order_by(_P.id))
PORTS_OF_OWNER = prepared(
    select(t.ports)
    .where(_P.network_id == bindparam("network"), _P.device_owner == bindparam("owner"))
    .order_by(_P.created_at, _P.id)
)
PORTS_OF_DEVICE = prepared(select(t.ports).where(_P.device_id == bindparam("device")).order_by(_P.created_at, _P.id))
PORTS_OF_SUBNET = prepared(
    select(t.ports).where(_P.id.in_(select(_A.port_id).where(_A.subnet_id == bindparam("subnet"))))
)
ALLOCATIONS_OF_PORT = prepared(select(t.allocations).where(_A.port_id == bindparam("port")).order_by(_A.key))
ADD_ALLOCATION = prepared(t.allocations.insert())
DROP_ALLOCATION = prepared(
    t.allocations.delete().where(
        _A.port_id == bindparam("port"), _A.subnet_id == bindparam("subnet"), _A.ip == bindparam("address")
    )
)
DROP_ALLOCATIONS = prepared(t.allocations.delete().where(_A.port_id == bindparam("port")))
GROUPS_OF_PORT = prepared(select(t.port_groups).where(_G.port_id == bindparam("port")).order_by(_G.group_id))
ADD_PORT_GROUP = prepared(t.port_groups.insert())
DROP_PORT_GROUPS = prepared(t.port_groups.delete().where(_G.port_id == bindparam("port")))
PORTS_IN_GROUP = prepared(
    select(t.port_groups).where(_G.group_id == bindparam("group")).limit(1)
)  # fmt: skip
RULES_OF_GROUP = prepared(
    select(t.rules).where(_U.security_group_id == bindparam("group")).order_by(_U.created_at, _U.id)
)
DROP_RULES_OF_GROUP = prepared(t.rules.delete().where(_U.security_group_id == bindparam("group")))
DROP_RULES_TO_GROUP = prepared(t.rules.delete().where(_U.remote_group_id == bindparam("group")))
DEFAULT_GROUP = prepared(
    select(t.default_groups.c.group_id).where(t.default_groups.c.project_id == bindparam("project"))
)
ADD_DEFAULT_GROUP = prepared(t.default_groups.insert())
DROP_DEFAULT_GROUP = prepared(t.default_groups.delete().where(t.default_groups.c.group_id == bindparam("group")))
FLOATING_OF_PORT = prepared(select(t.floatingips).where(_F.port_id == bindparam("port")).order_by(_F.id))
FLOATING_OF_ROUTER = prepared(select(t.floatingips).where(_F.router_id == bindparam("router")).order_by(_F.id))


class Place(msgspec.Struct, frozen=True):
    """A host that has ports of a network. ``serving``: whether some of them are DHCP or router ports."""

    host: str
    serving: int
    ports: int


_PLACES = (
    select(
        _P.binding_host.label("host"),
        func.max(case((_P.device_owner.like("network:%"), 1), else_=0)).label("serving"),
        func.count().label("ports"),
    )
    .where(_P.network_id == bindparam("network"), _P.binding_host != "")
    .group_by(_P.binding_host)
)
PLACES_OF_NETWORK = prepared(_PLACES)

_OWN, _OTHER, _THEIR = t.port_groups.alias("own"), t.ports.alias("other"), t.port_groups.alias("their")
_TOLD = (
    select(_OTHER.c.binding_host, literal_column("0"), literal_column("0"))
    .join(_THEIR, _THEIR.c.port_id == _OTHER.c.id)
    .where(
        _OTHER.c.binding_host != "",
        _THEIR.c.group_id.in_(
            select(_U.security_group_id)
            .join(_OWN, _OWN.c.group_id == _U.remote_group_id)
            .where(_OWN.c.port_id == bindparam("port"))
        ),
    )
    .distinct()
)
PLACES_AROUND_PORT = prepared(union_all(_PLACES, _TOLD))
"""``PLACES_OF_NETWORK`` of a port's; and, with ``ports`` 0, hosts with rules that speak of a security group of the port."""


def padded(keys: Iterable[str]) -> list[str]:
    """A list for IN whose length is a power of two, so that few texts of a statement exist."""
    found = sorted(set(keys)) or [""]
    size = 1 << (len(found) - 1).bit_length()
    return found + [found[-1]] * (size - len(found))


def asked(size: int) -> list[Any]:
    """The parameters ``one_0`` and so on for IN, which ``all_by`` and ``run_in`` fill."""
    return [bindparam(f"one_{place}") for place in range(size)]


@lru_cache(maxsize=256)
def _in(statement: "Select[Any] | Update", column: ColumnElement[Any], size: int) -> Prepared:
    return prepared(statement.where(column.in_(asked(size))))


MANY = 512


def _keyed(keys: Collection[str]) -> Iterator[dict[str, str]]:
    """The parameters ``one_0`` and so on of each statement that asks for some of the keys, in their order."""
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), MANY):
        yield {f"one_{place}": key for place, key in enumerate(padded(ordered[start : start + MANY]))}


async def run_in(tx: Transaction, statement: "Update", column: ColumnElement[Any], keys: Collection[str]) -> None:
    """Update those whose ``column`` is one of ``keys``, in the order of the keys, so that those who update several rows wait for
    each other in one order."""
    for keyed in _keyed(keys):
        await tx.run(_in(statement, column, len(keyed)), **keyed)


async def all_in(
    db: Reader, statement: "Select[Any]", column: ColumnElement[Any], keys: Collection[str], into: type[S], **given: Any
) -> list[S]:
    """The rows of ``statement`` whose ``column`` is one of ``keys``, some hundreds at a time. ``given``: its own parameters."""
    return await all_by(db, lambda size: _in(statement, column, size), keys, into, **given)


async def all_by(
    db: Reader, statement: Callable[[int], Prepared], keys: Collection[str], into: type[S], **given: Any
) -> list[S]:
    """The same of a statement for so many keys, its parameters ``one_0`` and so on."""
    found: list[S] = []
    for keyed in _keyed(keys):
        found += await db.all(statement(len(keyed)), into, **given, **keyed)
    return found


SUBNET_IDS = (
    select(_S.id, _S.network_id, _S.ip_version, t.subnetpools.c.address_scope_id)
    .outerjoin(t.subnetpools, t.subnetpools.c.id == _S.subnetpool_id)
    .order_by(_S.created_at, _S.id)
)
ALL_ALLOCATIONS = select(t.allocations).order_by(_A.key)
ALL_GATEWAYS = select(t.ports).where(_P.device_owner == r.ROUTER_GATEWAY).order_by(_P.device_id, _P.created_at, _P.id)
ALL_RULES = select(t.rules).order_by(_U.created_at, _U.id)
ALL_SUBNETS = select(t.subnets).order_by(_S.created_at, _S.id)


class SubnetOf(msgspec.Struct, frozen=True):
    """What its network shows of a subnet."""

    id: str
    network_id: str
    ip_version: int
    address_scope_id: str | None


async def subnets_of(db: Reader, network_ids: Collection[str]) -> dict[str, list[SubnetOf]]:
    """The subnets of several networks, oldest first."""
    found: dict[str, list[SubnetOf]] = {id: [] for id in network_ids}
    for one in await all_in(db, SUBNET_IDS, _S.network_id, network_ids, SubnetOf):
        found[one.network_id].append(one)
    return found


async def allocations(db: Reader, port_ids: Collection[str]) -> dict[str, list[r.Allocation]]:
    """The addresses of several ports."""
    found: dict[str, list[r.Allocation]] = {id: [] for id in port_ids}
    for one in await all_in(db, ALL_ALLOCATIONS, _A.port_id, port_ids, r.Allocation):
        found[one.port_id].append(one)
    return found


async def gateways_of(db: Reader, router_ids: Collection[str]) -> dict[str, list[r.Port]]:
    """The gateway ports of several routers, oldest first."""
    found: dict[str, list[r.Port]] = {id: [] for id in router_ids}
    for one in await all_in(db, ALL_GATEWAYS, _P.device_id, router_ids, r.Port):
        found[one.device_id].append(one)
    return found


async def rules_of(db: Reader, group_ids: Collection[str]) -> dict[str, list[r.SecurityGroupRule]]:
    """The rules of several groups."""
    found: dict[str, list[r.SecurityGroupRule]] = {id: [] for id in group_ids}
    for one in await all_in(db, ALL_RULES, _U.security_group_id, group_ids, r.SecurityGroupRule):
        found[one.security_group_id].append(one)
    return found


async def by_ids(db: Reader, resource: Resource[R], ids: Iterable[str | None]) -> dict[str, R]:
    """Several resources by id."""
    wanted = {id for id in ids if id}
    found: Sequence[R] = await all_in(db, resource.everything, resource.table.c.id, wanted, resource.row)
    return {one.id: one for one in found}
