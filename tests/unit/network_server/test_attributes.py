"""Attributes of ports, subnets, networks and floating IPs that extensions bring."""

from typing import Any

import pytest


@pytest.fixture
async def net(client: Any) -> Any:
    return await client.network()


async def test_attributes_of_ports(client: Any, net: Any) -> None:
    port = await client.make("port", network_id=net["id"])
    assert (port["propagate_uplink_status"], port["numa_affinity_policy"], port["dns_domain"]) == (True, None, "")
    assert port["ip_allocation"] == "immediate" and "trusted" not in port and "hints" not in port
    given = {"propagate_uplink_status": False, "numa_affinity_policy": "preferred", "dns_domain": "lab.example."}
    changed = (await client.put(f"ports/{port['id']}", {"port": given})).json["port"]
    assert {name: changed[name] for name in given} == given
    assert [one["id"] for one in (await client.get("ports?propagate_uplink_status=false")).json["ports"]] == [
        port["id"]
    ]
    for wrong in ({"numa_affinity_policy": "all"}, {"dns_domain": "-x-"}, {"hints": {"a": 1}}):
        assert (await client.put(f"ports/{port['id']}", {"port": wrong}, "admin")).status_code == 400, wrong
    bare = await client.make("port", network_id=net["id"], fixed_ips=[])
    assert bare["ip_allocation"] == "none"


async def test_only_admins_trust_ports_and_give_hints(client: Any, net: Any) -> None:
    hints = {"openvswitch": {"other_config": {"tx-steering": "hash"}}}
    for given in ({"trusted": True}, {"hints": hints}):
        assert (await client.post("ports", {"port": {"network_id": net["id"], **given}})).status_code == 403
    port = await client.make("port", "admin", network_id=net["id"], hints=hints)
    assert port["trusted"] is None and port["binding:profile"] == {} and port["hints"] == hints
    path = f"ports/{port['id']}"
    profile = {"binding:profile": {"slot": "1"}, "trusted": True}
    changed = (await client.put(path, {"port": profile}, "admin")).json["port"]
    assert changed["trusted"] is True and changed["binding:profile"] == {"slot": "1", "trusted": True}
    changed = (await client.put(path, {"port": {"trusted": False, "hints": None}}, "admin")).json["port"]
    assert changed["binding:profile"] == {"slot": "1", "trusted": False} and changed["hints"] is None


async def test_a_mac_address_is_made_anew_when_it_is_given_as_null(client: Any, net: Any) -> None:
    port = await client.make("port", network_id=net["id"], mac_address=None)
    changed = (await client.put(f"ports/{port['id']}", {"port": {"mac_address": None}}, "admin")).json["port"]
    assert changed["mac_address"] != port["mac_address"] and changed["mac_address"].startswith("fa:16:3e:")


async def test_attributes_of_subnets_and_networks(client: Any, net: Any) -> None:
    subnet = net["subnet"]
    assert subnet["router:external"] is False and subnet["dns_publish_fixed_ip"] is False
    changed = await client.put(f"subnets/{subnet['id']}", {"subnet": {"dns_publish_fixed_ip": True}})
    assert changed.json["subnet"]["dns_publish_fixed_ip"] is True
    public = await client.external()
    listed = (await client.get("subnets", "admin")).json["subnets"]
    assert {one["id"] for one in listed if one["router:external"]} == {public["subnet"]["id"]}
    assert net["l2_adjacency"] is True
    assert (await client.make("router"))["enable_snat"] is True


async def test_how_full_a_network_is_in_detail(client: Any) -> None:
    net = await client.network(None)
    pools = [{"start": "10.0.0.10", "end": "10.0.0.19"}]
    given = {"network_id": net["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "allocation_pools": pools}
    await client.make("subnet", enable_dhcp=False, **given)
    for address in ("10.0.0.10", "10.0.0.99"):
        await client.make("port", network_id=net["id"], fixed_ips=[{"ip_address": address}])
    shown = (await client.get(f"network-ip-availabilities/{net['id']}", "admin")).json["network_ip_availability"]
    assert (shown["total_ips"], shown["used_ips"]) == (10, 2)
    details = {
        "total_ips_in_subnet": 254,
        "total_ips_in_allocation_pool": 10,
        "used_ips_in_subnet": 2,
        "used_ips_in_allocation_pool": 1,
    }
    assert shown["ip_availability_details"] == details
    assert shown["subnet_ip_availability"][0]["ip_availability_details"] == details


async def test_a_floating_ip_goes_by_the_router_that_it_names(client: Any, rig: Any) -> None:
    """The port's own router has no gateway; another one, further out, has."""
    await rig.host("controller", "dhcp", "l3")
    public, inner = await client.external(), await client.network()
    near = await client.make("router")
    await client.put(f"routers/{near['id']}/add_router_interface", {"subnet_id": inner["subnet"]["id"]})
    far = await client.make("router", external_gateway_info={"network_id": public["id"]})
    port = await client.make("port", network_id=inner["id"])
    given = {"floating_network_id": public["id"], "port_id": port["id"]}
    assert (await client.post("floatingips", {"floatingip": given})).status_code == 404
    refused = await client.post("floatingips", {"floatingip": {**given, "router_id": near["id"]}})
    assert refused.status_code == 409
    made = await client.make("floatingip", **given, router_id=far["id"])
    assert made["router_id"] == far["id"]
    wanted = next(one for one in (await rig.state("controller")).routers if one.id == far["id"])
    assert [one.fixed_ip for one in wanted.floating] == [port["fixed_ips"][0]["ip_address"]]
    alone = {"floating_network_id": public["id"], "router_id": far["id"]}
    assert (await client.post("floatingips", {"floatingip": alone})).status_code == 400


async def test_past_the_end_of_a_list_a_link_leads_back(client: Any, net: Any) -> None:
    page = (await client.get(f"networks?limit=1&marker={net['id']}")).json
    assert page["networks"] == [] and [link["rel"] for link in page["networks_links"]] == ["previous"]
    query = page["networks_links"][0]["href"].partition("?")[2]
    assert [one["id"] for one in (await client.get(f"networks?{query}")).json["networks"]] == [net["id"]]


async def test_everybody_sees_the_subnets_of_external_networks(client: Any, net: Any) -> None:
    public = await client.external()
    seen = (await client.get("subnets?router:external=true", "bob")).json["subnets"]
    assert [one["id"] for one in seen] == [public["subnet"]["id"]]
    assert (await client.get(f"subnets/{public['subnet']['id']}", "bob")).status_code == 200
    assert (await client.get(f"subnets/{net['subnet']['id']}", "bob")).status_code == 404
    assert (await client.get("subnets?router:external=false", "bob")).json["subnets"] == []
    assert (await client.put(f"subnets/{public['subnet']['id']}", {"subnet": {"name": "x"}}, "bob")).status_code == 403


async def test_a_network_is_wide_enough_for_its_subnets(client: Any) -> None:
    narrow = await client.network(None, mtu=67)
    wanted = {"network_id": narrow["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
    refused = await client.post("subnets", {"subnet": wanted})
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "NetworkMTUSubnetConflict"
    four = await client.network(mtu=1279)
    six = {"network_id": four["id"], "ip_version": 6, "cidr": "2001:db8::/64"}
    assert (await client.post("subnets", {"subnet": six})).status_code == 409
    assert (await client.put(f"networks/{four['id']}", {"network": {"mtu": 67}})).status_code == 409
    assert (await client.put(f"networks/{four['id']}", {"network": {"mtu": 68}})).status_code == 200
