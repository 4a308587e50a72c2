"""The rules that new security groups get. Source: Network API reference, Security group default rules.

The first four are what groups always had: everything out, and in the default group everything in from its members.
"""

from uuid import uuid4

from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict, NotFound
from tinstack.network.server import gaps, store, store_admin
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows_admin import PARENT, DefaultRule

MARK = "default-security-group-rules"
"""The cursor that is there once the first rules are; whoever adds a rule locks it."""


class DefaultSecurityGroupRuleNotFound(NotFound):
    code, message = "network.default_rule.not_found", "Default Security Group rule {id} does not exist."


class DefaultSecurityGroupRuleExists(Conflict):
    code = "network.default_rule.exists"
    message = "Default Security group rule already exists. Rule id is {rule_id}."


async def ensure(change: Change) -> None:
    """The first rules are there, or were and have been removed by an operator."""
    if await change.tx.scalar(gaps.NEXT, key=MARK) is not None:
        return
    try:
        await gaps.add(change.tx, MARK)
    except Duplicate:
        raise store.Stale from None
    for direction, remote in (("egress", None), ("ingress", PARENT)):
        for ethertype in ("IPv4", "IPv6"):
            rule = DefaultRule(
                id=str(uuid4()),
                project_id="",
                description=f"Legacy default SG rule for {direction} traffic",
                direction=direction,
                ethertype=ethertype,
                remote_group_id=remote,
                used_in_default_sg=True,
                used_in_non_default_sg=remote is None,
                created_at=change.now,
                updated_at=change.now,
            )
            await store_admin.default_rules.add(change.tx, rule)


async def ready(changes: Changes) -> None:
    """The same, before the rules are read."""
    if await changes.database.scalar(gaps.NEXT, key=MARK) is None:
        await changes.run(ensure)


async def of_new_group(change: Change, *, default: bool) -> list[DefaultRule]:
    """What a new group gets. ``default``: whether it is a project's default group."""
    await ensure(change)
    rules = await change.tx.all(store_admin.EVERY_DEFAULT_RULE, DefaultRule)
    return [rule for rule in rules if (rule.used_in_default_sg if default else rule.used_in_non_default_sg)]


def _said(rule: DefaultRule) -> tuple[object, ...]:
    return (
        rule.direction, rule.ethertype, rule.protocol, rule.port_range_min, rule.port_range_max, rule.remote_ip_prefix,
        rule.remote_group_id, rule.remote_address_group_id,
    )  # fmt: skip


async def _add(change: Change, rule: DefaultRule) -> None:
    """Raises DefaultSecurityGroupRuleExists."""
    await ensure(change)
    await gaps.lock(change.tx, MARK)
    for other in await change.tx.all(store_admin.EVERY_DEFAULT_RULE, DefaultRule):
        together = (rule.used_in_default_sg and other.used_in_default_sg) or (
            rule.used_in_non_default_sg and other.used_in_non_default_sg
        )
        if together and _said(other) == _said(rule):
            raise DefaultSecurityGroupRuleExists(rule_id=other.id)


RULES = Plain(store_admin.default_rules, DefaultSecurityGroupRuleNotFound, adding=_add)
