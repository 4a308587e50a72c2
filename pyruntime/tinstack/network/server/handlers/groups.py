"""Security groups and their rules. Source: Network API reference, Security groups."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists, store, views
from tinstack.network.server.errors import SecurityGroupNotFound, SecurityGroupRuleNotFound
from tinstack.network.server.handlers import address_groups
from tinstack.network.server.handlers.common import (
    Body,
    allowed,
    listed,
    shared_target,
    shared_with,
    shown,
    target,
    visible,
)
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows import SecurityGroup, SecurityGroupRule
from tinstack.network.server.rules import new_rule
from tinstack.network.server.schemas.groups import GROUP, RULE


async def found(request: Request, parts: Parts, id: str) -> tuple[SecurityGroup, Body]:
    """A group that the caller sees, with its policy target. Raises SecurityGroupNotFound."""
    row = await store.groups.get(parts.db, id)
    missing = SecurityGroupNotFound(id=id)
    if row is None:
        raise missing
    on = await shared_target(request, parts.db, "security_group", row)
    visible(request, "get_security_group", on, missing)
    return row, on


async def _show(request: Request, parts: Parts, rows: Sequence[SecurityGroup]) -> list[Body]:
    rules = await store.rules_of(parts.db, [row.id for row in rows])
    shared = await shared_with(request, parts.db, "security_group", rows)
    return [views.group(row, rules[row.id], shared=row.id in shared) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own groups. The project's default group is made when it is asked for first."""
    project = request.project_id
    if request.visible_project() is None:
        project = request.query.get("project_id") or request.query.get("tenant_id") or project
    if project:
        await parts.groups.default_of(project)
    return await listed(request, parts, "security_groups", lists.GROUPS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One group with its rules."""
    row, _ = await found(request, parts, request.path["id"])
    return shown(request, "security_group", (await _show(request, parts, [row]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """One group or several."""
    items, bulk = GROUP.created(request)
    rows = []
    for item in items:
        request.authorize("create_security_group", {"project_id": item["project_id"], "tenant_id": item["project_id"]})
        rows.append(SecurityGroup(id=str(uuid4()), **item))
    await parts.groups.create(rows)
    return GROUP.answer(await _show(request, parts, rows), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes."""
    row, on = await found(request, parts, request.path["id"])
    item = GROUP.updated(request)
    request.authorize("update_security_group", on)
    changed = await parts.groups.update(row.id, item, expected(request))
    return {"security_group": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a group that no port has."""
    row, on = await found(request, parts, request.path["id"])
    allowed(request, "delete", "security_group", on, SecurityGroupNotFound(id=row.id))
    await parts.groups.delete(row.id, expected(request), even_default=request.context.is_admin)


async def _rule(request: Request, parts: Parts) -> tuple[SecurityGroupRule, Body]:
    """The rule of the path, if the caller sees it, with its policy target. Raises SecurityGroupRuleNotFound."""
    row = await store.rules.get(parts.db, request.path["id"])
    missing = SecurityGroupRuleNotFound(id=request.path["id"])
    if row is None:
        raise missing
    group = await store.groups.get(parts.db, row.security_group_id)
    on = _target(row, group)
    if group is not None:
        on["shared"] = (await shared_target(request, parts.db, "security_group", group))["shared"]
    visible(request, "get_security_group_rule", on, missing)
    return row, on


def _target(row: SecurityGroupRule | None, group: SecurityGroup | None) -> Body:
    return {**target(row or group), "security_group:project_id": group.project_id if group else None}


async def _show_rules(request: Request, parts: Parts, rows: Sequence[SecurityGroupRule]) -> list[Body]:
    return [views.rule(row) for row in rows]


async def index_rules(request: Request, parts: Parts) -> Body:
    """Own rules."""
    if request.project_id:
        await parts.groups.default_of(request.project_id)
    return await listed(request, parts, "security_group_rules", lists.RULES, _show_rules)


async def show_rule(request: Request, parts: Parts) -> Body:
    """One rule."""
    row, _ = await _rule(request, parts)
    return shown(request, "security_group_rule", views.rule(row))


async def create_rules(request: Request, parts: Parts) -> Body:
    """One rule or several."""
    items, bulk = RULE.created(request)
    rows = []
    for item in items:
        group, _ = await found(request, parts, item["security_group_id"])
        request.authorize("create_security_group_rule", _target(None, group))
        if item.get("remote_group_id"):
            await found(request, parts, item["remote_group_id"])
        if item.get("remote_address_group_id"):
            await address_groups.found(request, parts, item["remote_address_group_id"])
        rows.append(new_rule(item))
    await parts.groups.add_rules(rows)
    return RULE.answer([views.rule(row) for row in rows], bulk=bulk)


async def delete_rule(request: Request, parts: Parts) -> None:
    """Remove a rule."""
    row, on = await _rule(request, parts)
    allowed(request, "delete", "security_group_rule", on, SecurityGroupRuleNotFound(id=row.id))
    await parts.groups.delete_rule(row.id, expected(request))
