"""Ports: addresses without duplicates, security, binding, what a host may do with a launch token."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

SERVER = "5e54e400-0000-4000-8000-000000000001"


def _ip(port: Any) -> str:
    return str(port["fixed_ips"][0]["ip_address"])


async def test_a_port_gets_mac_address_and_default_group(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"], dns_name="web")
    assert port["mac_address"].startswith("fa:16:3e:") and port["status"] == "DOWN" and port["device_owner"] == ""
    assert port["fixed_ips"] == [{"subnet_id": net["subnet"]["id"], "ip_address": "10.0.0.2"}]
    assert port["dns_assignment"] == [
        {"hostname": "web", "ip_address": "10.0.0.2", "fqdn": "web.openstacklocal."},
    ]
    groups = (await client.get("security-groups")).json["security_groups"]
    assert [group["name"] for group in groups] == ["default"] and port["security_groups"] == [groups[0]["id"]]
    assert "binding:host_id" not in port and port["binding:vnic_type"] == "normal"
    seen = (await client.get(f"ports/{port['id']}", "admin")).json["port"]
    assert seen["binding:vif_type"] == "unbound" and seen["binding:host_id"] == ""


async def test_fifty_at_once_never_share_an_address(client: Any) -> None:
    net = await client.network("10.0.0.0/26")
    body = {"port": {"network_id": net["id"]}}
    made = await asyncio.gather(*(client.post("ports", body) for _ in range(50)))
    assert [one.status_code for one in made] == [201] * 50
    assert len({_ip(one.json["port"]) for one in made}) == 50


async def test_a_full_subnet_says_so_and_takes_back_what_is_freed(client: Any) -> None:
    net = await client.network("10.0.0.0/29")
    ports = [await client.make("port", network_id=net["id"]) for _ in range(5)]
    full = await client.post("ports", {"port": {"network_id": net["id"]}})
    assert full.status_code == 409 and full.json["NeutronError"]["type"] == "IpAddressGenerationFailure"
    await client.delete(f"ports/{ports[2]['id']}")
    assert _ip(await client.make("port", network_id=net["id"])) == _ip(ports[2])


async def test_a_freed_address_is_not_given_at_once(client: Any) -> None:
    net = await client.network()
    first = await client.make("port", network_id=net["id"])
    await client.delete(f"ports/{first['id']}")
    assert _ip(await client.make("port", network_id=net["id"])) != _ip(first)


async def test_addresses_can_be_chosen_by_subnet_and_by_address(client: Any) -> None:
    net = await client.network()
    subnet = net["subnet"]["id"]
    chosen = await client.make("port", network_id=net["id"], fixed_ips=[{"ip_address": "10.0.0.77"}])
    assert _ip(chosen) == "10.0.0.77"
    two = await client.make("port", network_id=net["id"], fixed_ips=[{"subnet_id": subnet}, {"subnet_id": subnet}])
    assert len({one["ip_address"] for one in two["fixed_ips"]}) == 2
    none = await client.make("port", network_id=net["id"], fixed_ips=[])
    assert none["fixed_ips"] == []
    for fixed, status, kind in (
        ({"ip_address": "10.0.0.77"}, 409, "IpAddressAlreadyAllocated"),
        ({"ip_address": "10.9.9.9"}, 400, "InvalidIpForNetwork"),
        ({"ip_address": "10.0.0.255"}, 400, "InvalidIpForSubnet"),
        ({"subnet_id": str(uuid4())}, 400, "InvalidInput"),
        ({"ip_address": "ten"}, 400, "HTTPBadRequest"),
    ):
        refused = await client.post("ports", {"port": {"network_id": net["id"], "fixed_ips": [fixed]}})
        assert (refused.status_code, refused.json["NeutronError"]["type"]) == (status, kind), refused.text


async def test_an_update_keeps_the_addresses_that_it_names(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"])
    fixed = [{"ip_address": _ip(port)}, {"ip_address": "10.0.0.99"}]
    changed = (await client.put(f"ports/{port['id']}", {"port": {"fixed_ips": fixed}})).json["port"]
    assert {one["ip_address"] for one in changed["fixed_ips"]} == {_ip(port), "10.0.0.99"}
    assert (await client.put(f"ports/{port['id']}", {"port": {"fixed_ips": []}})).json["port"]["fixed_ips"] == []
    again = await client.make("port", network_id=net["id"], fixed_ips=[{"ip_address": "10.0.0.99"}])
    assert _ip(again) == "10.0.0.99"


async def test_guests_that_make_their_own_address_get_that_one(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"], mac_address="fa:16:3e:00:00:01")
    slaac = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    await client.make("subnet", network_id=net["id"], ip_version=6, cidr="2001:db8::/64", **slaac)
    late = (await client.get(f"ports/{port['id']}")).json["port"]
    assert {one["ip_address"] for one in late["fixed_ips"]} == {_ip(port), "2001:db8::f816:3eff:fe00:1"}
    other = await client.make("port", network_id=net["id"], mac_address="fa:16:3e:00:00:02")
    assert "2001:db8::f816:3eff:fe00:2" in {one["ip_address"] for one in other["fixed_ips"]}


async def test_mac_addresses_are_of_one_port_of_a_network(client: Any) -> None:
    net = await client.network()
    mac = {"network_id": net["id"], "mac_address": "02:00:00:00:00:01"}
    await client.make("port", **mac)
    refused = await client.post("ports", {"port": mac})
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "MacAddressInUse"


async def test_several_ports_are_made_or_none(client: Any) -> None:
    net = await client.network("10.0.0.0/29")
    one = {"network_id": net["id"]}
    assert (await client.post("ports", {"ports": [one] * 6})).status_code == 409
    assert (await client.get("ports")).json["ports"] == []
    made = await client.post("ports", {"ports": [{**one, "name": "a"}, {**one, "name": "b", "tags": ["t"]}]})
    assert [(port["name"], port["tags"]) for port in made.json["ports"]] == [("a", []), ("b", ["t"])]


async def test_port_security_and_groups_go_together(client: Any) -> None:
    net = await client.network()
    off = await client.make("port", network_id=net["id"], port_security_enabled=False)
    assert off["security_groups"] == []
    group = await client.make("security_group", name="web")
    port = await client.make("port", network_id=net["id"], security_groups=[group["id"]])
    refused = await client.put(f"ports/{port['id']}", {"port": {"port_security_enabled": False}})
    assert refused.json["NeutronError"]["type"] == "PortSecurityPortHasSecurityGroup"
    done = await client.put(f"ports/{port['id']}", {"port": {"port_security_enabled": False, "security_groups": []}})
    assert done.status_code == 200 and done.json["port"]["security_groups"] == []
    theirs = (await client.get("security-groups", "bob")).json["security_groups"][0]["id"]
    stolen = await client.post("ports", {"port": {"network_id": net["id"], "security_groups": [theirs]}})
    assert stolen.status_code == 404 and stolen.json["NeutronError"]["type"] == "SecurityGroupNotFound"


async def test_who_may_set_what(client: Any) -> None:
    net = await client.network(token="admin", shared=True)
    port = {"network_id": net["id"]}
    for attribute in (
        {"mac_address": "02:00:00:00:00:09"},
        {"fixed_ips": [{"ip_address": "10.0.0.9"}]},
        {"binding:host_id": "h"},
        {"device_owner": "network:dhcp"},
        {"allowed_address_pairs": [{"ip_address": "10.0.0.0/24"}]},
    ):
        assert (await client.post("ports", {"port": port | attribute})).status_code == 403, attribute
    subnet = {"fixed_ips": [{"subnet_id": net["subnet"]["id"]}]}
    assert (await client.post("ports", {"port": port | subnet})).status_code == 201
    assert (await client.post("ports", {"port": port | {"id": str(uuid4())}}, "admin")).status_code == 400
    id = str(uuid4())
    made = await client.post("ports", {"port": port | {"id": id, "project_id": "p1"}}, "nova")
    assert made.json["port"]["id"] == id and made.json["port"]["project_id"] == "p1"
    assert (await client.delete(f"ports/{id}", "bob")).status_code == 404
    assert (await client.delete(f"ports/{id}", "nova")).status_code == 204


async def test_lists_find_ports_by_address_group_and_place(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"], fixed_ips=[{"ip_address": "10.0.0.50"}])
    await client.make("port", network_id=net["id"], security_groups=[])
    for query in (
        "fixed_ips=ip_address%3D10.0.0.50",
        "fixed_ips=ip_address_substr%3D0.50",
        f"security_groups={port['security_groups'][0]}",
    ):
        found = (await client.get(f"ports?{query}")).json["ports"]
        assert [one["id"] for one in found] == [port["id"]], query
    assert len((await client.get(f"ports?fixed_ips=subnet_id%3D{net['subnet']['id']}")).json["ports"]) == 2
    assert (await client.get("ports?fixed_ips=colour%3Dred")).status_code == 400


async def test_a_host_makes_and_binds_the_ports_of_its_launch_token(client: Any, rig: Any) -> None:
    net = await client.network()
    id = str(uuid4())
    token = f"launch:compute1:{id}"
    place = {"device_id": SERVER, "device_owner": "compute:nova", "binding:host_id": "compute1"}
    body = {"port": {"id": id, "network_id": net["id"], **place}}
    made = await client.post("ports", body, token)
    assert made.status_code == 201, made.text
    assert made.json["port"]["project_id"] == "p1" and made.json["port"]["binding:host_id"] == "compute1"
    assert (await client.post("ports", body, token)).json["NeutronError"]["type"] == "PortAlreadyExists"
    assert (await client.put(f"ports/{id}", {"port": place}, token)).status_code == 200
    for path in (f"ports/{id}", f"networks/{net['id']}", f"subnets/{net['subnet']['id']}"):
        assert (await client.get(path, token)).status_code == 200
    steps = [(event.step, event.outcome, event.server_id) for event in rig.parts.tracer._waiting]
    assert steps == [(23, "cached", SERVER)] * 3


async def test_a_host_makes_a_port_on_another_projects_network_that_its_launch_token_names(
    client: Any, rig: Any
) -> None:
    network = (await client.post("networks", {"network": {}}, "bob")).json["network"]
    await client.post(
        "subnets", {"subnet": {"network_id": network["id"], "cidr": "10.9.0.0/24", "ip_version": 4}}, "bob"
    )
    id = "6d2f1f6a-0000-4000-8000-000000000009"
    port = {"id": id, "network_id": network["id"], "device_id": SERVER, "binding:host_id": "compute1"}
    assert (await client.post("ports", {"port": port}, f"launch:compute1:{id}")).status_code == 404
    made = await client.post("ports", {"port": port}, f"launch:compute1:{id}:{network['id']}")
    assert (made.status_code, made.json["port"]["project_id"]) == (201, "p1")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "7d4ca7c0-0000-4000-8000-000000000000"},
        {"device_id": "another"},
        {"binding:host_id": "compute2"},
        {"device_owner": "network:dhcp"},
        {"mac_address": "02:00:00:00:00:01"},
        {"port_security_enabled": False},
    ],
)
async def test_a_launch_token_allows_nothing_more(client: Any, change: Any) -> None:
    net, other = await client.network(), await client.network(token="bob")
    id = str(uuid4())
    token = f"launch:compute1:{id}"
    place = {"device_id": SERVER, "device_owner": "compute:nova", "binding:host_id": "compute1"}
    body = {"id": id, "network_id": net["id"], **place}
    refused = await client.post("ports", {"port": body | change}, token)
    assert refused.status_code == 403 and refused.json["NeutronError"]["type"] == "LaunchTokenForbidden"
    assert (await client.post("ports", {"port": body | {"network_id": other["id"]}}, token)).status_code == 404
    free = await client.make("port", network_id=net["id"])
    assert (await client.put(f"ports/{free['id']}", {"port": place}, token)).status_code == 403
    assert (await client.get(f"ports/{free['id']}", token)).status_code == 403
    assert (await client.get(f"networks/{net['id']}", token)).status_code == 403
    assert (await client.delete(f"ports/{id}", token)).status_code == 403
    for path in ("ports", "networks", "subnets", "security-groups", "routers", "agents", "quotas/p1"):
        assert (await client.get(path, token)).status_code == 403, path


async def test_a_port_that_another_server_has_is_not_taken_over(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"], device_id="other-server", device_owner="compute:nova")
    place = {"device_id": SERVER, "device_owner": "compute:nova", "binding:host_id": "compute1"}
    refused = await client.put(f"ports/{port['id']}", {"port": place}, f"launch:compute1:{port['id']}")
    assert refused.status_code == 403
