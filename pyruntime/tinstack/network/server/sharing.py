"""RBAC policies: which projects may use an object that is another's. Source: Network API reference, RBAC policies.

An object is shared where a policy lets a project (or all, ``*``) use it; ``shared`` and ``router:external`` of an object follow
from its policies, and setting them writes one.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import ColumnElement, bindparam, case, exists, or_, select, union

from tinstack.core.db import Duplicate, Prepared, prepared
from tinstack.core.errors import BadRequest, Conflict, NotFound
from tinstack.network.server import errors, gaps, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import InvalidInput
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.rows import FLOATING_IP, ROUTER_GATEWAY, Network
from tinstack.network.server.rows_sharing import RbacPolicy

SHARED, EXTERNAL = "access_as_shared", "access_as_external"
EVERYBODY = "*"

_C, _N, _S, _B, _P, _G, _R, _F, _U = (
    t.rbac_policies.c, t.networks.c, t.subnets.c, t.subnetpools.c, t.ports.c, t.port_groups.c, t.routers.c,
    t.floatingips.c, t.rules.c,
)  # fmt: skip


class RbacPolicyNotFound(NotFound):
    code, message = "network.rbac.not_found", "RbacPolicy with id {id} not found"


class DuplicateRbacPolicy(Conflict):
    code, message = "network.rbac.exists", "An RBAC policy already exists with those values."


class RbacPolicyInUse(Conflict):
    """409: projects use the object by that policy alone."""

    code = "network.rbac.in_use"
    message = (
        "RBAC policy on object {object_id} cannot be removed because other objects depend on it.\nDetails: {details}"
    )


class InvalidAction(BadRequest):
    code = "network.rbac.action"
    message = "Invalid action '{action}' for object type '{object_type}'. Valid actions: {valid_actions}"


class Kind(NamedTuple):
    """What may be shared. ``users``: by action, the projects that use an object (parameter ``object``).

    ``strict``: a policy for all is needed by the owner's own use too, and one for others can't pass to a project that uses it.
    """

    resource: store.Resource[Any]
    missing: type[NotFound]
    users: dict[str, Prepared]
    strict: bool = True


_OBJECT: ColumnElement[str] = bindparam("object")

KINDS = {
    "network": Kind(
        store.networks,
        errors.NetworkNotFound,
        {
            SHARED: prepared(
                union(
                    select(_P.project_id).where(
                        _P.network_id == _OBJECT,
                        _P.device_owner != ROUTER_GATEWAY,
                        _P.device_owner != FLOATING_IP,
                    ),
                    select(_S.project_id).where(_S.network_id == _OBJECT),
                )
            ),
            EXTERNAL: prepared(
                union(
                    select(_R.project_id).where(_R.gateway_network_id == _OBJECT),
                    select(_F.project_id).where(_F.floating_network_id == _OBJECT),
                )
            ),
        },
        strict=False,
    ),
    "subnetpool": Kind(
        store.subnetpools,
        errors.SubnetPoolNotFound,
        {SHARED: prepared(select(_S.project_id).where(_S.subnetpool_id == _OBJECT).distinct())},
    ),
    "address_scope": Kind(
        store.address_scopes,
        errors.AddressScopeNotFound,
        {SHARED: prepared(select(_B.project_id).where(_B.address_scope_id == _OBJECT).distinct())},
    ),
    "address_group": Kind(
        store.address_groups,
        errors.AddressGroupNotFound,
        {SHARED: prepared(select(_U.project_id).where(_U.remote_address_group_id == _OBJECT).distinct())},
    ),
    "qos_policy": Kind(
        store.qos_policies,
        errors.QosPolicyNotFound,
        {
            SHARED: prepared(
                union(
                    select(_N.project_id).where(_N.qos_policy_id == _OBJECT),
                    select(_P.project_id).where(_P.qos_policy_id == _OBJECT),
                    select(_F.project_id).where(_F.qos_policy_id == _OBJECT),
                    select(_R.project_id).where(_R.gateway_qos_policy_id == _OBJECT),
                )
            )
        },
    ),
    "security_group": Kind(
        store.groups,
        errors.SecurityGroupNotFound,
        {
            SHARED: prepared(
                select(_P.project_id).join(t.port_groups, _G.port_id == _P.id).where(_G.group_id == _OBJECT).distinct()
            )
        },
    ),
}

OF_OBJECT = prepared(
    select(t.rbac_policies)
    .where(_C.object_type == bindparam("kind"), _C.object_id == bindparam("object"))
    .order_by(_C.id)
)
DROP_OF_OBJECT = prepared(
    t.rbac_policies.delete().where(_C.object_type == bindparam("kind"), _C.object_id == bindparam("object"))
)
GRANTED = select(_C.object_id, _C.action).where(
    _C.object_type == bindparam("kind"), or_(_C.target == EVERYBODY, _C.target == bindparam("viewer"))
)


class _User(msgspec.Struct, frozen=True):
    project_id: str


class _Grant(msgspec.Struct, frozen=True):
    object_id: str
    action: str


def visible(kind: str, column: ColumnElement[Any], project: str = "project") -> ColumnElement[bool]:
    """Objects that some policy lets the project of that parameter use."""
    return column.in_(select(_C.object_id).where(_C.object_type == kind, _meant(project)))


def _meant(project: str) -> ColumnElement[bool]:
    return or_(_C.target == EVERYBODY, _C.target == bindparam(project))


def is_shared(kind: str, column: ColumnElement[Any], project: str) -> ColumnElement[int]:
    """1 where the object is shared with the project of that parameter, else 0."""
    there = exists().where(_C.object_type == kind, _C.object_id == column, _C.action == SHARED, _meant(project))
    return case((there, 1), else_=0)


async def granted(db: store.Reader, kind: str, ids: Collection[str], project: str | None) -> dict[str, set[str]]:
    """The actions that a project is let do with objects, by policies for it or for all."""
    found: dict[str, set[str]] = {id: set() for id in ids}
    for one in await store.all_in(db, GRANTED, _C.object_id, ids, _Grant, kind=kind, viewer=project or ""):
        found[one.object_id].add(one.action)
    return found


async def set_for_all(change: Change, kind: str, id: str, project_id: str, action: str, wanted: bool) -> None:
    """Write the policy that setting ``shared`` or ``router:external`` means, or remove it; with ``external`` all of its kind."""
    there = [one for one in await _of(change, kind, id) if one.action == action]
    if not wanted:
        for one in there:
            if action == EXTERNAL or one.target == EVERYBODY:
                await store.rbac_policies.remove(change.tx, one.id)
    elif all(one.target != EVERYBODY for one in there):
        row = RbacPolicy(
            id=str(uuid4()), project_id=project_id, object_type=kind, object_id=id, action=action, target=EVERYBODY
        )
        await store.rbac_policies.add(change.tx, row)


async def drop(change: Change, kind: str, id: str) -> None:
    """The object goes."""
    await change.tx.run(DROP_OF_OBJECT, kind=kind, object=id)


async def _of(change: Change, kind: str, id: str) -> list[RbacPolicy]:
    return await change.tx.all(OF_OBJECT, RbacPolicy, kind=kind, object=id)


async def dependants(change: Change, kind: str, row: Any, action: str, target: str, rest: Sequence[str]) -> list[str]:
    """Other projects that use the object by a policy for ``target`` and by none of those for ``rest``."""
    if EVERYBODY in rest:
        return []
    exempt = [] if KINDS[kind].strict and target == EVERYBODY else [row.project_id]
    users = await change.tx.all(KINDS[kind].users[action], _User, object=row.id)
    return sorted(
        one.project_id
        for one in users
        if one.project_id not in (*exempt, "", *rest) and target in (EVERYBODY, one.project_id)
    )


async def needed(change: Change, kind: str, row: Any, action: str) -> bool:
    """Whether some project depends on the object's being open to all."""
    rest = [one.target for one in await _of(change, kind, row.id) if one.action == action and one.target != EVERYBODY]
    return bool(await dependants(change, kind, row, action, EVERYBODY, rest))


