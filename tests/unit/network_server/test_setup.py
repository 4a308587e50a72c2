"""What operators set up: flavors, service profiles, default rules, ranges of segments; and topologies made for who asks."""

from typing import Any

import pytest

DRIVERS = "neutron.services.l3_router.service_providers"


async def _make(client: Any, path: str, noun: str, **given: Any) -> Any:
    made = await client.post(path, {noun: given}, "admin")
    assert made.status_code == 201, made.text
    return made.json[noun]


async def test_a_router_is_made_as_its_flavor_says(client: Any) -> None:
    profile = await _make(client, "service_profiles", "service_profile", driver=f"{DRIVERS}.dvr.DvrDriver")
    flavor = await _make(client, "flavors", "flavor", name="better", service_type="L3_ROUTER_NAT")
    unbound = await client.post("routers", {"router": {"flavor_id": flavor["id"]}})
    assert unbound.status_code == 404
    path = f"flavors/{flavor['id']}/service_profiles"
    body = {"service_profile": {"id": profile["id"]}}
    bound = await client.post(path, body, "admin")
    assert bound.status_code == 201 and bound.json["service_profile"]["driver"] == profile["driver"]
    assert (await client.post(path, body, "admin")).status_code == 409
    assert (await client.get(f"flavors?id={flavor['id']}")).json["flavors"][0]["service_profiles"] == [profile["id"]]
    providers = (await client.get(f"flavors/{flavor['id']}/next_providers", "admin")).json["next_providers"]
    assert [one["provider"] for one in providers] == ["dvr"]
    router = await client.make("router", flavor_id=flavor["id"])
    assert router["flavor_id"] == flavor["id"]
    seen = (await client.get(f"routers/{router['id']}", "admin")).json["router"]
    assert seen["distributed"] is True and seen["ha"] is False
    both = await client.post("routers", {"router": {"flavor_id": flavor["id"], "distributed": True}}, "admin")
    assert both.status_code == 400
    assert (await client.delete(f"flavors/{flavor['id']}", "admin")).json["NeutronError"]["type"] == "FlavorInUse"
    assert (await client.delete(f"service_profiles/{profile['id']}", "admin")).status_code == 409
    await client.put(f"flavors/{flavor['id']}", {"flavor": {"enabled": False}}, "admin")
    assert (await client.post("routers", {"router": {"flavor_id": flavor["id"]}})).status_code == 503
    assert (await client.delete(f"routers/{router['id']}")).status_code == 204
    assert (await client.delete(f"{path}/{profile['id']}", "admin")).status_code == 204
    assert (await client.delete(f"{path}/{profile['id']}", "admin")).status_code == 404
    assert (await client.delete(f"flavors/{flavor['id']}", "admin")).status_code == 204
    assert (await client.delete(f"service_profiles/{profile['id']}", "admin")).status_code == 204


async def test_flavors_and_profiles_are_checked(client: Any) -> None:
    wanted = {"service_type": "L3_ROUTER_NAT"}
    assert (await client.post("flavors", {"flavor": wanted})).status_code == 403
    assert (await client.post("flavors", {"flavor": {"service_type": "X"}}, "admin")).status_code == 400
    assert (await client.post("flavors", {"flavor": {}}, "admin")).status_code == 400
    assert (await client.post("service_profiles", {"service_profile": {}}, "admin")).status_code == 400
    unknown = await client.post("service_profiles", {"service_profile": {"driver": "x.Y"}}, "admin")
    assert unknown.status_code == 404 and unknown.json["NeutronError"]["type"] == "ServiceProfileDriverNotFound"
    await _make(client, "service_profiles", "service_profile", metainfo="m", description=None)
    assert (await client.get("service_profiles")).json == {"service_profiles": []}
    providers = (await client.get("service-providers")).json["service_providers"]
    assert [one["name"] for one in providers if one["default"]] == ["single_node"]
    assert {"single_node", "ha", "dvr", "dvrha"} == {one["name"] for one in providers}


