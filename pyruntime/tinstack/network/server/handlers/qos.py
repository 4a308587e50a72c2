"""QoS policies, their rules, rule types. Source: Network API reference, Quality of Service."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

from tinstack.core.errors import NotFound
from tinstack.core.http import Request
from tinstack.network.server import lists_sharing, qos, store, views_sharing
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import QosPolicyNotFound
from tinstack.network.server.handlers.common import Body, allowed, listed, shared_target, shared_with, shown, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.qos import DSCP_MARKS, KINDS, MOST, PolicyRemoveAuthorizationError, QosRuleNotFound
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows_sharing import QosPolicy, QosRule
from tinstack.network.server.schemas.qos import POLICY, POLICY_DEFAULTS, RULES

Handler = Callable[[Request, Parts], Awaitable[Any]]
DRIVER = "tinstack"


async def found(request: Request, parts: Parts, id: str) -> tuple[QosPolicy, Body]:
    """A policy that the caller sees, with its policy target. Raises QosPolicyNotFound."""
    row = await store.qos_policies.get(parts.db, id)
    missing = QosPolicyNotFound(id=id)
    if row is None:
        raise missing
    on = await shared_target(request, parts.db, "qos_policy", row)
    visible(request, "get_policy", on, missing)
    return row, on


async def check_use(request: Request, parts: Parts, item: Body, old: str | None = None) -> None:
    """``qos_policy_id`` may name a policy that the caller sees, and take away such a one.

    Raises QosPolicyNotFound, PolicyRemoveAuthorizationError.
    """
    if "qos_policy_id" not in item or item["qos_policy_id"] == old:
        return
    if item["qos_policy_id"] is not None:
        await found(request, parts, item["qos_policy_id"])
    if old is not None and request.visible_project() is not None:
        try:
            await found(request, parts, old)
        except QosPolicyNotFound as error:
            raise PolicyRemoveAuthorizationError(policy_id=old) from error


async def _show(request: Request, parts: Parts, rows: Sequence[QosPolicy]) -> list[Body]:
    rules = await qos.rules_of(parts.db, [row.id for row in rows])
    shared = await shared_with(request, parts.db, "qos_policy", rows)
    return [views_sharing.qos_policy(row, rules[row.id], shared=row.id in shared) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own policies and those shared with the caller's project."""
    return await listed(
        request, parts, "policies", lists_sharing.QOS_POLICIES, _show, singular="policy", kind="qos_policy"
    )


