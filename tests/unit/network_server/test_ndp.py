"""NDP proxies."""

from typing import Any

import pytest


async def _v6(client: Any, pool: Any, cidr: str, token: str = "alice", **given: Any) -> Any:
    net = await client.make("network", token, **given)
    wanted = {"network_id": net["id"], "ip_version": 6, "cidr": cidr, "subnetpool_id": pool["id"]}
    net["subnet"] = await client.make("subnet", token, **wanted)
    return net


@pytest.fixture
async def world(client: Any, rig: Any) -> Any:
    """An external and an inner network of one IPv6 address scope, a router between them that may proxy, a port inside."""
    await rig.host("controller", "dhcp", "l3")
    body = {"address_scope": {"name": "s", "ip_version": 6, "shared": True}}
    scope = (await client.post("address-scopes", body, "admin")).json["address_scope"]
    given = {"prefixes": ["2001:db8::/48"], "default_prefixlen": 64, "shared": True, "address_scope_id": scope["id"]}
    pool = await client.make("subnetpool", "admin", name="p", **given)
    made = {"pool": pool, "public": await _v6(client, pool, "2001:db8:0:1::/64", "admin", **{"router:external": True})}
    made["net"] = await _v6(client, pool, "2001:db8:0:2::/64")
    gateway = {"network_id": made["public"]["id"]}
    made["router"] = await client.make("router", external_gateway_info=gateway, enable_ndp_proxy=True)
    made["path"] = f"routers/{made['router']['id']}"
    await client.put(f"{made['path']}/add_router_interface", {"subnet_id": made["net"]["subnet"]["id"]})
    made["port"] = await client.make("port", network_id=made["net"]["id"])
    return made


async def _proxy(client: Any, world: Any, token: str = "alice", **given: Any) -> Any:
    wanted = {"router_id": world["router"]["id"], "port_id": world["port"]["id"], **given}
    return await client.post("ndp_proxies", {"ndp_proxy": wanted}, token)


async def test_a_proxy_lives_as_long_as_its_port(client: Any, world: Any) -> None:
    made = await _proxy(client, world, name="n")
    assert made.status_code == 201, made.text
    one = made.json["ndp_proxy"]
    assert one["ip_address"] == world["port"]["fixed_ips"][0]["ip_address"]
    path = f"ndp_proxies/{one['id']}"
    assert (await client.put(path, {"ndp_proxy": {"name": "m"}})).json["ndp_proxy"]["name"] == "m"
    assert [each["id"] for each in (await client.get("ndp_proxies?name=m")).json["ndp_proxies"]] == [one["id"]]
    assert (await client.get(path, "bob")).status_code == 404
    assert (await _proxy(client, world)).status_code == 409
    for change in ({"enable_ndp_proxy": False}, {"external_gateway_info": {}}):
        refused = await client.put(world["path"], {"router": change})
        assert refused.json["NeutronError"]["type"] == "RouterNDPProxyInUse", change
    interface = {"subnet_id": world["net"]["subnet"]["id"]}
    assert (await client.put(f"{world['path']}/remove_router_interface", interface)).status_code == 409
    assert (await client.delete(f"ports/{world['port']['id']}")).status_code == 204
    assert (await client.get(path)).status_code == 404
    cleared = await client.put(world["path"], {"router": {"external_gateway_info": {}}})
    assert cleared.json["router"]["enable_ndp_proxy"] is False


async def test_routers_proxy_where_the_outside_is_of_an_ipv6_address_scope(client: Any, world: Any) -> None:
    plain = await client.external()
    gateway = {"external_gateway_info": {"network_id": plain["id"]}}
    assert (await client.post("routers", {"router": {"enable_ndp_proxy": True, **gateway}})).status_code == 409
    assert (await client.post("routers", {"router": {"enable_ndp_proxy": True}})).status_code == 409
    assert [one["id"] for one in (await client.get("routers")).json["routers"]] == [world["router"]["id"]]
    both = {"enable_ndp_proxy": True, "external_gateway_info": {}}
    assert (await client.put(world["path"], {"router": both})).status_code == 409


async def test_proxies_are_of_addresses_that_the_router_reaches(client: Any, world: Any) -> None:
    away = await _v6(client, world["pool"], "2001:db8:0:3::/64")
    port = await client.make("port", network_id=away["id"])
    unreached = await _proxy(client, world, port_id=port["id"])
    assert unreached.status_code == 409 and unreached.json["NeutronError"]["type"] == "PortUnreachableRouter"
    other = await client.network("2001:db8:1::/64")
    await client.put(f"{world['path']}/add_router_interface", {"subnet_id": other["subnet"]["id"]})
    foreign = await client.make("port", network_id=other["id"])
    assert (await _proxy(client, world, port_id=foreign["id"])).json["NeutronError"]["type"] == "AddressScopeConflict"
    assert (await _proxy(client, world, ip_address="2001:db8:0:2::99")).status_code == 409
    assert (await _proxy(client, world, "bob")).status_code == 404
    await client.put(world["path"], {"router": {"enable_ndp_proxy": False}})
    assert (await _proxy(client, world)).json["NeutronError"]["type"] == "RouterNDPProxyNotEnable"
