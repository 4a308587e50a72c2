"""RBAC policies. Source: Network API reference, RBAC policies."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists_sharing, store
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import InvalidInput
from tinstack.network.server.handlers.common import Body, allowed, listed, open_to, shown, target, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows_sharing import RbacPolicy
from tinstack.network.server.schemas.sharing import RBAC_POLICY
from tinstack.network.server.sharing import EVERYBODY, KINDS, RbacPolicyNotFound
from tinstack.network.server.views_sharing import rbac_policy


def _target(project: str, wanted: str | None) -> Body:
    return {"project_id": project, "tenant_id": project, "wildcard": str(wanted == EVERYBODY)}


async def found(request: Request, parts: Parts) -> RbacPolicy:
    """The policy of the path, if the caller sees it. Raises RbacPolicyNotFound."""
    row = await store.rbac_policies.get(parts.db, request.path["id"])
    missing = RbacPolicyNotFound(id=request.path["id"])
    if row is None:
        raise missing
    visible(request, "get_rbac_policy", target(row), missing)
    return row


async def _show(request: Request, parts: Parts, rows: Sequence[RbacPolicy]) -> list[Body]:
    return [rbac_policy(row) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own policies, not those that let the caller's project use something."""
    return await listed(request, parts, "rbac_policies", lists_sharing.RBAC_POLICIES, _show, singular="rbac_policy")


async def show(request: Request, parts: Parts) -> Body:
    """One policy."""
    return shown(request, "rbac_policy", rbac_policy(await found(request, parts)))


async def _check_object(request: Request, parts: Parts, policy: RbacPolicy) -> None:
    """Only his own objects may a caller share. Raises the object's 404, InvalidInput."""
    if policy.object_type not in KINDS:
        return
    kind = KINDS[policy.object_type]
    row = await kind.resource.get(parts.db, policy.object_id)
    mine = request.visible_project() in (None, row.project_id if row else "")
    if row is None or not (mine or await open_to(request, parts.db, policy.object_type, row.id)):
        raise kind.missing(id=policy.object_id)
    if not mine:
        raise InvalidInput(error_message="Only admins can manipulate policies on objects they do not own")


async def create(request: Request, parts: Parts) -> Body:
    """One policy or several."""
    items, bulk = RBAC_POLICY.created(request)
    rows = []
    for item in items:
        on = _target(item["project_id"], item["target_tenant"])
        request.authorize("create_rbac_policy", on)
        authorize_attributes(request, "create_rbac_policy", item, on, {})
        row = RbacPolicy(id=str(uuid4()), target=item.pop("target_tenant"), **item)
        await _check_object(request, parts, row)
        rows.append(row)
    made = await parts.sharing.create(rows)
    return RBAC_POLICY.answer([rbac_policy(row) for row in made], bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Another target."""
    row = await found(request, parts)
    item = RBAC_POLICY.updated(request)
    on = _target(row.project_id, item.get("target_tenant"))
    request.authorize("update_rbac_policy", on)
    authorize_attributes(request, "update_rbac_policy", item, on, {})
    if item:
        row = await parts.sharing.update(row.id, item["target_tenant"])
    return {"rbac_policy": rbac_policy(row)}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a policy that nobody needs."""
    row = await found(request, parts)
    allowed(request, "delete", "rbac_policy", target(row), RbacPolicyNotFound(id=row.id))
    await parts.sharing.delete(row.id)
