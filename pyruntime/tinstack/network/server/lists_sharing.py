"""What the lists of RBAC policies, address scopes and groups, QoS policies and trunks may be filtered and sorted by."""

from sqlalchemy import bindparam, case, or_, true

from tinstack.core.http.request import TRUE
from tinstack.network.server import store
from tinstack.network.server import tables as t
from tinstack.network.server.listing import Attribute, Listing, Special
from tinstack.network.server.lists import mine, own, shared
from tinstack.network.server.qos import KINDS
from tinstack.network.server.rows_sharing import QosRule
from tinstack.network.server.sharing import visible

_RP, _AS, _AG, _Q, _QR, _T = (
    t.rbac_policies.c, t.address_scopes.c, t.address_groups.c, t.qos_policies.c, t.qos_rules.c, t.trunks.c
)  # fmt: skip

RBAC_POLICIES = Listing(
    store.rbac_policies,
    "/v2.0/rbac-policies",
    own(_RP.project_id),
    {
        "object_type": Attribute(_RP.object_type),
        "object_id": Attribute(_RP.object_id),
        "action": Attribute(_RP.action),
        "target_tenant": Attribute(_RP.target),
    },
)

ADDRESS_SCOPES = Listing(
    store.address_scopes,
    "/v2.0/address-scopes",
    lambda: or_(mine(_AS.project_id), visible("address_scope", _AS.id)),
    {"ip_version": Attribute(_AS.ip_version, "int")},
    {"shared": shared("address_scope", _AS.id)},
)

ADDRESS_GROUPS = Listing(
    store.address_groups,
    "/v2.0/address-groups",
    lambda: or_(mine(_AG.project_id), visible("address_group", _AG.id)),
    {},
    {"shared": shared("address_group", _AG.id)},
)

QOS_POLICIES = Listing(
    store.qos_policies,
    "/v2.0/qos/policies",
    lambda: or_(mine(_Q.project_id), visible("qos_policy", _Q.id)),
    {},
    {
        "shared": shared("qos_policy", _Q.id),
        "is_default": Special(
            lambda name: case((_Q.default_for.is_not(None), 1), else_=0) == bindparam(name),
            lambda text: int(text.lower() in TRUE),
        ),
    },
)


def _rules(kind: str) -> Listing[QosRule]:
    said = KINDS[kind]
    attributes = {
        "qos_policy_id": Attribute(_QR.policy_id),
        "type": Attribute(_QR.kind),
        said.rate: Attribute(_QR.rate, "int"),
    }
    if said.burst:
        attributes[said.burst] = Attribute(_QR.burst, "int")
    if said.directions:
        attributes["direction"] = Attribute(_QR.direction)
    return Listing(
        store.qos_rules,
        f"/v2.0/qos/policies/{{id}}/{kind}_rules",
        true,
        attributes,
    )


QOS_RULES = {kind: _rules(kind) for kind in KINDS}
"""By kind; whoever sees a policy sees its rules."""

TRUNKS = Listing(
    store.trunks,
    "/v2.0/trunks",
    own(_T.project_id),
    {
        "port_id": Attribute(_T.port_id),
        "admin_state_up": Attribute(_T.admin_state_up, "bool"),
        "status": Attribute(_T.status),
    },
)
