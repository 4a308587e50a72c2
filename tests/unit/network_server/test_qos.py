"""QoS policies, their rules, and what they are given to."""

from typing import Any

import pytest


async def rule(client: Any, policy: Any, kind: str, token: str = "admin", **given: Any) -> Any:
    return await client.post(f"qos/policies/{policy['id']}/{kind}_rules", {f"{kind}_rule": given}, token)


async def test_a_policy_shows_its_rules_and_is_seen_where_shared(client: Any) -> None:
    made = await client.make("policy", "admin", name="gold", shared=True)
    assert (await rule(client, made, "bandwidth_limit", max_kbps=100, direction="ingress")).status_code == 201
    shown = (await client.get(f"qos/policies/{made['id']}", "bob")).json["policy"]
    assert shown["shared"] is True and shown["is_default"] is False and shown["project_id"] == "p0"
    (only,) = shown["rules"]
    del only["id"]
    assert only == {
        "type": "bandwidth_limit",
        "qos_policy_id": made["id"],
        "max_kbps": 100,
        "max_burst_kbps": 0,
        "direction": "ingress",
    }
    private = await client.make("policy", "admin", name="private")
    assert (await client.get(f"qos/policies/{private['id']}", "bob")).status_code == 404
    names = [one["name"] for one in (await client.get("qos/policies?shared=True", "bob")).json["policies"]]
    assert names == ["gold"]
    assert (await client.post("qos/policies", {"policy": {"name": "mine"}})).status_code == 403


@pytest.mark.parametrize(
    ("kind", "given", "status"),
    [
        ("bandwidth_limit", {"max_kbps": 1, "max_burst_kbps": 2}, 201),
        ("bandwidth_limit", {}, 400),
        ("bandwidth_limit", {"max_kbps": -1}, 400),
        ("bandwidth_limit", {"max_kbps": 1, "direction": "any"}, 400),
        ("dscp_marking", {"dscp_mark": 26}, 201),
        ("dscp_marking", {"dscp_mark": 27}, 400),
        ("minimum_bandwidth", {"min_kbps": "5"}, 201),
        ("packet_rate_limit", {"max_kpps": 5, "max_burst_kpps": 1}, 201),
        ("minimum_packet_rate", {"min_kpps": 5, "direction": "any"}, 201),
        ("minimum_packet_rate", {"min_kpps": 5, "max_kpps": 6}, 400),
    ],
)
async def test_what_a_rule_may_say(client: Any, kind: str, given: Any, status: int) -> None:
    made = await client.make("policy", "admin", name="gold")
    assert (await rule(client, made, kind, **given)).status_code == status
    listed = (await client.get(f"qos/policies/{made['id']}/{kind}_rules", "admin")).json[f"{kind}_rules"]
    assert len(listed) == (status == 201)


async def test_rules_of_a_policy_go_together(client: Any) -> None:
    made = await client.make("policy", "admin", name="gold")
    first = (await rule(client, made, "minimum_packet_rate", min_kpps=5)).json["minimum_packet_rate_rule"]
    refused = await rule(client, made, "minimum_packet_rate", min_kpps=5, direction="any")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "QoSRulesConflict"
    over = await rule(client, made, "packet_rate_limit", max_kpps=4)
    assert over.status_code == 409 and over.json["NeutronError"]["type"] == "QoSRuleParameterConflict"
    assert (await rule(client, made, "packet_rate_limit", max_kpps=9)).status_code == 201
    path = f"qos/policies/{made['id']}/minimum_packet_rate_rules/{first['id']}"
    more = {"minimum_packet_rate_rule": {"min_kpps": 10}}
    assert (await client.put(path, more, "admin")).status_code == 409
    assert (await client.get(path, "admin")).json["minimum_packet_rate_rule"]["min_kpps"] == 5


async def test_a_rule_without_its_policy_in_the_path(client: Any) -> None:
    made = await client.make("policy", "admin", name="gold", shared=True)
    one = (await rule(client, made, "dscp_marking", dscp_mark=8)).json["dscp_marking_rule"]
    path = f"qos/alias-dscp-marking-rules/{one['id']}"
    assert (await client.get(path)).json == {"alias_dscp_marking_rule": one}
    changed = await client.put(path, {"alias_dscp_marking_rule": {"dscp_mark": 10}}, "admin")
    assert changed.json["alias_dscp_marking_rule"]["dscp_mark"] == 10
    assert (await client.put(path, {"dscp_marking_rule": {"dscp_mark": 12}})).status_code == 403
    assert (await client.get(f"qos/alias-bandwidth-limit-rules/{one['id']}", "admin")).status_code == 404
    assert (await client.delete(path, "admin")).status_code == 204
    assert (await client.get(f"qos/policies/{made['id']}")).json["policy"]["rules"] == []


