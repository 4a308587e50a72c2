"""Metering labels and rules. Source: Network API reference, Metering labels and rules."""

from tinstack.network.server import lists_l3 as lists
from tinstack.network.server import metering, views_l3
from tinstack.network.server.handlers.plain import Noun, simply
from tinstack.network.server.rows_l3 import MeteringLabel, MeteringLabelRule
from tinstack.network.server.schemas.metering import LABEL, RULE

LABELS = Noun(
    LABEL,
    metering.LABELS,
    lists.METERING_LABELS,
    new=lambda item: MeteringLabel(**item),
    shows=simply(views_l3.metering_label),
    extra=lambda row: {"shared": str(row.shared)},
)
RULES = Noun(
    RULE,
    metering.RULES,
    lists.METERING_LABEL_RULES,
    new=lambda item: MeteringLabelRule(**item),
    shows=simply(views_l3.metering_label_rule),
)
