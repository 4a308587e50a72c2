"""RBAC policies: who sees and may use what is another project's."""

from typing import Any

import pytest

SHARED, EXTERNAL = "access_as_shared", "access_as_external"


async def share(client: Any, kind: str, id: str, target: str, token: str = "alice", action: str = SHARED) -> Any:
    wanted = {"object_type": kind, "object_id": id, "action": action, "target_tenant": target}
    made = await client.post("rbac-policies", {"rbac_policy": wanted}, token)
    assert made.status_code == 201, made.text
    return made.json["rbac_policy"]


async def test_a_policy_has_just_its_own_attributes(client: Any) -> None:
    net = await client.network()
    made = await share(client, "network", net["id"], "p2")
    id = made.pop("id")
    assert made == {
        "project_id": "p1",
        "tenant_id": "p1",
        "object_type": "network",
        "object_id": net["id"],
        "action": SHARED,
        "target_tenant": "p2",
    }
    shown = await client.get(f"rbac-policies/{id}?fields=action")
    assert shown.json == {"rbac_policy": {"action": SHARED}}


async def test_a_network_is_seen_and_used_by_the_target_alone(client: Any) -> None:
    net = await client.network()
    assert (await client.get(f"networks/{net['id']}", "bob")).status_code == 404
    await share(client, "network", net["id"], "p2")
    assert (await client.get(f"networks/{net['id']}", "bob")).json["network"]["shared"] is True
    assert (await client.get(f"networks/{net['id']}")).json["network"]["shared"] is False
    listed = (await client.get("networks?shared=True", "bob")).json["networks"]
    assert [one["id"] for one in listed] == [net["id"]]
    assert (await client.get("networks?shared=True")).json["networks"] == []
    subnets = (await client.get("subnets", "bob")).json["subnets"]
    assert [one["id"] for one in subnets] == [net["subnet"]["id"]]
    await client.make("port", "bob", network_id=net["id"])
    assert (await client.put(f"networks/{net['id']}", {"network": {"name": "x"}}, "bob")).status_code == 403


async def test_the_target_does_not_see_the_policy(client: Any) -> None:
    net = await client.network()
    made = await share(client, "network", net["id"], "p2")
    assert (await client.get("rbac-policies", "bob")).json == {"rbac_policies": []}
    assert (await client.get(f"rbac-policies/{made['id']}", "bob")).status_code == 404
    assert len((await client.get("rbac-policies?target_tenant=p2")).json["rbac_policies"]) == 1


async def test_what_is_needed_can_not_be_taken_away(client: Any) -> None:
    net = await client.network()
    made = await share(client, "network", net["id"], "p2")
    port = await client.make("port", "bob", network_id=net["id"])
    refused = await client.delete(f"rbac-policies/{made['id']}")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "RbacPolicyInUse"
    other = {"rbac_policy": {"target_tenant": "p3"}}
    assert (await client.put(f"rbac-policies/{made['id']}", other)).status_code == 409
    await share(client, "network", net["id"], "*", "admin")
    assert (await client.put(f"rbac-policies/{made['id']}", other)).status_code == 200
    assert (await client.put(f"networks/{net['id']}", {"network": {"shared": False}}, "admin")).status_code == 409
    await client.delete(f"ports/{port['id']}", "bob")
    assert (await client.put(f"networks/{net['id']}", {"network": {"shared": False}}, "admin")).status_code == 200
    left = (await client.get("rbac-policies", "admin")).json["rbac_policies"]
    assert [one["target_tenant"] for one in left] == ["p3"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"target_tenant": None}, 400),
        ({"target_tenant": "1" * 300}, 400),
        ({"object_type": "port"}, 400),
        ({"action": "access_as_friend"}, 400),
        ({"object_id": "nothing"}, 404),
        ({"target_tenant": "*"}, 403),
        ({"name": "x"}, 400),
    ],
)
async def test_what_a_policy_may_not_say(client: Any, change: Any, status: int) -> None:
    net = await client.network()
    wanted = {"object_type": "network", "object_id": net["id"], "action": SHARED, "target_tenant": "p2", **change}
    assert (await client.post("rbac-policies", {"rbac_policy": wanted})).status_code == status
    assert (await client.get("rbac-policies")).json == {"rbac_policies": []}


async def test_only_the_owner_shares(client: Any) -> None:
    net = await client.network()
    wanted = {"object_type": "network", "object_id": net["id"], "action": SHARED, "target_tenant": "p3"}
    assert (await client.post("rbac-policies", {"rbac_policy": wanted}, "bob")).status_code == 404
    await share(client, "network", net["id"], "p2")
    assert (await client.post("rbac-policies", {"rbac_policy": wanted}, "bob")).status_code == 400
    again = {**wanted, "target_tenant": "p2"}
    assert (await client.post("rbac-policies", {"rbac_policy": again})).status_code == 409


