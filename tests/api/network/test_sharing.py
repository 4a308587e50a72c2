"""What projects share, on a whole cloud: the statements that only a real database tells right from wrong."""

from typing import Any

import pytest

V = "/v2.0"


def made(client: Any, collection: str, noun: str, **given: Any) -> Any:
    """A resource that must come into being."""
    answer = client.post("network", f"{V}/{collection}", {noun: given})
    assert answer.status == 201, answer.data
    return answer.json[noun]


@pytest.mark.parametrize(
    "collection",
    ["networks", "subnets", "subnetpools", "security-groups", "address-groups", "address-scopes", "qos/policies"],
)
def test_lists_know_what_is_shared(cloud: Any, collection: str) -> None:
    noun = collection.split("/")[-1].replace("-", "_")
    for client in (cloud.admin, cloud.demo):
        seen: dict[str, set[str]] = {}
        for shared in ("True", "False"):
            answer = client.get("network", f"{V}/{collection}?shared={shared}&sort_key=project_id&sort_dir=desc")
            assert answer.status == 200, answer.data
            seen[shared] = {one["id"] for one in answer.json[noun]}
        everything = {one["id"] for one in client.get("network", f"{V}/{collection}").json[noun]}
        assert seen["True"].isdisjoint(seen["False"]) and seen["True"] | seen["False"] == everything


def test_a_policy_for_all_stays_while_it_is_needed(cloud: Any) -> None:
    net = made(cloud.admin, "networks", "network", shared=True, **{"router:external": True})
    policies = cloud.admin.get("network", f"{V}/rbac-policies?object_id={net['id']}").json["rbac_policies"]
    port = made(cloud.demo, "ports", "port", network_id=net["id"])
    removed = {
        one["action"]: cloud.admin.delete("network", f"{V}/rbac-policies/{one['id']}").status for one in policies
    }
    assert removed == {"access_as_shared": 409, "access_as_external": 204}
    assert cloud.demo.delete("network", f"{V}/ports/{port['id']}").status == 204
    assert cloud.admin.put("network", f"{V}/networks/{net['id']}", {"network": {"shared": False}}).status == 200
    assert cloud.demo.get("network", f"{V}/networks/{net['id']}").status == 404
    assert cloud.admin.delete("network", f"{V}/networks/{net['id']}").status == 204


def test_a_default_policy_and_a_rule_of_a_kind_are_there_once(cloud: Any) -> None:
    policy = made(cloud.admin, "qos/policies", "policy", name="usual", is_default=True)
    again = {"policy": {"name": "usual", "is_default": True}}
    assert cloud.admin.post("network", f"{V}/qos/policies", again).status == 409
    path = f"{V}/qos/policies/{policy['id']}/bandwidth_limit_rules"
    rule = {"bandwidth_limit_rule": {"max_kbps": 2**31 - 1}}
    assert [cloud.admin.post("network", path, rule).status for _ in range(2)] == [201, 409]
    assert len(cloud.admin.get("network", f"{path}?limit=1").json["bandwidth_limit_rules"]) == 1
    assert cloud.admin.delete("network", f"{V}/qos/policies/{policy['id']}").status == 204


def test_a_segment_of_a_trunk_is_given_once(cloud: Any) -> None:
    net = made(cloud.demo, "networks", "network")
    parent, *ports = (made(cloud.demo, "ports", "port", network_id=net["id"])["id"] for _ in range(3))
    trunk = made(cloud.demo, "trunks", "trunk", port_id=parent)
    path = f"{V}/trunks/{trunk['id']}/add_subports"
    segment = {"segmentation_type": "vlan", "segmentation_id": 7}
    statuses = [cloud.demo.put("network", path, {"sub_ports": [{"port_id": id, **segment}]}).status for id in ports]
    assert statuses == [200, 409]
    assert cloud.demo.delete("network", f"{V}/trunks/{trunk['id']}").status == 204
    for id in (parent, *ports):
        assert cloud.demo.delete("network", f"{V}/ports/{id}").status == 204
    assert cloud.demo.delete("network", f"{V}/networks/{net['id']}").status == 204