async def show(request: Request, parts: Parts) -> Body:
    """One policy with its rules."""
    row, _ = await found(request, parts, request.path["id"])
    return shown(request, "policy", (await _show(request, parts, [row]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """One policy or several."""
    items, bulk = POLICY.created(request)
    rows = []
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_policy", on)
        authorize_attributes(request, "create_policy", item, on, POLICY_DEFAULTS)
        if item.pop("is_default", False):
            item["default_for"] = item["project_id"]
        rows.append(QosPolicy(id=str(uuid4()), **item))
    return POLICY.answer(await _show(request, parts, await parts.qos.create(rows)), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes."""
    item = POLICY.updated(request)
    row, on = await found(request, parts, request.path["id"])
    request.authorize("update_policy", on)
    authorize_attributes(request, "update_policy", item, on, {})
    if "is_default" in item:
        item["default_for"] = row.project_id if item.pop("is_default") else None
    changed = await parts.qos.update(row.id, item, expected(request))
    return {"policy": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a policy that nothing has."""
    row, on = await found(request, parts, request.path["id"])
    allowed(request, "delete", "policy", on, QosPolicyNotFound(id=row.id))
    await parts.qos.delete(row.id, expected(request))


def rule_handlers(kind: str, *, alias: bool = False) -> dict[str, Handler]:
    """By what they do: index, create, show, update, delete. ``alias``: the path names no policy."""
    said, body = KINDS[kind], RULES[kind]
    noun = f"policy_{kind}_rule"
    name = f"alias_{kind}_rule" if alias else f"{kind}_rule"

    async def _policy(request: Request, parts: Parts, id: str) -> tuple[QosPolicy, Body]:
        row = await store.qos_policies.get(parts.db, id)
        if row is None:
            raise QosPolicyNotFound(id=id)
        return row, await shared_target(request, parts.db, "qos_policy", row)

    async def _found(request: Request, parts: Parts) -> tuple[QosRule, Body]:
        """The rule of the path, if the caller sees its policy. Raises QosPolicyNotFound, QosRuleNotFound."""
        id, policy_id = request.path["rule"], request.path.get("id")
        missing: NotFound = QosRuleNotFound(rule_id=id, policy_id=policy_id or "")
        if policy_id is not None:
            await found(request, parts, policy_id)
        rule = await store.qos_rules.get(parts.db, id)
        if rule is None or rule.kind != kind or policy_id not in (None, rule.policy_id):
            raise missing
        _, on = await _policy(request, parts, rule.policy_id)
        visible(request, f"get_{noun}", on, missing)
        return rule, on

    async def _show(request: Request, parts: Parts, rows: Sequence[QosRule]) -> list[Body]:
        return [views_sharing.qos_rule(row) for row in rows]

    async def index(request: Request, parts: Parts) -> Body:
        policy, _ = await found(request, parts, request.path["id"])
        within = {"qos_policy_id": policy.id, "type": kind}
        return await listed(
            request, parts, f"{kind}_rules", lists_sharing.QOS_RULES[kind], _show, singular=noun, within=within
        )

    async def create(request: Request, parts: Parts) -> Body:
        policy, on = await _policy(request, parts, request.path["id"])
        request.authorize(f"create_{noun}", on)
        items, bulk = body.created(request)
        made = []
        for item in items:
            rule = QosRule(
                id=str(uuid4()), project_id=policy.project_id, policy_id=policy.id, kind=kind, rate=item[said.rate]
            )
            made.append(await parts.qos.add_rule(_changed(rule, item)))
        return body.answer([views_sharing.qos_rule(rule) for rule in made], bulk=bulk)

    async def show(request: Request, parts: Parts) -> Body:
        rule, _ = await _found(request, parts)
        return shown(request, name, views_sharing.qos_rule(rule))

    async def update(request: Request, parts: Parts) -> Body:
        rule, on = await _found(request, parts)
        if alias and isinstance(request.body, dict) and name in request.body:
            request.body = {f"{kind}_rule": request.body[name]}
        item = body.updated(request)
        request.authorize(f"update_{noun}", on)
        new = _changed(rule, item)
        changes = {"rate": new.rate, "burst": new.burst, "direction": new.direction}
        return {name: views_sharing.qos_rule(await parts.qos.update_rule(rule.id, changes))}

    async def delete(request: Request, parts: Parts) -> None:
        rule, on = await _found(request, parts)
        request.authorize(f"delete_{noun}", on)
        await parts.qos.delete_rule(rule.id)

    return {"index": index, "create": create, "show": show, "update": update, "delete": delete}


def _changed(rule: QosRule, item: Body) -> QosRule:
    """The rule with what the body says; its usual direction where none is said."""
    said = KINDS[rule.kind]
    usual = rule.direction or (said.directions[0] if said.directions else "")
    return QosRule(
        id=rule.id,
        project_id=rule.project_id,
        policy_id=rule.policy_id,
        kind=rule.kind,
        direction=item.get("direction", usual),
        rate=item.get(said.rate, rule.rate),
        burst=item.get(said.burst, rule.burst) if said.burst else 0,
    )


async def rule_types(request: Request, parts: Parts) -> Body:
    """What kinds of rules there are; every network has them all."""
    found = [{"type": kind} for kind in KINDS]
    for text in request.query.all("type"):
        found = [one for one in found if one["type"] == text]
    return {"rule_types": found}


async def rule_type(request: Request, parts: Parts) -> Body:
    """A kind of rule and what it takes."""
    kind = request.path["type"]
    if kind not in KINDS:
        raise NotFound(f"Rule type {kind} could not be found.")
    said = KINDS[kind]
    rates = [name for name in (said.rate, said.burst) if name]
    taken: list[Body] = [
        {"parameter_name": name, "parameter_type": "range", "parameter_range": {"start": 0, "end": MOST}}
        if kind != "dscp_marking"
        else {"parameter_name": name, "parameter_type": "choices", "parameter_values": DSCP_MARKS}
        for name in rates
    ]
    if said.directions:
        values = list(said.directions)
        taken.append({"parameter_name": "direction", "parameter_type": "choices", "parameter_values": values})
    return shown(request, "rule_type", {"type": kind, "drivers": [{"name": DRIVER, "supported_parameters": taken}]})
