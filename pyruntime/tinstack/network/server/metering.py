"""Metering labels and their rules. Source: Network API reference, Metering labels and rules.

They are kept and checked; hosts count no traffic by them.
"""

from ipaddress import ip_network

from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.core.errors import Conflict, NotFound
from tinstack.network.server import store_l3 as store
from tinstack.network.server import tables_l3 as t
from tinstack.network.server.change import Change
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows_l3 import MeteringLabel, MeteringLabelRule

_R = t.metering_label_rules.c

RULES_OF_LABEL = prepared(select(t.metering_label_rules).where(_R.metering_label_id == bindparam("label")))
DROP_RULES_OF_LABEL = prepared(t.metering_label_rules.delete().where(_R.metering_label_id == bindparam("label")))


class MeteringLabelNotFound(NotFound):
    code, message = "network.metering.label", "Metering label {id} does not exist."


class MeteringLabelRuleNotFound(NotFound):
    code, message = "network.metering.rule", "Metering label rule {id} does not exist."


class MeteringLabelRuleOverlaps(Conflict):
    code, message = "network.metering.overlap", "Metering label rule with remote_ip_prefix '{prefix}' overlaps another."


async def _remove_label(change: Change, label: MeteringLabel) -> None:
    """With its rules."""
    await change.tx.run(DROP_RULES_OF_LABEL, label=label.id)


async def _add_rule(change: Change, rule: MeteringLabelRule) -> None:
    """Raises MeteringLabelNotFound, MeteringLabelRuleOverlaps, HTTPBadRequest."""
    label = await LABELS.get(change.tx, rule.metering_label_id)
    sides = rule.source_ip_prefix or rule.destination_ip_prefix
    if rule.remote_ip_prefix and sides:
        raise HTTPBadRequest(
            "Cannot use 'remote-ip-prefix' in conjunction with 'source-ip-prefix' or 'destination-ip-prefix'."
        )
    if not (rule.remote_ip_prefix or sides):
        raise HTTPBadRequest(
            "You must define at least one of the IP prefixes: source-ip-prefix, destination-ip-prefix."
        )
    if rule.remote_ip_prefix:
        mine = ip_network(rule.remote_ip_prefix, strict=False)
        for other in await change.tx.all(RULES_OF_LABEL, MeteringLabelRule, label=label.id):
            theirs = ip_network(other.remote_ip_prefix, strict=False) if other.remote_ip_prefix else None
            same = theirs is not None and other.direction == rule.direction and theirs.version == mine.version
            if same and theirs is not None and mine.overlaps(theirs):
                raise MeteringLabelRuleOverlaps(prefix=rule.remote_ip_prefix)
    await store.metering_labels.save(change.tx, label, change.now)


LABELS = Plain(store.metering_labels, MeteringLabelNotFound, removing=_remove_label)
RULES = Plain(store.metering_label_rules, MeteringLabelRuleNotFound, adding=_add_rule)
