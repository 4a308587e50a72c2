"""Security groups and their rules. Source: Network API reference, Security groups and Security group rules."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict
from tinstack.network.server import default_rules, logs, sharing, store
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import AddressGroupNotFound, SecurityGroupNotFound, SecurityGroupRuleNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import PortGroup, SecurityGroup, SecurityGroupRule
from tinstack.network.server.rows_admin import PARENT, DefaultRule

DEFAULT = "default"


class SecurityGroupInUse(Conflict):
    code, message = "network.group.in_use", "Security Group {id} in use."


class SecurityGroupCannotRemoveDefault(Conflict):
    code, message = "network.group.default_delete", "Insufficient rights for removing default security group."


class SecurityGroupCannotUpdateDefault(Conflict):
    code, message = "network.group.default_update", "Updating default security group not allowed."


class SecurityGroupDefaultAlreadyExists(Conflict):
    code, message = "network.group.default_exists", "Default security group already exists."


class SecurityGroupRuleExists(Conflict):
    """409: a rule of the group says the same."""

    code, message = "network.rule.exists", "Security group rule already exists. Rule id is {rule_id}."


def signature(rule: SecurityGroupRule) -> str:
    """Equal for rules that say the same; a prefix of all addresses is none."""
    prefix = None if rule.remote_ip_prefix in ("0.0.0.0/0", "::/0") else rule.remote_ip_prefix
    said = (
        rule.direction,
        rule.ethertype,
        rule.protocol,
        rule.port_range_min,
        rule.port_range_max,
        prefix,
        rule.remote_group_id,
        *([rule.remote_address_group_id] if rule.remote_address_group_id else []),
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()[:40]


def _rule(group: SecurityGroup, now: int, wanted: DefaultRule) -> SecurityGroupRule:
    rule = SecurityGroupRule(
        id=str(uuid4()),
        project_id=group.project_id,
        security_group_id=group.id,
        direction=wanted.direction,
        ethertype=wanted.ethertype,
        protocol=wanted.protocol,
        port_range_min=wanted.port_range_min,
        port_range_max=wanted.port_range_max,
        remote_ip_prefix=wanted.remote_ip_prefix,
        remote_group_id=group.id if wanted.remote_group_id == PARENT else wanted.remote_group_id,
        signature="",
        created_at=now,
        updated_at=now,
    )
    rule.signature = signature(rule)
    return rule


async def _add(change: Change, group: SecurityGroup, *, default: bool, quotas: Quotas | None = None) -> None:
    """With the rules that operators give to new groups; those that say the same are one. ``quotas``: which the rules count for."""
    wanted = await default_rules.of_new_group(change, default=default)
    made = {rule.signature: rule for rule in (_rule(group, change.now, one) for one in wanted)}
    if quotas:
        await quotas.take(change.tx, group.project_id, "security_group_rule", len(made))
    await store.groups.add(change.tx, group)
    for rule in made.values():
        await store.rules.add(change.tx, rule)


async def ensure_default(change: Change, project_id: str, db: store.Reader | None = None) -> str:
    """The id of a project's default group, made when it is needed first; '' for no project. ``db``: where to look for it."""
    if not project_id:
        return ""
    found: str | None = await (db or change.tx).scalar(store.DEFAULT_GROUP, project=project_id)
    if found:
        return found
    group = SecurityGroup(
        id=str(uuid4()),
        project_id=project_id,
        name=DEFAULT,
        description="Default security group",
        created_at=change.now,
        updated_at=change.now,
    )
    try:
        await change.tx.run(store.ADD_DEFAULT_GROUP, project_id=project_id, group_id=group.id)
    except Duplicate:
        raise store.Stale from None
    await _add(change, group, default=True)
    return group.id


