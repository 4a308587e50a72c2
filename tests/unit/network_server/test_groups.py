"""Security groups and rules."""

from typing import Any

import pytest


async def _rule(client: Any, group: Any, **given: Any) -> Any:
    body = {"security_group_id": group["id"], "direction": "ingress", **given}
    return await client.post("security-group-rules", {"security_group_rule": body})


async def test_every_project_has_a_default_group_of_four_rules(client: Any) -> None:
    groups = (await client.get("security-groups")).json["security_groups"]
    assert [group["name"] for group in groups] == ["default"]
    rules = groups[0]["security_group_rules"]
    own = groups[0]["id"]
    assert {(rule["direction"], rule["ethertype"], rule["remote_group_id"]) for rule in rules} == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", own),
        ("ingress", "IPv6", own),
    }
    again = (await client.get("security-groups")).json["security_groups"]
    assert [group["id"] for group in again] == [groups[0]["id"]]
    path = f"security-groups/{groups[0]['id']}"
    assert (await client.delete(path)).json["NeutronError"]["type"] == "SecurityGroupCannotRemoveDefault"
    renamed = await client.put(path, {"security_group": {"name": "other"}})
    assert renamed.json["NeutronError"]["type"] == "SecurityGroupCannotUpdateDefault"
    second = await client.post("security-groups", {"security_group": {"name": "default"}})
    assert second.json["NeutronError"]["type"] == "SecurityGroupDefaultAlreadyExists"
    other = await client.make("security_group", name="web")
    taken = await client.put(f"security-groups/{other['id']}", {"security_group": {"name": "default"}})
    assert (taken.status_code, taken.json["NeutronError"]["type"]) == (409, "SecurityGroupDefaultAlreadyExists")


async def test_a_group_lets_out_and_nothing_in(client: Any) -> None:
    group = await client.make("security_group", name="web", description="d")
    assert group["stateful"] is True and len(group["security_group_rules"]) == 2
    assert (await client.get(f"security-groups/{group['id']}", "bob")).status_code == 404
    changed = (await client.put(f"security-groups/{group['id']}", {"security_group": {"name": "w"}})).json
    assert changed["security_group"]["name"] == "w" and changed["security_group"]["description"] == "d"
    assert (await client.delete(f"security-groups/{group['id']}")).status_code == 204


async def test_a_rule_is_made_once(client: Any) -> None:
    group = await client.make("security_group", name="web")
    given = {"protocol": "tcp", "port_range_min": 80, "port_range_max": "443", "remote_ip_prefix": "10.0.0.5/24"}
    made = await _rule(client, group, **given)
    assert made.status_code == 201, made.text
    rule = made.json["security_group_rule"]
    assert rule["port_range_max"] == 443 and rule["normalized_cidr"] == "10.0.0.0/24" and rule["ethertype"] == "IPv4"
    again = await _rule(client, group, **given)
    assert again.status_code == 409 and rule["id"] in again.json["NeutronError"]["message"]
    shown = (await client.get(f"security-groups/{group['id']}")).json["security_group"]
    assert len(shown["security_group_rules"]) == 3 and shown["revision_number"] > group["revision_number"]
    found = (await client.get("security-group-rules?port_range_min=80")).json["security_group_rules"]
    assert [one["id"] for one in found] == [rule["id"]]
    assert (await client.delete(f"security-group-rules/{rule['id']}", "bob")).status_code == 404
    assert (await client.delete(f"security-group-rules/{rule['id']}")).status_code == 204


@pytest.mark.parametrize(
    "given, status, kind",
    [
        ({"protocol": "nonsense"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"port_range_min": 1, "port_range_max": 2}, 400, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "tcp", "port_range_min": 9, "port_range_max": 2}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 9}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": "icmp", "port_range_max": 1}, 400, "SecurityGroupMissingIcmpType"),
        ({"protocol": "icmp", "port_range_min": 256}, 400, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmpv6"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"ethertype": "IPv4", "protocol": 58}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"ethertype": "IPX"}, 400, "SecurityGroupRuleInvalidEtherType"),
        ({"remote_ip_prefix": "2001:db8::/64"}, 400, "SecurityGroupRuleParameterConflict"),
        (
            {"remote_ip_prefix": "10.0.0.0/24", "remote_group_id": "own"},
            400,
            "SecurityGroupMultipleRemoteEntites",
        ),
        ({"remote_ip_prefix": "bad"}, 400, "HTTPBadRequest"),
        ({"direction": "sideways"}, 400, "HTTPBadRequest"),
        ({"remote_group_id": "00000000-0000-0000-0000-000000000000"}, 404, "SecurityGroupNotFound"),
        ({"remote_group_id": "no-id"}, 404, "SecurityGroupNotFound"),
    ],
)
async def test_rules_that_say_nothing_sensible_are_refused(client: Any, given: Any, status: int, kind: str) -> None:
    group = await client.make("security_group", name="web")
    if given.get("remote_group_id") == "own":
        given = {**given, "remote_group_id": group["id"]}
    refused = await _rule(client, group, **given)
    assert (refused.status_code, refused.json["NeutronError"]["type"]) == (status, kind), refused.text


async def test_a_group_of_ports_stays(client: Any) -> None:
    net = await client.network()
    group = await client.make("security_group", name="web")
    await client.make("port", network_id=net["id"], security_groups=[group["id"]])
    refused = await client.delete(f"security-groups/{group['id']}")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "SecurityGroupInUse"
