"""QoS policies and their rules. Source: Network API reference, Quality of Service.

A policy is given to networks, ports, floating IPs and routers' gateways; a port without one has its network's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import bindparam, select

from tinstack.core.db import Duplicate, prepared
from tinstack.core.errors import Conflict, Forbidden, NotFound
from tinstack.network.server import sharing, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import QosPolicyNotFound
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import Owned
from tinstack.network.server.rows_sharing import QosPolicy, QosRule

EGRESS, INGRESS, ANY = "egress", "ingress", "any"
DSCP_MARKS = [0, *range(8, 41, 2), 46, 48, 56]
MOST = 2**31 - 1


class Kind(NamedTuple):
    """A kind of rule: what the API calls its rate and its burst, and its directions (the first is the usual one)."""

    rate: str
    burst: str | None = None
    directions: tuple[str, ...] = ()


KINDS = {
    "bandwidth_limit": Kind("max_kbps", "max_burst_kbps", (EGRESS, INGRESS)),
    "dscp_marking": Kind("dscp_mark"),
    "minimum_bandwidth": Kind("min_kbps", None, (EGRESS, INGRESS)),
    "packet_rate_limit": Kind("max_kpps", "max_burst_kpps", (EGRESS, INGRESS)),
    "minimum_packet_rate": Kind("min_kpps", None, (EGRESS, INGRESS, ANY)),
}
"""In the API's order."""

AT_MOST = {"minimum_bandwidth": "bandwidth_limit", "minimum_packet_rate": "packet_rate_limit"}
"""What is guaranteed and what bounds it."""

_Q, _R = t.qos_policies.c, t.qos_rules.c

RULES_OF = prepared(select(t.qos_rules).where(_R.policy_id == bindparam("policy")).order_by(_R.kind, _R.direction))
ALL_RULES = select(t.qos_rules).order_by(_R.kind, _R.direction, _R.id)
DROP_RULES = prepared(t.qos_rules.delete().where(_R.policy_id == bindparam("policy")))
DEFAULT_FOR = prepared(select(_Q.id).where(_Q.default_for == bindparam("project")))
USERS = {
    "network": (t.networks, t.networks.c.qos_policy_id),
    "port": (t.ports, t.ports.c.qos_policy_id),
    "floatingip": (t.floatingips, t.floatingips.c.qos_policy_id),
    "router": (t.routers, t.routers.c.gateway_qos_policy_id),
}
ONE_USER = {
    noun: prepared(select(table.c.id).where(column == bindparam("policy")).limit(1))
    for noun, (table, column) in USERS.items()
}


class QosRuleNotFound(NotFound):
    code, message = "network.qos.rule", "QoS rule {rule_id} for policy {policy_id} could not be found."


class QosPolicyInUse(Conflict):
    code, message = "network.qos.in_use", "QoS Policy {policy_id} is used by {object_type} {object_id}."


class QoSPolicyDefaultAlreadyExists(Conflict):
    code, message = "network.qos.default", "A default QoS policy exists for project {project_id}."


class QoSRulesConflict(Conflict):
    """409: the policy has a rule of that kind and direction."""

    code = "network.qos.rules"
    message = "Rule {new_rule_type} conflicts with rule {rule_id} which already exists in QoS Policy {policy_id}."


class QoSRuleParameterConflict(Conflict):
    """409: more would be guaranteed than is allowed."""

    code = "network.qos.parameters"
    message = (
        "Unable to add the rule with value {rule_value} to the policy {policy_id} as the existing rule of type "
        "{existing_rule} has value {existing_value}."
    )


class PolicyRemoveAuthorizationError(Forbidden):
    """403: who can't see a policy can't take it from what has it."""

    code = "network.qos.remove"
    message = "Failed to remove provided policy {policy_id} because you are not authorized."


async def default_for(change: Change, project_id: str) -> str | None:
    """The id of a project's default policy."""
    found: str | None = await change.tx.scalar(DEFAULT_FOR, project=project_id)
    return found


async def rules_of(db: store.Reader, policy_ids: Collection[str]) -> dict[str, list[QosRule]]:
    """The rules of several policies."""
    found: dict[str, list[QosRule]] = {id: [] for id in policy_ids}
    for one in await store.all_in(db, ALL_RULES, _R.policy_id, policy_ids, QosRule):
        found[one.policy_id].append(one)
    return found


