"""Bodies of QoS policies and rules. Source: Network API reference, Quality of Service."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.qos import DSCP_MARKS, KINDS, MOST
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, NAME, Words

_POLICY: Words = {"name": NAME, "description": DESCRIPTION, "shared": BOOLEAN, "is_default": BOOLEAN}

POLICY = Kind("policy", "policies", create=_POLICY, update=_POLICY, shown=("rules", "tags"))
POLICY_DEFAULTS = {"shared": False, "is_default": False}

_NUMBER: Words = {"type": "integer", "minimum": 0, "maximum": MOST}


def _rule(kind: str) -> Words:
    said = KINDS[kind]
    words: Words = {said.rate: {"type": "integer", "enum": DSCP_MARKS} if kind == "dscp_marking" else _NUMBER}
    if said.burst:
        words[said.burst] = _NUMBER
    if said.directions:
        words["direction"] = {"enum": list(said.directions)}
    return words


RULES = {
    kind: Kind(
        f"{kind}_rule",
        f"{kind}_rules",
        create=_rule(kind),
        update=_rule(kind),
        required=(said.rate,),
        shown=("qos_policy_id",),
    )
    for kind, said in KINDS.items()
}
"""By kind of rule."""
