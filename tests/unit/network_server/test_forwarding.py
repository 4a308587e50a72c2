"""Port forwardings, conntrack helpers and metering."""

from typing import Any

import pytest


@pytest.fixture
async def world(client: Any, rig: Any) -> Any:
    """A router between an external and an inner network, a port inside and a floating IP."""
    await rig.host("controller", "dhcp", "l3")
    made = {"public": await client.external(), "net": await client.network()}
    made["router"] = await client.make("router", external_gateway_info={"network_id": made["public"]["id"]})
    body = {"subnet_id": made["net"]["subnet"]["id"]}
    await client.put(f"routers/{made['router']['id']}/add_router_interface", body)
    made["port"] = await client.make("port", network_id=made["net"]["id"])
    made["ip"] = made["port"]["fixed_ips"][0]["ip_address"]
    made["floating"] = await client.make("floatingip", floating_network_id=made["public"]["id"])
    made["path"] = f"floatingips/{made['floating']['id']}/port_forwardings"
    return made


async def _forward(client: Any, world: Any, token: str = "alice", **given: Any) -> Any:
    wanted = {"internal_port_id": world["port"]["id"], "internal_ip_address": world["ip"], "protocol": "tcp", **given}
    return await client.post(world["path"], {"port_forwarding": wanted}, token)


async def test_a_port_forwarding_lives_and_reaches_the_routers_host(client: Any, rig: Any, world: Any) -> None:
    made = await _forward(client, world, internal_port=22, external_port=2222, description="ssh")
    assert made.status_code == 201, made.text
    one = made.json["port_forwarding"]
    assert one["external_port"] == 2222 and one["external_port_range"] == "2222:2222" and one["description"] == "ssh"
    path = f"{world['path']}/{one['id']}"
    assert (await client.get(path)).json["port_forwarding"] == one
    assert (await client.get(world["path"])).json == {"port_forwardings": [one]}
    floating = (await client.get(f"floatingips/{world['floating']['id']}")).json["floatingip"]
    assert floating["router_id"] == world["router"]["id"] and floating["port_id"] is None
    keys = {"id", "protocol", "internal_ip_address", "internal_port_id", "internal_port", "external_port"}
    assert [set(shown) for shown in floating["port_forwardings"]] == [keys]
    wanted = (await rig.state("controller")).routers[0]
    assert wanted.floating == [] and len(wanted.forwards) == 1
    forward = wanted.forwards[0]
    assert (forward.floating_ip, forward.outside) == (floating["floating_ip_address"], (2222, 2222))
    assert (forward.fixed_ip, forward.inside, forward.protocol) == (world["ip"], (22, 22), "tcp")
    await rig.apply("controller")
    assert (await client.get(f"floatingips/{floating['id']}")).json["floatingip"]["status"] == "ACTIVE"
    changed = await client.put(path, {"port_forwarding": {"internal_port": 23}})
    assert changed.json["port_forwarding"]["internal_port"] == 23
    assert (await rig.state("controller")).routers[0].forwards[0].inside == (23, 23)
    assert (await client.delete(path)).status_code == 204
    assert (await rig.state("controller")).routers[0].forwards == []
    freed = (await client.get(f"floatingips/{floating['id']}")).json["floatingip"]
    assert freed["router_id"] is None and freed["port_forwardings"] == [] and freed["status"] == "DOWN"


async def test_ranges_of_ports(client: Any, world: Any) -> None:
    many = await _forward(client, world, external_port_range="8000:8009", internal_port_range="9000:9009")
    assert many.json["port_forwarding"]["external_port"] is None
    assert many.json["port_forwarding"]["internal_port_range"] == "9000:9009"
    to_one = await _forward(client, world, protocol="udp", external_port_range="8000:8009", internal_port=53)
    assert to_one.status_code == 201
    for wrong in (
        {"external_port_range": "7000:7003", "internal_port_range": "7000:7001"},
        {"external_port_range": "7003:7000", "internal_port_range": "7003:7000"},
        {"external_port_range": "7000:70000", "internal_port": 1},
        {"external_port_range": "x", "internal_port": 1},
        {"external_port": 0, "internal_port": 1},
        {"external_port": 1, "external_port_range": "1:1", "internal_port": 1},
        {"external_port": 1},
        {"external_port": 1, "internal_port": 1, "protocol": "icmp"},
        {"external_port": 8005, "internal_port": 1},
        {"external_port": 1, "internal_port": 9009},
    ):
        refused = await _forward(client, world, **wrong)
        assert refused.status_code == 400, wrong
    assert len((await client.get(world["path"])).json["port_forwardings"]) == 2


async def test_a_floating_ip_is_shared_out_or_leads_to_a_port_never_both(client: Any, world: Any) -> None:
    floating = f"floatingips/{world['floating']['id']}"
    one = (await _forward(client, world, internal_port=22, external_port=22)).json["port_forwarding"]
    whole = await client.put(floating, {"floatingip": {"port_id": world["port"]["id"]}})
    assert whole.status_code == 409 and whole.json["NeutronError"]["type"] == "FipInUseByPortForwarding"
    assert (await client.delete(floating)).status_code == 409
    other = {"floating_network_id": world["public"]["id"], "port_id": world["port"]["id"]}
    assert (await client.post("floatingips", {"floatingip": other})).json["NeutronError"][
        "type"
    ] == "PortHasPortForwarding"
    interface = {"subnet_id": world["net"]["subnet"]["id"]}
    assert (await client.put(f"routers/{world['router']['id']}/remove_router_interface", interface)).status_code == 409
    cleared = await client.put(f"routers/{world['router']['id']}", {"router": {"external_gateway_info": {}}})
    assert cleared.status_code == 409
    assert (await client.delete(f"{world['path']}/{one['id']}")).status_code == 204
    assert (await client.put(floating, {"floatingip": {"port_id": world["port"]["id"]}})).status_code == 200
    taken = await _forward(client, world, internal_port=22, external_port=22)
    assert taken.status_code == 409
    assert (await client.delete(floating)).status_code == 204


