"""Bodies of metering labels and rules. Source: Network API reference, Metering labels and rules."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, CIDR_TEXT, DESCRIPTION, NAME, UUID, Words

PREFIX: Words = {**CIDR_TEXT, "type": ["string", "null"]}

LABEL = Kind(
    "metering_label",
    "metering_labels",
    create={"name": NAME, "description": DESCRIPTION, "shared": BOOLEAN},
    update={},
)

RULE = Kind(
    "metering_label_rule",
    "metering_label_rules",
    create={
        "metering_label_id": UUID,
        "direction": {"enum": ["ingress", "egress"]},
        "excluded": BOOLEAN,
        "remote_ip_prefix": PREFIX,
        "source_ip_prefix": PREFIX,
        "destination_ip_prefix": PREFIX,
    },
    update={},
    required=("metering_label_id",),
)