class Groups:
    """The rules about groups and rules."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def default_of(self, project_id: str) -> str:
        """A project's default group; made if need be."""

        async def work(change: Change) -> str:
            return await ensure_default(change, project_id)

        found: str | None = await self._changes.database.scalar(store.DEFAULT_GROUP, project=project_id)
        return found if found else await self._changes.run(work)

    async def create(self, groups: Sequence[SecurityGroup]) -> None:
        """All or none. Raises OverQuota, SecurityGroupDefaultAlreadyExists."""

        async def work(change: Change) -> None:
            for group in groups:
                group.created_at = group.updated_at = change.now
                await self._quotas.take(change.tx, group.project_id, "security_group")
                await ensure_default(change, group.project_id)
                if group.name == DEFAULT:
                    raise SecurityGroupDefaultAlreadyExists
                await _add(change, group, default=False, quotas=self._quotas)

        await self._changes.run(work)

    @staticmethod
    async def _of(change: Change, id: str) -> SecurityGroup:
        found = await store.groups.get(change.tx, id)
        if found is None:
            raise SecurityGroupNotFound(id=id)
        return found

    async def _is_default(self, change: Change, group: SecurityGroup) -> bool:
        return bool(await change.tx.scalar(store.DEFAULT_GROUP, project=group.project_id) == group.id)

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> SecurityGroup:
        """Raises SecurityGroupNotFound, SecurityGroupCannotUpdateDefault, SecurityGroupDefaultAlreadyExists, SecurityGroupInUse."""

        async def work(change: Change) -> SecurityGroup:
            old = await self._of(change, id)
            expect(old, revision)
            new = replace(old, **changes)
            if new.name != old.name and await self._is_default(change, old):
                raise SecurityGroupCannotUpdateDefault
            if new.name != old.name and new.name == DEFAULT:
                raise SecurityGroupDefaultAlreadyExists
            members = await change.tx.one(store.PORTS_IN_GROUP, PortGroup, group=id)
            if members and new.stateful != old.stateful:
                raise SecurityGroupInUse(id=id)
            await store.groups.save(change.tx, new, change.now)
            return new

        return await self._changes.run(work)

    async def delete(self, id: str, revision: int | None, *, even_default: bool) -> None:
        """Raises SecurityGroupNotFound, SecurityGroupInUse, SecurityGroupCannotRemoveDefault."""

        async def work(change: Change) -> None:
            group = await self._of(change, id)
            expect(group, revision)
            if await self._is_default(change, group) and not even_default:
                raise SecurityGroupCannotRemoveDefault
            await store.groups.save(change.tx, group, change.now)
            if await change.tx.one(store.PORTS_IN_GROUP, PortGroup, group=id):
                raise SecurityGroupInUse(id=id)
            await change.members([id])
            await change.tx.run(store.DROP_RULES_OF_GROUP, group=id)
            await change.tx.run(store.DROP_RULES_TO_GROUP, group=id)
            await change.tx.run(store.DROP_DEFAULT_GROUP, group=id)
            await change.tx.run(logs.DROP_OF_RESOURCE, resource=id)
            await sharing.drop(change, "security_group", id)
            await store.groups.remove(change.tx, id)

        await self._changes.run(work)

    async def add_rules(self, rules: Sequence[SecurityGroupRule]) -> None:
        """All or none. Raises OverQuota, SecurityGroupRuleExists, SecurityGroupNotFound."""

        async def work(change: Change) -> None:
            for rule in rules:
                rule.created_at = rule.updated_at = change.now
                await self._quotas.take(change.tx, rule.project_id, "security_group_rule")
                if rule.remote_group_id:
                    await self._of(change, rule.remote_group_id)
                if rule.remote_address_group_id and not await store.address_groups.get(
                    change.tx, rule.remote_address_group_id
                ):
                    raise AddressGroupNotFound(id=rule.remote_address_group_id)
                group = await self._of(change, rule.security_group_id)
                try:
                    await store.rules.add(change.tx, rule)
                except Duplicate as error:
                    raise SecurityGroupRuleExists(rule_id=await self._same(change, rule)) from error
                await store.groups.save(change.tx, group, change.now)
            await change.groups({rule.security_group_id for rule in rules})

        await self._changes.run(work)

    @staticmethod
    async def _same(change: Change, rule: SecurityGroupRule) -> str:
        there = await change.tx.all(store.RULES_OF_GROUP, SecurityGroupRule, group=rule.security_group_id)
        return next((one.id for one in there if one.signature == rule.signature), "unknown")

    async def delete_rule(self, id: str, revision: int | None) -> None:
        """Raises SecurityGroupRuleNotFound."""

        async def work(change: Change) -> None:
            rule = await store.rules.get(change.tx, id)
            if rule is None:
                raise SecurityGroupRuleNotFound(id=id)
            expect(rule, revision)
            await store.rules.remove(change.tx, id)
            await change.groups([rule.security_group_id])
            group = await store.groups.get(change.tx, rule.security_group_id)
            if group is not None:
                await store.groups.save(change.tx, group, change.now)

        await self._changes.run(work)