async def change_shared(change: Change, kind: str, old: Any, new: Any) -> None:
    """``shared`` of an object is set. Raises RbacPolicyInUse."""
    if new.shared == old.shared:
        return
    if old.shared and await needed(change, kind, old, SHARED):
        raise RbacPolicyInUse(object_id=old.id, details="in use by other projects")
    await set_for_all(change, kind, old.id, old.project_id, SHARED, new.shared)


class Sharing:
    """The rules about the policies themselves."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def create(self, policies: Sequence[RbacPolicy]) -> list[RbacPolicy]:
        """All or none. Raises OverQuota, InvalidAction, DuplicateRbacPolicy, and where the object is gone its own 404."""
        for policy in policies:
            _check_action(policy)

        async def work(change: Change) -> list[RbacPolicy]:
            made = [msgspec.structs.replace(policy) for policy in policies]
            for policy in made:
                await self._quotas.take(change.tx, policy.project_id, "rbac_policy")
                await self._check_scope(change, policy)
                try:
                    await store.rbac_policies.add(change.tx, policy)
                except Duplicate as error:
                    raise DuplicateRbacPolicy from error
                await self._follow(change, policy)
            return made

        return await self._changes.run(work)

    @staticmethod
    async def _check_scope(change: Change, policy: RbacPolicy) -> None:
        """A pool in a scope is shared with those only who may use the scope. Raises InvalidInput."""
        if policy.object_type != "subnetpool":
            return
        pool = await store.subnetpools.get(change.tx, policy.object_id)
        scope = await store.address_scopes.get(change.tx, pool.address_scope_id) if pool else None
        if scope is None or policy.target == scope.project_id:
            return
        if not (await granted(change.tx, "address_scope", [scope.id], policy.target))[scope.id]:
            raise InvalidInput(
                error_message=f"Subnet pool {policy.object_id} can not be shared with {policy.target}, which may not use "
                f"its address scope {scope.id}"
            )

    async def _follow(self, change: Change, policy: RbacPolicy) -> None:
        """The object's own columns say what its policies do; it is at its next revision."""
        kind = KINDS[policy.object_type]
        if kind.resource is store.networks:
            await gaps.lock(change.tx, policy.object_id)
        row = await kind.resource.get(change.tx, policy.object_id)
        if row is None:
            raise kind.missing(id=policy.object_id)
        there = await _of(change, policy.object_type, policy.object_id)
        row.shared = any(one.action == SHARED and one.target == EVERYBODY for one in there)
        if isinstance(row, Network):
            row.external = any(one.action == EXTERNAL for one in there)
        await kind.resource.save(change.tx, row, change.now)

    async def update(self, id: str, target: str) -> RbacPolicy:
        """Another target. Raises RbacPolicyNotFound, RbacPolicyInUse, DuplicateRbacPolicy."""

        async def work(change: Change) -> RbacPolicy:
            policy = await self._get(change, id)
            await self._check_unused(change, policy, target)
            policy.target = target
            try:
                await store.rbac_policies.save(change.tx, policy, change.now)
            except Duplicate as error:
                raise DuplicateRbacPolicy from error
            await self._follow(change, policy)
            return policy

        return await self._changes.run(work)

    async def delete(self, id: str) -> None:
        """Raises RbacPolicyNotFound, RbacPolicyInUse."""

        async def work(change: Change) -> None:
            policy = await self._get(change, id)
            await self._check_unused(change, policy, None)
            await store.rbac_policies.remove(change.tx, id)
            await self._follow(change, policy)

        await self._changes.run(work)

    @staticmethod
    async def _get(change: Change, id: str) -> RbacPolicy:
        policy = await store.rbac_policies.get(change.tx, id)
        if policy is None:
            raise RbacPolicyNotFound(id=id)
        return policy

    @staticmethod
    async def _check_unused(change: Change, policy: RbacPolicy, becomes: str | None) -> None:
        """Does nobody need what the policy lets him do? ``becomes``: its new target, None where it goes."""
        kind, action = policy.object_type, policy.action
        if kind == "network":
            await gaps.lock(change.tx, policy.object_id)
        row = await KINDS[kind].resource.get(change.tx, policy.object_id)
        if row is None:
            return
        others = [one for one in await _of(change, kind, row.id) if one.id != policy.id and one.action == action]
        rest = [one.target for one in others]
        if becomes and (becomes == EVERYBODY or not KINDS[kind].strict):
            rest.append(becomes)
        if projects := await dependants(change, kind, row, action, policy.target, rest):
            raise RbacPolicyInUse(object_id=row.id, details=f"in use by project {', '.join(projects)}")
        if action == EXTERNAL and policy.target == EVERYBODY and row.is_default and EVERYBODY not in rest:
            raise RbacPolicyInUse(object_id=row.id, details="it is the default external network")


def _check_action(policy: RbacPolicy) -> None:
    if policy.object_type not in KINDS:
        raise InvalidInput(
            error_message=f"Invalid object type '{policy.object_type}'. Valid types: {', '.join(sorted(KINDS))}"
        )
    valid = list(KINDS[policy.object_type].users)
    if policy.action not in valid:
        raise InvalidAction(action=policy.action, object_type=policy.object_type, valid_actions=valid)