class Qos:
    """The rules."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def create(self, policies: Sequence[QosPolicy]) -> list[QosPolicy]:
        """All or none. Raises QoSPolicyDefaultAlreadyExists."""

        async def work(change: Change) -> list[QosPolicy]:
            made = [replace(policy) for policy in policies]
            for policy in made:
                policy.created_at = policy.updated_at = change.now
                try:
                    await store.qos_policies.add(change.tx, policy)
                except Duplicate as error:
                    raise QoSPolicyDefaultAlreadyExists(project_id=policy.project_id) from error
                await sharing.set_for_all(
                    change, "qos_policy", policy.id, policy.project_id, sharing.SHARED, policy.shared
                )
            return made

        return await self._changes.run(work)

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> QosPolicy:
        """Raises QosPolicyNotFound, QoSPolicyDefaultAlreadyExists, RbacPolicyInUse."""

        async def work(change: Change) -> QosPolicy:
            old = await self._get(change, id)
            expect(old, revision)
            new = replace(old, **changes)
            await sharing.change_shared(change, "qos_policy", old, new)
            try:
                await store.qos_policies.save(change.tx, new, change.now)
            except Duplicate as error:
                raise QoSPolicyDefaultAlreadyExists(project_id=new.project_id) from error
            return new

        return await self._changes.run(work)

    async def delete(self, id: str, revision: int | None) -> None:
        """With its rules. Raises QosPolicyNotFound, QosPolicyInUse."""

        async def work(change: Change) -> None:
            policy = await self._get(change, id)
            expect(policy, revision)
            await store.qos_policies.save(change.tx, policy, change.now)
            for noun, statement in ONE_USER.items():
                if user := await change.tx.scalar(statement, policy=id):
                    raise QosPolicyInUse(policy_id=id, object_type=noun, object_id=user)
            await sharing.drop(change, "qos_policy", id)
            await change.tx.run(DROP_RULES, policy=id)
            await store.qos_policies.remove(change.tx, id)

        await self._changes.run(work)

    @staticmethod
    async def _get(change: Change, id: str) -> QosPolicy:
        policy = await store.qos_policies.get(change.tx, id)
        if policy is None:
            raise QosPolicyNotFound(id=id)
        return policy

    async def add_rule(self, rule: QosRule) -> QosRule:
        """Raises QosPolicyNotFound, QoSRulesConflict, QoSRuleParameterConflict."""

        async def work(change: Change) -> QosRule:
            policy = await self._get(change, rule.policy_id)
            _check(rule, await self._others(change, rule))
            made = replace(rule, project_id=policy.project_id)
            await store.qos_rules.add(change.tx, made)
            await change.qos(rule.policy_id)
            await store.qos_policies.save(change.tx, policy, change.now)
            return made

        return await self._changes.run(work)

    @staticmethod
    async def _others(change: Change, rule: QosRule) -> list[QosRule]:
        there = await change.tx.all(RULES_OF, QosRule, policy=rule.policy_id)
        return [one for one in there if one.id != rule.id]

    async def update_rule(self, id: str, changes: Mapping[str, Any]) -> QosRule:
        """Raises QosRuleNotFound, QoSRulesConflict, QoSRuleParameterConflict."""

        async def work(change: Change) -> QosRule:
            old = await store.qos_rules.get(change.tx, id)
            if old is None:
                raise QosRuleNotFound(rule_id=id, policy_id="")
            new = replace(old, **changes)
            _check(new, await self._others(change, new))
            await store.qos_rules.save(change.tx, new, change.now)
            await change.qos(new.policy_id)
            await store.qos_policies.save(change.tx, await self._get(change, new.policy_id), change.now)
            return new

        return await self._changes.run(work)

    async def delete_rule(self, id: str) -> None:
        """Raises QosRuleNotFound."""

        async def work(change: Change) -> None:
            rule = await store.qos_rules.get(change.tx, id)
            if rule is None:
                raise QosRuleNotFound(rule_id=id, policy_id="")
            await store.qos_rules.remove(change.tx, id)
            await change.qos(rule.policy_id)
            await store.qos_policies.save(change.tx, await self._get(change, rule.policy_id), change.now)

        await self._changes.run(work)


def _check(rule: QosRule, others: Sequence[QosRule]) -> None:
    """Does it go together with the policy's others? Raises QoSRulesConflict, QoSRuleParameterConflict."""
    for other in others:
        meets = rule.direction == other.direction or ANY in (rule.direction, other.direction)
        if other.kind == rule.kind and meets:
            raise QoSRulesConflict(new_rule_type=rule.kind, rule_id=other.id, policy_id=rule.policy_id)
        over = (AT_MOST.get(rule.kind) == other.kind and rule.rate > other.rate) or (
            AT_MOST.get(other.kind) == rule.kind and rule.rate < other.rate
        )
        if over and rule.direction == other.direction:
            raise QoSRuleParameterConflict(
                rule_value=rule.rate, policy_id=rule.policy_id, existing_rule=other.kind, existing_value=other.rate
            )


def uses(row: Owned) -> str | None:
    """The policy that something has."""
    found: str | None = getattr(row, "gateway_qos_policy_id", None) or getattr(row, "qos_policy_id", None)
    return found