async def test_who_has_a_policy_keeps_it_from_being_deleted(client: Any) -> None:
    made = await client.make("policy", "admin", name="gold", shared=True)
    outside = await client.external()
    net = await client.network(qos_policy_id=made["id"])
    port = await client.make("port", network_id=net["id"])
    assert port["qos_policy_id"] is None and port["qos_network_policy_id"] == made["id"]
    floating = await client.make("floatingip", floating_network_id=outside["id"], qos_policy_id=made["id"])
    gateway = {"network_id": outside["id"], "qos_policy_id": made["id"]}
    router = await client.make("router", external_gateway_info=gateway)
    assert floating["qos_policy_id"] == made["id"]
    assert router["external_gateway_info"]["qos_policy_id"] == made["id"]
    refused = await client.delete(f"qos/policies/{made['id']}", "admin")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "QosPolicyInUse"
    unshare = {"policy": {"shared": False}}
    assert (await client.put(f"qos/policies/{made['id']}", unshare, "admin")).status_code == 409
    for path, body in (
        (f"networks/{net['id']}", {"network": {"qos_policy_id": None}}),
        (f"floatingips/{floating['id']}", {"floatingip": {"qos_policy_id": None}}),
        (f"routers/{router['id']}", {"router": {"external_gateway_info": {**gateway, "qos_policy_id": None}}}),
    ):
        assert (await client.put(path, body)).status_code == 200
    assert (await client.delete(f"qos/policies/{made['id']}", "admin")).status_code == 204


async def test_a_policy_is_used_by_those_who_see_it(client: Any) -> None:
    made = await client.make("policy", "admin", name="private")
    net = await client.network()
    for body in ({"network": {"qos_policy_id": made["id"]}}, {"network": {"qos_policy_id": net["id"]}}):
        assert (await client.put(f"networks/{net['id']}", body)).status_code == 404
    assert (
        await client.put(f"networks/{net['id']}", {"network": {"qos_policy_id": made["id"]}}, "admin")
    ).status_code == 200
    refused = await client.put(f"networks/{net['id']}", {"network": {"qos_policy_id": None}})
    assert refused.status_code == 403


async def test_a_projects_default_policy_is_its_new_networks(client: Any) -> None:
    made = await client.make("policy", "admin", name="usual", project_id="p1", is_default=True)
    again = await client.post("qos/policies", {"policy": {"project_id": "p1", "is_default": True}}, "admin")
    assert again.status_code == 409 and again.json["NeutronError"]["type"] == "QoSPolicyDefaultAlreadyExists"
    assert (await client.network())["qos_policy_id"] == made["id"]
    assert (await client.network(qos_policy_id=None))["qos_policy_id"] is None
    assert (await client.network(token="bob"))["qos_policy_id"] is None


async def test_what_is_guaranteed_is_asked_of_placement(client: Any) -> None:
    made = await client.make("policy", "admin", name="gold", shared=True)
    await rule(client, made, "minimum_bandwidth", min_kbps=7)
    await rule(client, made, "minimum_packet_rate", min_kpps=3, direction="any")
    net = await client.external()
    port = await client.make("port", "admin", network_id=net["id"], qos_policy_id=made["id"])
    asked = port["resource_request"]
    assert [(group["required"], group["resources"]) for group in asked["request_groups"]] == [
        (["CUSTOM_PHYSNET_PHYSNET1", "CUSTOM_VNIC_TYPE_NORMAL"], {"NET_BW_EGR_KILOBIT_PER_SEC": 7}),
        (["CUSTOM_VNIC_TYPE_NORMAL"], {"NET_PACKET_RATE_KILOPACKET_PER_SEC": 3}),
    ]
    assert asked["same_subtree"] == [group["id"] for group in asked["request_groups"]]
    mine = await client.make("port", network_id=(await client.network())["id"])
    assert "resource_request" not in mine


async def test_rule_types(client: Any) -> None:
    types = (await client.get("qos/rule-types")).json["rule_types"]
    assert {"type": "bandwidth_limit"} in types and len(types) == 5
    assert (await client.get("qos/rule-types/bandwidth_limit")).status_code == 403
    (driver,) = (await client.get("qos/rule-types/dscp_marking", "admin")).json["rule_type"]["drivers"]
    assert driver["supported_parameters"][0]["parameter_values"][:3] == [0, 8, 10]
    assert (await client.get("qos/rule-types/nonsense", "admin")).status_code == 404