async def test_a_network_is_external_while_a_policy_says_so(client: Any) -> None:
    net = await client.network()
    made = await share(client, "network", net["id"], "p2", action=EXTERNAL)
    assert (await client.get(f"networks/{net['id']}")).json["network"]["router:external"] is True
    assert (await client.get(f"networks/{net['id']}", "bob")).json["network"]["shared"] is False
    router = await client.make("router", "bob", external_gateway_info={"network_id": net["id"]})
    assert (await client.delete(f"rbac-policies/{made['id']}")).status_code == 409
    await client.delete(f"routers/{router['id']}", "bob")
    assert (await client.delete(f"rbac-policies/{made['id']}")).status_code == 204
    assert (await client.get(f"networks/{net['id']}")).json["network"]["router:external"] is False
    assert (await client.get(f"networks/{net['id']}", "bob")).status_code == 404


async def test_setting_external_writes_a_policy_for_all_and_clearing_it_removes_it(client: Any) -> None:
    net = await client.external()
    path = f"rbac-policies?object_id={net['id']}&action={EXTERNAL}"
    assert [one["target_tenant"] for one in (await client.get(path, "admin")).json["rbac_policies"]] == ["*"]
    floating = await client.make("floatingip", floating_network_id=net["id"])
    private = {"network": {"router:external": False}}
    assert (await client.put(f"networks/{net['id']}", private, "admin")).status_code == 409
    await client.delete(f"floatingips/{floating['id']}")
    assert (await client.put(f"networks/{net['id']}", private, "admin")).status_code == 200
    assert (await client.get(path, "admin")).json["rbac_policies"] == []


async def test_unused_floating_ips_go_with_their_network(client: Any) -> None:
    net = await client.external()
    floating = await client.make("floatingip", floating_network_id=net["id"])
    assert (await client.delete(f"networks/{net['id']}", "admin")).status_code == 204
    assert (await client.get(f"floatingips/{floating['id']}")).status_code == 404


async def test_a_shared_group_may_be_given_to_ports(client: Any) -> None:
    net = await client.network(token="bob")
    group = await client.make("security_group", name="web")
    wanted = {"port": {"network_id": net["id"], "security_groups": [group["id"]]}}
    assert (await client.post("ports", wanted, "bob")).status_code == 404
    made = await share(client, "security_group", group["id"], "p2")
    assert (await client.get(f"security-groups/{group['id']}", "bob")).json["security_group"]["shared"] is True
    assert (await client.get("security-groups?shared=True", "bob")).json["security_groups"][0]["id"] == group["id"]
    port = await client.make("port", "bob", **wanted["port"])
    assert port["security_groups"] == [group["id"]]
    assert (await client.delete(f"security-groups/{group['id']}", "bob")).status_code == 403
    assert (await client.delete(f"rbac-policies/{made['id']}")).status_code == 409


async def test_a_pool_shared_with_one_project(client: Any) -> None:
    pool = await client.make("subnetpool", name="pool", prefixes=["10.8.0.0/16"], default_prefixlen=24)
    net = await client.network(cidr=None, token="bob")
    wanted = {"subnet": {"network_id": net["id"], "ip_version": 4, "subnetpool_id": pool["id"]}}
    assert (await client.post("subnets", wanted, "bob")).status_code == 404
    made = await share(client, "subnetpool", pool["id"], "p2")
    assert (await client.post("subnets", wanted, "bob")).status_code == 201
    assert (await client.delete(f"rbac-policies/{made['id']}")).status_code == 409


async def test_a_projects_policies_are_counted(client: Any) -> None:
    net = await client.network()
    await client.put("quotas/p1", {"quota": {"rbac_policy": 1}}, "admin")
    await share(client, "network", net["id"], "p2")
    wanted = {"object_type": "network", "object_id": net["id"], "action": SHARED, "target_tenant": "p3"}
    refused = await client.post("rbac-policies", {"rbac_policy": wanted})
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "OverQuota"


async def test_a_pool_is_shared_with_those_who_may_use_its_scope(client: Any) -> None:
    scope = await client.make("address_scope", name="s", ip_version=4)
    pool = await client.make("subnetpool", name="p", prefixes=["10.8.0.0/16"], address_scope_id=scope["id"])
    wanted = {"object_type": "subnetpool", "object_id": pool["id"], "action": SHARED, "target_tenant": "p2"}
    assert (await client.post("rbac-policies", {"rbac_policy": wanted})).status_code == 400
    await share(client, "address_scope", scope["id"], "p2")
    assert (await client.post("rbac-policies", {"rbac_policy": wanted})).status_code == 201


async def test_a_new_groups_rules_count(client: Any) -> None:
    await client.make("security_group", name="one")
    await client.put("quotas/p1", {"quota": {"security_group_rule": 7, "force": True}}, "admin")
    refused = await client.post("security-groups", {"security_group": {"name": "two"}})
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "OverQuota"


async def test_limits_below_what_is_used_must_be_forced(client: Any) -> None:
    await client.network()
    low = {"network": 0}
    assert (await client.put("quotas/p1", {"quota": low}, "admin")).status_code == 400
    assert (await client.put("quotas/p1", {"quota": {**low, "force": True}}, "admin")).json["quota"]["network"] == 0
