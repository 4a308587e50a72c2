"""Routers and floating IPs."""

from typing import Any

import pytest


@pytest.fixture
async def world(client: Any, rig: Any) -> Any:
    """An external network, a network with a router between them, and a port."""
    await rig.host("controller", "dhcp", "l3", "metadata")
    made = {"public": await client.external(), "net": await client.network()}
    gateway = {"network_id": made["public"]["id"]}
    made["router"] = await client.make("router", name="r", external_gateway_info=gateway)
    body = {"subnet_id": made["net"]["subnet"]["id"]}
    added = await client.put(f"routers/{made['router']['id']}/add_router_interface", body)
    assert added.status_code == 200, added.text
    made["interface"] = added.json
    made["port"] = await client.make("port", network_id=made["net"]["id"], device_owner="compute:nova")
    return made


async def test_a_router_has_a_gateway_and_interfaces(client: Any, world: Any) -> None:
    router = world["router"]
    info = router["external_gateway_info"]
    assert info["enable_snat"] is True and info["external_fixed_ips"][0]["ip_address"] == "203.0.113.2"
    assert world["interface"]["subnet_ids"] == [world["net"]["subnet"]["id"]]
    inside = (await client.get(f"ports/{world['interface']['port_id']}")).json["port"]
    assert inside["device_owner"] == "network:router_interface" and inside["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    assert inside["security_groups"] == [] and inside["device_id"] == router["id"]
    gateways = f"ports?device_owner=network:router_gateway&device_id={router['id']}"
    assert (await client.get(gateways)).json["ports"] == []
    assert len((await client.get(gateways, "admin")).json["ports"]) == 1


async def test_interfaces_are_refused_where_they_do_not_fit(client: Any, world: Any) -> None:
    path = f"routers/{world['router']['id']}/add_router_interface"
    again = await client.put(path, {"subnet_id": world["net"]["subnet"]["id"]})
    assert again.status_code == 400 and "already has a port on subnet" in again.json["NeutronError"]["message"]
    overlapping = await client.network("10.0.0.0/25")
    refused = await client.put(path, {"subnet_id": overlapping["subnet"]["id"]})
    assert refused.status_code == 400 and "overlaps" in refused.text
    assert (await client.put(path, {})).status_code == 400
    assert (await client.put(path, {"port_id": world["interface"]["port_id"]})).status_code == 409
    net = await client.network("10.4.0.0/24")
    port = await client.make("port", network_id=net["id"])
    added = await client.put(path, {"port_id": port["id"]})
    assert added.status_code == 200 and added.json["subnet_id"] == net["subnet"]["id"]
    gone = await client.put(f"routers/{world['router']['id']}/remove_router_interface", {"port_id": port["id"]})
    assert gone.status_code == 200 and (await client.get(f"ports/{port['id']}")).status_code == 404
    missing = await client.put(
        f"routers/{world['router']['id']}/remove_router_interface", {"subnet_id": net["subnet"]["id"]}
    )
    assert missing.json["NeutronError"]["type"] == "RouterInterfaceNotFoundForSubnet"


async def test_what_is_in_use_stays(client: Any, world: Any) -> None:
    router, subnet = world["router"]["id"], world["net"]["subnet"]["id"]
    assert (await client.delete(f"routers/{router}")).json["NeutronError"]["type"] == "RouterInUse"
    port = await client.delete(f"ports/{world['interface']['port_id']}")
    assert port.json["NeutronError"]["type"] == "ServicePortInUse"
    assert (await client.delete(f"networks/{world['net']['id']}")).json["NeutronError"]["type"] == "NetworkInUse"
    assert (await client.delete(f"networks/{world['public']['id']}", "admin")).status_code == 409
    gateway = await client.put(f"subnets/{subnet}", {"subnet": {"gateway_ip": None}})
    assert gateway.json["NeutronError"]["type"] == "GatewayIpInUse"
    await client.make("floatingip", floating_network_id=world["public"]["id"], port_id=world["port"]["id"])
    removed = await client.put(f"routers/{router}/remove_router_interface", {"subnet_id": subnet})
    assert removed.json["NeutronError"]["type"] == "RouterInterfaceInUseByFloatingIP"
    cleared = await client.put(f"routers/{router}", {"router": {"external_gateway_info": None}})
    assert cleared.json["NeutronError"]["type"] == "RouterExternalGatewayInUseByFloatingIp"


async def test_everything_goes_in_the_right_order(client: Any, world: Any) -> None:
    router, subnet = world["router"]["id"], world["net"]["subnet"]["id"]
    assert (await client.put(f"routers/{router}/remove_router_interface", {"subnet_id": subnet})).status_code == 200
    cleared = await client.put(f"routers/{router}", {"router": {"external_gateway_info": {}}})
    assert cleared.json["router"]["external_gateway_info"] is None
    assert (await client.delete(f"routers/{router}")).status_code == 204
    assert (await client.delete(f"ports/{world['port']['id']}")).status_code == 204
    assert (await client.delete(f"networks/{world['net']['id']}")).status_code == 204
    assert (await client.delete(f"networks/{world['public']['id']}", "admin")).status_code == 204
    assert (await client.get("ports", "admin")).json["ports"] == []


async def test_only_an_external_network_is_a_gateway_and_some_of_it_is_for_admins(client: Any, world: Any) -> None:
    other = await client.network("10.9.0.0/24")
    bad = await client.post("routers", {"router": {"external_gateway_info": {"network_id": other["id"]}}})
    assert bad.status_code == 400 and "not an external network" in bad.text
    snat = {"network_id": world["public"]["id"], "enable_snat": False}
    assert (await client.post("routers", {"router": {"external_gateway_info": snat}})).status_code == 403
    made = await client.make("router", "admin", external_gateway_info=snat)
    assert made["external_gateway_info"]["enable_snat"] is False


async def test_extra_routes_need_a_reachable_hop(client: Any, world: Any) -> None:
    path = f"routers/{world['router']['id']}"
    route = {"destination": "10.50.0.0/16", "nexthop": "10.0.0.9"}
    assert (await client.put(path, {"router": {"routes": [route]}})).json["router"]["routes"] == [route]
    far = {"destination": "10.51.0.0/16", "nexthop": "192.0.2.1"}
    assert (await client.put(path, {"router": {"routes": [far]}})).json["NeutronError"]["type"] == "InvalidRoutes"
    more = {"destination": "10.52.0.0/16", "nexthop": "10.0.0.9"}
    added = await client.put(f"{path}/add_extraroutes", {"router": {"routes": [more]}})
    assert added.json["router"]["routes"] == [route, more]
    removed = await client.put(f"{path}/remove_router_interface", {"subnet_id": world["net"]["subnet"]["id"]})
    assert removed.json["NeutronError"]["type"] == "RouterInterfaceInUseByRoute"
    left = await client.put(f"{path}/remove_extraroutes", {"router": {"routes": [route, more]}})
    assert left.json["router"]["routes"] == []


async def test_a_floating_ip_leads_to_a_port_and_back(client: Any, world: Any) -> None:
    made = await client.make("floatingip", floating_network_id=world["public"]["id"])
    assert made["status"] == "DOWN" and made["port_id"] is None and made["floating_ip_address"].startswith("203.0.113.")
    path = f"floatingips/{made['id']}"
    on = (await client.put(path, {"floatingip": {"port_id": world["port"]["id"]}})).json["floatingip"]
    assert on["fixed_ip_address"] == world["port"]["fixed_ips"][0]["ip_address"]
    assert on["router_id"] == world["router"]["id"] and on["port_details"]["device_owner"] == "compute:nova"
    second = await client.post(
        "floatingips", {"floatingip": {"floating_network_id": world["public"]["id"], "port_id": world["port"]["id"]}}
    )
    assert second.json["NeutronError"]["type"] == "FloatingIPPortAlreadyAssociated"
    off = (await client.put(path, {"floatingip": {"port_id": None}})).json["floatingip"]
    assert off["port_id"] is None and off["fixed_ip_address"] is None and off["router_id"] is None
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json["NeutronError"]["type"] == "FloatingIPNotFound"


async def test_floating_ips_are_refused_where_nothing_leads(client: Any, world: Any) -> None:
    net = await client.network("10.6.0.0/24")
    alone = await client.make("port", network_id=net["id"])
    want = {"floating_network_id": world["public"]["id"]}
    for given, status, kind in (
        ({**want, "port_id": alone["id"]}, 404, "ExternalGatewayForFloatingIPNotFound"),
        ({"floating_network_id": net["id"]}, 400, "BadFloatingRequest"),
        ({**want, "port_id": world["port"]["id"], "fixed_ip_address": "10.0.0.200"}, 400, "BadFloatingRequest"),
        ({**want, "floating_ip_address": "203.0.113.77"}, 403, "PolicyNotAuthorized"),
    ):
        refused = await client.post("floatingips", {"floatingip": given})
        assert (refused.status_code, refused.json["NeutronError"]["type"]) == (status, kind), refused.text
    chosen = await client.make("floatingip", "admin", **want, floating_ip_address="203.0.113.77")
    assert chosen["floating_ip_address"] == "203.0.113.77"
    assert (await client.get(f"floatingips/{chosen['id']}")).status_code == 404


async def test_a_port_that_goes_frees_its_floating_ip(client: Any, world: Any) -> None:
    given = {"floating_network_id": world["public"]["id"], "port_id": world["port"]["id"]}
    made = await client.make("floatingip", **given)
    assert (await client.delete(f"ports/{world['port']['id']}")).status_code == 204
    shown = (await client.get(f"floatingips/{made['id']}")).json["floatingip"]
    assert shown["port_id"] is None and shown["status"] == "DOWN"


async def test_a_destination_that_is_no_network_is_a_bad_body(client: Any, world: Any) -> None:
    wrong = [{"destination": "fa:16:3e", "nexthop": "10.0.0.9"}]
    assert (await client.put(f"routers/{world['router']['id']}", {"router": {"routes": wrong}})).status_code == 400
    subnet = f"subnets/{world['net']['subnet']['id']}"
    assert (await client.put(subnet, {"subnet": {"host_routes": wrong}})).status_code == 400
    pairs = {"allowed_address_pairs": [{"ip_address": "fa:16:3e"}]}
    assert (await client.put(f"ports/{world['port']['id']}", {"port": pairs})).status_code == 400


async def test_a_project_that_is_no_text_is_a_bad_body(client: Any) -> None:
    for given in ([], {}, ["p"]):
        assert (await client.post("networks", {"network": {"project_id": given}}, "admin")).status_code == 400
