"""The rules that new security groups get. Source: Network API reference, Security group default rules."""

from tinstack.core.http import Request
from tinstack.network.server import default_rules, views_admin
from tinstack.network.server import lists_admin as lists
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.handlers.plain import Noun, simply
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows_admin import PARENT, DefaultRule
from tinstack.network.server.rules import new_rule
from tinstack.network.server.schemas.setup import DEFAULT_RULE

SAID = (
    "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id",
    "description", "project_id",
)  # fmt: skip


def _new(item: Body) -> DefaultRule:
    """Checked as a rule of a group is."""
    rule = new_rule({**item, "security_group_id": PARENT})
    return DefaultRule(
        id=item["id"],
        used_in_default_sg=item.get("used_in_default_sg", False),
        used_in_non_default_sg=item.get("used_in_non_default_sg", True),
        **{name: getattr(rule, name) for name in SAID},
    )


RULES = Noun(
    DEFAULT_RULE,
    default_rules.RULES,
    lists.DEFAULT_RULES,
    new=_new,
    shows=simply(views_admin.default_rule),
)


async def index(request: Request, parts: Parts) -> Body:
    """All of them."""
    await default_rules.ready(parts.changes)
    return await RULES.index(request, parts)
