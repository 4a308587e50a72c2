"""Routers with several gateways."""

from typing import Any

import pytest


@pytest.fixture
async def world(client: Any, rig: Any) -> Any:
    await rig.host("controller", "dhcp", "l3")
    return {"public": await client.external(), "router": await client.make("router")}


async def _ask(client: Any, world: Any, action: str, gateways: list[Any], token: str = "admin") -> Any:
    body = {"router": {"external_gateways": gateways}}
    return await client.put(f"routers/{world['router']['id']}/{action}_external_gateways", body, token)


def _addresses(router: Any) -> list[str]:
    return [one["external_fixed_ips"][0]["ip_address"] for one in router["external_gateways"]]


async def test_gateways_are_added_and_removed(client: Any, rig: Any, world: Any) -> None:
    assert world["router"]["external_gateways"] == [] and world["router"]["external_gateway_info"] is None
    wanted = {"network_id": world["public"]["id"], "enable_snat": False}
    assert (await _ask(client, world, "add", [wanted], "alice")).status_code == 403
    three = (await _ask(client, world, "add", [wanted] * 3)).json["router"]
    assert len(set(_addresses(three))) == 3 and three["external_gateway_info"] == three["external_gateways"][0]
    assert three["enable_snat"] is False
    state = (await rig.state("controller")).routers[0]
    assert state.gateway_port and len(state.more_gateways) == 2
    last = three["external_gateways"][2]
    two = (await _ask(client, world, "remove", [last], "alice")).json["router"]
    assert _addresses(two) == _addresses(three)[:2]
    assert (await _ask(client, world, "remove", [last])).status_code == 400
    again = (await _ask(client, world, "update", [two["external_gateways"][0], last])).json["router"]
    assert _addresses(again) == [_addresses(three)[0], _addresses(three)[2]]
    only = (await _ask(client, world, "remove", [{"network_id": wanted["network_id"]}])).json["router"]
    assert _addresses(only) == [_addresses(three)[2]] and only["external_gateway_info"] == only["external_gateways"][0]
    none = (await _ask(client, world, "update", [])).json["router"]
    assert none["external_gateways"] == [] and none["external_gateway_info"] is None
    ports = (await client.get(f"ports?device_id={world['router']['id']}", "admin")).json["ports"]
    assert ports == []


async def test_floating_ips_keep_the_gateway_that_they_need(client: Any, world: Any) -> None:
    net, gateway = await client.network(), {"network_id": world["public"]["id"]}
    path = f"routers/{world['router']['id']}"
    await client.put(f"{path}/add_router_interface", {"subnet_id": net["subnet"]["id"]})
    assert (await _ask(client, world, "add", [gateway, gateway], "alice")).status_code == 200
    port = await client.make("port", network_id=net["id"])
    await client.make("floatingip", floating_network_id=world["public"]["id"], port_id=port["id"])
    assert (await _ask(client, world, "remove", [gateway], "alice")).status_code == 200
    assert (await _ask(client, world, "remove", [gateway], "alice")).status_code == 409
    assert (await client.put(path, {"router": {"external_gateway_info": None}})).status_code == 409
    inside = await _ask(client, world, "add", [{"network_id": net["id"]}])
    assert inside.status_code == 400 and "not an external network" in inside.text


async def test_clearing_the_gateway_clears_all_of_them(client: Any, world: Any) -> None:
    gateway = {"network_id": world["public"]["id"]}
    await _ask(client, world, "add", [gateway, gateway])
    path = f"routers/{world['router']['id']}"
    cleared = (await client.put(path, {"router": {"external_gateway_info": {}}})).json["router"]
    assert cleared["external_gateways"] == []
    flags = {"enable_default_route_bfd": True, "enable_default_route_ecmp": None}
    changed = (await client.put(path, {"router": flags})).json["router"]
    assert (changed["enable_default_route_bfd"], changed["enable_default_route_ecmp"]) == (True, False)
    await _ask(client, world, "add", [gateway, gateway])
    assert (await client.delete(path)).status_code == 204