async def test_a_port_takes_its_forwardings_with_it(client: Any, rig: Any, world: Any) -> None:
    await _forward(client, world, internal_port=22, external_port=22)
    assert (await client.delete(f"ports/{world['port']['id']}")).status_code == 204
    assert (await client.get(world["path"])).json == {"port_forwardings": []}
    assert (await rig.state("controller")).routers[0].forwards == []
    assert (await client.delete(f"floatingips/{world['floating']['id']}")).status_code == 204


async def test_forwardings_are_their_projects_own(client: Any, world: Any) -> None:
    assert (await _forward(client, world, "bob", internal_port=22, external_port=22)).status_code == 404
    assert (await _forward(client, world, "reader", internal_port=22, external_port=22)).status_code == 403
    assert (await client.get(world["path"], "bob")).status_code == 404
    made = await _forward(client, world, "admin", internal_port=22, external_port=22)
    id = made.json["port_forwarding"]["id"]
    assert (await client.get(f"{world['path']}/{id}")).status_code == 200
    second = await client.make("floatingip", floating_network_id=world["public"]["id"])
    assert (await client.get(f"floatingips/{second['id']}/port_forwardings/{id}")).status_code == 404
    foreign = await client.network("10.9.0.0/24", "bob")
    port = await client.make("port", "bob", network_id=foreign["id"])
    assert (
        await _forward(client, world, internal_port_id=port["id"], external_port=1, internal_port=1)
    ).status_code == 404
    assert (
        await _forward(client, world, internal_ip_address="10.0.0.99", external_port=1, internal_port=1)
    ).status_code == 400


async def test_conntrack_helpers_of_a_router(client: Any, world: Any) -> None:
    path = f"routers/{world['router']['id']}/conntrack_helpers"
    tftp = {"helper": "tftp", "protocol": "udp", "port": 69}
    made = await client.post(path, {"conntrack_helper": tftp})
    assert made.status_code == 201
    one = made.json["conntrack_helper"]
    assert one == {"id": one["id"], **tftp}
    assert (await client.get(f"routers/{world['router']['id']}")).json["router"]["conntrack_helpers"] == [tftp]
    again = await client.post(path, {"conntrack_helper": tftp})
    assert again.status_code == 400 and "duplicate" in again.json["NeutronError"]["message"]
    assert (await client.post(path, {"conntrack_helper": {**tftp, "helper": "ssh"}})).status_code == 400
    assert (await client.post(path, {"conntrack_helper": {**tftp, "protocol": "tcp"}})).status_code == 400
    changed = await client.put(f"{path}/{one['id']}", {"conntrack_helper": {"port": 6969}})
    assert changed.json["conntrack_helper"]["port"] == 6969
    assert (await client.get(f"{path}?protocol=tcp")).json == {"conntrack_helpers": []}
    assert (await client.get(path, "bob")).status_code == 404
    assert (await client.delete(f"{path}/{one['id']}")).status_code == 204
    assert (await client.get(f"{path}/{one['id']}")).status_code == 404


async def test_metering_labels_and_rules(client: Any) -> None:
    path, rules = "metering/metering-labels", "metering/metering-label-rules"
    assert (await client.post(path, {"metering_label": {"name": "mine"}})).status_code == 403
    made = await client.post(path, {"metering_label": {"name": "all", "shared": True}}, "admin")
    assert made.status_code == 201
    label = made.json["metering_label"]
    assert (await client.post(path, {"metering_label": {"name": "x" * 256}}, "admin")).status_code == 400
    assert (await client.get(path)).json == {"metering_labels": []}
    assert [one["id"] for one in (await client.get(f"{path}?name=all", "admin")).json["metering_labels"]] == [
        label["id"]
    ]
    assert (await client.get(f"{path}?id=33", "admin")).json == {"metering_labels": []}
    wanted = {"metering_label_id": label["id"], "remote_ip_prefix": "10.0.0.0/24", "direction": "egress"}
    rule = await client.post(rules, {"metering_label_rule": wanted}, "admin")
    assert rule.status_code == 201 and rule.json["metering_label_rule"]["excluded"] is False
    overlap = await client.post(rules, {"metering_label_rule": {**wanted, "remote_ip_prefix": "10.0.0.0/8"}}, "admin")
    assert overlap.status_code == 409
    both = await client.post(rules, {"metering_label_rule": {**wanted, "source_ip_prefix": "10.0.0.0/8"}}, "admin")
    assert both.status_code == 400
    missing = {**wanted, "metering_label_id": rule.json["metering_label_rule"]["id"]}
    assert (await client.post(rules, {"metering_label_rule": missing}, "admin")).status_code == 404
    assert (await client.delete(f"{path}/{label['id']}", "admin")).status_code == 204
    assert (await client.get(rules, "admin")).json == {"metering_label_rules": []}
