"""Operations on RBAC policies, QoS, address scopes and groups, and trunks, in the reference's order."""

from tinstack.core.http import Route
from tinstack.network.server.handlers import address_groups, address_scopes, qos, rbac, trunks
from tinstack.network.server.qos import KINDS
from tinstack.network.server.schemas.sharing import ADDRESSES
from tinstack.network.server.schemas.trunks import SUB_PORTS

V = "/v2.0"
USER = "user_token"
WITH_ALIAS = ("bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate")
"""Kinds whose rules may be asked for without their policy."""


def _rule_routes() -> list[Route]:
    found = []
    for kind in KINDS:
        handler, path = qos.rule_handlers(kind), f"{V}/qos/policies/{{id}}/{kind}_rules"
        found += [
            Route("GET", path, handler["index"], USER),
            Route("POST", path, handler["create"], USER, body={}),
            Route("GET", f"{path}/{{rule}}", handler["show"], USER),
            Route("PUT", f"{path}/{{rule}}", handler["update"], USER, body={}),
            Route("DELETE", f"{path}/{{rule}}", handler["delete"], USER),
        ]
    for kind in WITH_ALIAS:
        handler, path = qos.rule_handlers(kind, alias=True), f"{V}/qos/alias-{kind.replace('_', '-')}-rules/{{rule}}"
        found += [
            Route("GET", path, handler["show"], USER),
            Route("PUT", path, handler["update"], USER, body={}),
            Route("DELETE", path, handler["delete"], USER),
        ]
    return found


# fmt: off
SHARING = [
    Route("GET",    f"{V}/rbac-policies",              rbac.index, USER),
    Route("POST",   f"{V}/rbac-policies",              rbac.create, USER, body={}),
    Route("GET",    f"{V}/rbac-policies/{{id}}",       rbac.show, USER),
    Route("PUT",    f"{V}/rbac-policies/{{id}}",       rbac.update, USER, body={}),
    Route("DELETE", f"{V}/rbac-policies/{{id}}",       rbac.delete, USER),

    Route("GET",    f"{V}/address-scopes",             address_scopes.index, USER),
    Route("POST",   f"{V}/address-scopes",             address_scopes.create, USER, body={}),
    Route("GET",    f"{V}/address-scopes/{{id}}",      address_scopes.show, USER),
    Route("PUT",    f"{V}/address-scopes/{{id}}",      address_scopes.update, USER, body={}),
    Route("DELETE", f"{V}/address-scopes/{{id}}",      address_scopes.delete, USER),

    Route("GET",    f"{V}/address-groups",             address_groups.index, USER),
    Route("POST",   f"{V}/address-groups",             address_groups.create, USER, body={}),
    Route("GET",    f"{V}/address-groups/{{id}}",      address_groups.show, USER),
    Route("PUT",    f"{V}/address-groups/{{id}}",      address_groups.update, USER, body={}),
    Route("DELETE", f"{V}/address-groups/{{id}}",      address_groups.delete, USER),
    Route("PUT",    f"{V}/address-groups/{{id}}/add_addresses",    address_groups.add_addresses, USER, body=ADDRESSES),
    Route("PUT",    f"{V}/address-groups/{{id}}/remove_addresses", address_groups.remove_addresses, USER, body=ADDRESSES),

    Route("GET",    f"{V}/trunks",                     trunks.index, USER),
    Route("POST",   f"{V}/trunks",                     trunks.create, USER, body={}),
    Route("GET",    f"{V}/trunks/{{id}}",              trunks.show, USER),
    Route("PUT",    f"{V}/trunks/{{id}}",              trunks.update, USER, body={}),
    Route("DELETE", f"{V}/trunks/{{id}}",              trunks.delete, USER),
    Route("PUT",    f"{V}/trunks/{{id}}/add_subports", trunks.add_sub_ports, USER, body=SUB_PORTS),
    Route("PUT",    f"{V}/trunks/{{id}}/remove_subports", trunks.remove_sub_ports, USER, body=SUB_PORTS),
    Route("GET",    f"{V}/trunks/{{id}}/get_subports", trunks.sub_ports, USER),

    Route("GET",    f"{V}/qos/rule-types",             qos.rule_types, USER),
    Route("GET",    f"{V}/qos/rule-types/{{type}}",    qos.rule_type, "get_rule_type"),
    Route("GET",    f"{V}/qos/policies",               qos.index, USER),
    Route("POST",   f"{V}/qos/policies",               qos.create, USER, body={}),
    Route("GET",    f"{V}/qos/policies/{{id}}",        qos.show, USER),
    Route("PUT",    f"{V}/qos/policies/{{id}}",        qos.update, USER, body={}),
    Route("DELETE", f"{V}/qos/policies/{{id}}",        qos.delete, USER),
    *_rule_routes(),
]
# fmt: on