async def test_new_groups_get_the_default_rules(client: Any) -> None:
    path = "default-security-group-rules"
    first = (await client.get(path)).json["default_security_group_rules"]
    assert len(first) == 4 and sum(rule["used_in_non_default_sg"] for rule in first) == 2
    assert {rule["remote_group_id"] for rule in first if rule["direction"] == "ingress"} == {"PARENT"}
    ssh = {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    assert (await client.post(path, {"default_security_group_rule": ssh})).status_code == 403
    made = await _make(client, path, "default_security_group_rule", **ssh)
    assert made["used_in_default_sg"] is False and made["used_in_non_default_sg"] is True
    again = await client.post(path, {"default_security_group_rule": {**ssh, "used_in_default_sg": True}}, "admin")
    assert again.status_code == 409
    other = {**ssh, "used_in_default_sg": True, "used_in_non_default_sg": False}
    assert (await client.post(path, {"default_security_group_rule": other}, "admin")).status_code == 201
    wrong = {**ssh, "port_range_min": 23}
    assert (await client.post(path, {"default_security_group_rule": wrong}, "admin")).status_code == 400
    group = await client.make("security_group", name="web")
    assert {(rule["direction"], rule["protocol"]) for rule in group["security_group_rules"]} == {
        ("egress", None), ("ingress", "tcp"),
    }  # fmt: skip
    default = (await client.get("security-groups?name=default")).json["security_groups"][0]
    assert len(default["security_group_rules"]) == 5
    assert {rule["remote_group_id"] for rule in default["security_group_rules"]} == {None, default["id"]}
    for rule in (await client.get(path)).json["default_security_group_rules"]:
        assert (await client.delete(f"{path}/{rule['id']}", "admin")).status_code == 204
    assert (await client.get(path)).json == {"default_security_group_rules": []}
    assert (await client.make("security_group", name="none"))["security_group_rules"] == []


async def test_a_project_takes_segments_of_its_own_range(client: Any) -> None:
    path = "network_segment_ranges"
    wanted = {"network_type": "vxlan", "minimum": 1100, "maximum": 1101, "shared": False, "project_id": "p1"}
    made = await _make(client, path, "network_segment_range", name="mine", **wanted)
    assert made["default"] is False and made["available"] == [1100, 1101] and made["used"] == {}
    nets = [await client.make("network", name=f"n{number}") for number in range(3)]
    seen = [(await client.get(f"networks/{net['id']}", "admin")).json["network"] for net in nets]
    segments = [net["provider:segmentation_id"] for net in seen]
    assert segments[:2] == [1100, 1101] and segments[2] not in (1100, 1101)
    shown = (await client.get(f"{path}/{made['id']}", "admin")).json["network_segment_range"]
    assert shown["used"] == {"1100": "p1", "1101": "p1"} and shown["available"] == []
    narrow = await client.put(f"{path}/{made['id']}", {"network_segment_range": {"minimum": 1101}}, "admin")
    assert narrow.status_code == 409
    wide = await client.put(f"{path}/{made['id']}", {"network_segment_range": {"minimum": 1050, "name": "w"}}, "admin")
    assert wide.json["network_segment_range"]["minimum"] == 1050
    used = await client.delete(f"{path}/{made['id']}", "admin")
    assert used.json["NeutronError"]["type"] == "NetworkSegmentRangeReferencedByProject"
    for net in nets:
        await client.delete(f"networks/{net['id']}")
    assert (await client.delete(f"{path}/{made['id']}", "admin")).status_code == 204


async def test_other_projects_leave_a_range_alone(client: Any, rig: Any) -> None:
    rig.parts.config.vxlan_ranges[:] = [(1, 4)]
    wanted = {"network_type": "vxlan", "minimum": 2, "maximum": 3, "shared": False, "project_id": "p1"}
    await _make(client, "network_segment_ranges", "network_segment_range", **wanted)
    segments = set()
    for _ in range(2):
        net = await client.make("network", "bob")
        segments.add((await client.get(f"networks/{net['id']}", "admin")).json["network"]["provider:segmentation_id"])
    assert segments == {1, 4}
    assert (await client.post("networks", {"network": {}}, "bob")).status_code == 503


async def test_ranges_of_segments_are_checked(client: Any) -> None:
    path = "network_segment_ranges"
    assert (await client.get(path)).json == {path: []}
    listed = (await client.get(f"{path}?default=true&network_type=vlan&fields=physical_network", "admin")).json
    assert listed[path] == [{"physical_network": "physnet1"}]
    default = (await client.get(f"{path}?network_type=vlan", "admin")).json[path][0]
    change = {"network_segment_range": {"name": "x"}}
    assert (await client.put(f"{path}/{default['id']}", change, "admin")).status_code == 400
    assert (await client.delete(f"{path}/{default['id']}", "admin")).status_code == 400
    assert (await client.delete(f"{path}/{default['id']}")).status_code == 404
    for wrong in (
        {"network_type": "vxlan", "minimum": 5, "maximum": 4},
        {"network_type": "vlan", "minimum": 5, "maximum": 6},
        {"network_type": "vlan", "physical_network": "physnet1", "minimum": 5, "maximum": 4095},
        {"network_type": "vxlan", "physical_network": "physnet1", "minimum": 5, "maximum": 6},
        {"network_type": "flat", "minimum": 5, "maximum": 6},
        {"network_type": "vxlan", "minimum": 5},
    ):
        assert (await client.post(path, {"network_segment_range": wrong}, "admin")).status_code == 400, wrong
    good = {"network_type": "vxlan", "minimum": 5, "maximum": 6}
    assert (await client.post(path, {"network_segment_range": good})).status_code == 403
    await _make(client, path, "network_segment_range", **good)
    assert (await client.post(path, {"network_segment_range": good}, "admin")).status_code == 409


@pytest.fixture
async def pools(client: Any, rig: Any) -> Any:
    """An external network and a default pool of either version."""
    await rig.host("controller", "dhcp", "l3")
    public = await client.external()
    for prefix, length in (("10.64.0.0/16", 26), ("fd64::/48", 64)):
        pool = {"name": "p", "prefixes": [prefix], "default_prefixlen": length, "shared": True, "is_default": True}
        assert (await client.post("subnetpools", {"subnetpool": pool}, "admin")).status_code == 201
    return public


async def test_a_topology_is_made_once_for_who_asks(client: Any, pools: Any) -> None:
    path = "auto-allocated-topology/None"
    lacking = await client.get(f"{path}?fields=dry-run")
    assert lacking.status_code == 409 and lacking.json["NeutronError"]["type"] == "AutoAllocationFailure"
    await client.put(f"networks/{pools['id']}", {"network": {"is_default": True}}, "admin")
    dry = (await client.get(f"{path}?fields=dry-run")).json["auto_allocated_topology"]
    assert dry["id"] == "dry-run=pass" and dry["project_id"] == "p1"
    assert (await client.get("networks?name=auto_allocated_network")).json["networks"] == []
    made = (await client.get(path)).json["auto_allocated_topology"]
    network = (await client.get(f"networks/{made['id']}")).json["network"]
    assert network["name"] == "auto_allocated_network" and network["admin_state_up"] and len(network["subnets"]) == 2
    router = (await client.get("routers?name=auto_allocated_router")).json["routers"][0]
    assert router["external_gateway_info"]["network_id"] == pools["id"]
    assert (await client.get("auto-allocated-topology/p1", "admin")).json["auto_allocated_topology"]["id"] == made["id"]
    assert (await client.get("auto-allocated-topology/p1", "bob")).status_code == 403
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("networks?name=auto_allocated_network")).json["networks"] == []
    assert (await client.get("routers")).json["routers"] == []
    assert (await client.delete(path)).status_code == 204


async def test_a_topology_that_was_left_half_made_is_finished(client: Any, rig: Any, pools: Any) -> None:
    await client.put(f"networks/{pools['id']}", {"network": {"is_default": True}}, "admin")
    topologies = rig.parts.topologies
    written = await topologies._write_down("p1")
    needs = await topologies.needs()
    await topologies._make(written, needs._replace(pools=needs.pools[:1]))
    await client.put(f"networks/{written.network_id}", {"network": {"admin_state_up": False}})
    made = (await client.get("auto-allocated-topology/None")).json["auto_allocated_topology"]
    assert made["id"] == written.network_id
    network = (await client.get(f"networks/{made['id']}")).json["network"]
    assert len(network["subnets"]) == 2 and network["admin_state_up"]


async def test_a_topology_that_can_not_be_made_leaves_nothing(client: Any, pools: Any) -> None:
    await client.put(f"networks/{pools['id']}", {"network": {"is_default": True}}, "admin")
    await client.put("quotas/p1", {"quota": {"subnet": 1}}, "admin")
    refused = await client.get("auto-allocated-topology/None")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "OverQuota"
    assert (await client.get("networks?name=auto_allocated_network")).json["networks"] == []
    assert (await client.get("routers")).json["routers"] == []


async def test_pools_of_floating_ips(client: Any) -> None:
    public = await client.external()
    pool = (await client.get("floatingip_pools")).json["floatingip_pools"]
    assert [(one["network_id"], one["subnet_id"], one["cidr"]) for one in pool] == [
        (public["id"], public["subnet"]["id"], "203.0.113.0/24")
    ]
