"""Subnets: prefixes, gateways, pools, modes; and pools of prefixes."""

from typing import Any

import pytest


async def _post(client: Any, network: Any, **given: Any) -> Any:
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.0/24", **given}
    return await client.post("subnets", {"subnet": body})


async def test_gateway_and_pools_are_chosen(client: Any) -> None:
    net = await client.network("10.0.0.0/24")
    assert net["subnet"]["gateway_ip"] == "10.0.0.1" and net["subnet"]["enable_dhcp"] is True
    assert net["subnet"]["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    middle = (await _post(client, net, gateway_ip="10.1.0.100")).json["subnet"]
    assert middle["allocation_pools"] == [
        {"start": "10.1.0.1", "end": "10.1.0.99"},
        {"start": "10.1.0.101", "end": "10.1.0.254"},
    ]
    none = (await _post(client, net, cidr="10.2.0.0/24", gateway_ip=None)).json["subnet"]
    assert none["gateway_ip"] is None and none["allocation_pools"][0]["start"] == "10.2.0.1"
    host_bits = (await _post(client, net, cidr="10.3.0.5/24")).json["subnet"]
    assert host_bits["cidr"] == "10.3.0.0/24"
    six = (await _post(client, net, ip_version=6, cidr="2001:db8::/64")).json["subnet"]
    assert six["gateway_ip"] == "2001:db8::1"
    shown = (await client.get(f"networks/{net['id']}")).json["network"]
    assert len(shown["subnets"]) == 5 and shown["revision_number"] > net["revision_number"]


@pytest.mark.parametrize(
    "given, status, kind",
    [
        ({"cidr": "10.0.0.128/25"}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0"}, 400, "InvalidInput"),
        ({"ip_version": 6}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0/31"}, 400, "InvalidInput"),
        ({"gateway_ip": "10.1.0.0"}, 400, "InvalidInput"),
        ({"gateway_ip": "10.1.0.0/24"}, 400, "HTTPBadRequest"),
        ({"cidr": None}, 400, "HTTPBadRequest"),
        ({"ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
        ({"allocation_pools": [{"start": "10.1.0.9", "end": "10.1.0.5"}]}, 400, "InvalidAllocationPool"),
        ({"allocation_pools": [{"start": "10.1.0.9", "end": "10.1.1.5"}]}, 400, "OutOfBoundsAllocationPool"),
        ({"allocation_pools": [{"start": "10.1.0.1", "end": "10.1.0.5"}]}, 409, "GatewayConflictWithAllocationPools"),
        (
            {"allocation_pools": [{"start": "10.1.0.2", "end": "10.1.0.9"}, {"start": "10.1.0.9", "end": "10.1.0.20"}]},
            409,
            "OverlappingAllocationPools",
        ),
        ({"host_routes": [{"destination": "2001:db8::/64", "nexthop": "10.1.0.9"}]}, 400, "InvalidInput"),
        ({"dns_nameservers": ["example.org"]}, 400, "HTTPBadRequest"),
        ({"network_id": "00000000-0000-0000-0000-000000000000"}, 404, "NetworkNotFound"),
    ],
)
async def test_what_does_not_fit_is_refused(client: Any, given: Any, status: int, kind: str) -> None:
    net = await client.network("10.0.0.0/24")
    refused = await _post(client, net, **given)
    assert (refused.status_code, refused.json["NeutronError"]["type"]) == (status, kind), refused.text


async def test_several_at_once_must_not_overlap_each_other(client: Any) -> None:
    net = await client.network(None)
    one = {"network_id": net["id"], "ip_version": 4, "cidr": "10.3.0.0/24"}
    assert (await client.post("subnets", {"subnets": [one, {**one, "cidr": "10.3.0.0/25"}]})).status_code == 400
    assert (await client.get("subnets")).json["subnets"] == []
    made = await client.post("subnets", {"subnets": [one, {**one, "cidr": "10.3.1.0/24"}]})
    assert made.status_code == 201 and len(made.json["subnets"]) == 2


async def test_a_subnet_of_ports_stays_and_of_nobody_goes(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"])
    path = f"subnets/{net['subnet']['id']}"
    assert (await client.delete(path)).json["NeutronError"]["type"] == "SubnetInUse"
    await client.delete(f"ports/{port['id']}")
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json["NeutronError"]["type"] == "SubnetNotFound"


async def test_updates_keep_what_is_not_named(client: Any) -> None:
    net = await client.network()
    path = f"subnets/{net['subnet']['id']}"
    change = {
        "name": "n",
        "dns_nameservers": ["9.9.9.9"],
        "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.5"}],
        "allocation_pools": [{"start": "10.0.0.50", "end": "10.0.0.60"}],
    }
    changed = (await client.put(path, {"subnet": change})).json["subnet"]
    assert {name: changed[name] for name in change} == change and changed["cidr"] == "10.0.0.0/24"
    port = await client.make("port", network_id=net["id"])
    assert port["fixed_ips"][0]["ip_address"] == "10.0.0.50"
    assert (await client.put(path, {"subnet": {"cidr": "10.7.0.0/24"}})).status_code == 400
    gateway = await client.put(path, {"subnet": {"gateway_ip": "10.0.0.55"}})
    assert gateway.json["NeutronError"]["type"] == "GatewayConflictWithAllocationPools"


async def test_subnets_are_cut_from_a_pool_without_overlap(client: Any) -> None:
    pool = await client.make("subnetpool", name="p", prefixes=["10.8.0.0/22"], default_prefixlen=24)
    assert pool["ip_version"] == 4 and pool["min_prefixlen"] == "8"
    net = await client.network(None)
    cut = {"network_id": net["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    cidrs = [(await client.make("subnet", **cut))["cidr"] for _ in range(3)]
    assert cidrs == ["10.8.0.0/24", "10.8.1.0/24", "10.8.2.0/24"]
    assert (await client.make("subnet", **cut, prefixlen=25))["cidr"] == "10.8.3.0/25"
    full = await client.post("subnets", {"subnet": cut})
    assert full.status_code == 409 and full.json["NeutronError"]["type"] == "SubnetAllocationError"
    assert (await client.delete(f"subnetpools/{pool['id']}")).status_code == 409
    shrunk = await client.put(f"subnetpools/{pool['id']}", {"subnetpool": {"prefixes": ["10.8.0.0/24"]}})
    assert shrunk.json["NeutronError"]["type"] == "IllegalSubnetPoolPrefixUpdate"
    grown = await client.put(f"subnetpools/{pool['id']}", {"subnetpool": {"prefixes": ["10.8.0.0/22", "10.8.4.0/22"]}})
    assert grown.json["subnetpool"]["prefixes"] == ["10.8.0.0/21"]


async def test_a_shared_networks_subnets_are_seen_but_not_made_by_others(client: Any) -> None:
    net = await client.network(token="admin", shared=True)
    assert (await client.get(f"subnets/{net['subnet']['id']}", "bob")).status_code == 200
    assert len((await client.get("subnets", "bob")).json["subnets"]) == 1
    more = {"network_id": net["id"], "ip_version": 4, "cidr": "10.5.0.0/24"}
    assert (await client.post("subnets", {"subnet": more}, "bob")).status_code == 403
    assert (await client.delete(f"subnets/{net['subnet']['id']}", "bob")).status_code == 403


async def test_ip_availability_counts_pools_and_addresses(client: Any) -> None:
    net = await client.network("10.0.0.0/29")
    await client.make("port", network_id=net["id"])
    found = (await client.get(f"network-ip-availabilities/{net['id']}", "admin")).json["network_ip_availability"]
    assert (found["total_ips"], found["used_ips"]) == (5, 1)
    every = (await client.get("network-ip-availabilities?ip_version=4", "admin")).json["network_ip_availabilities"]
    assert [one["network_id"] for one in every] == [net["id"]]
    assert (await client.get("network-ip-availabilities")).status_code == 403


async def test_host_bits_of_a_cidr_are_left_out(client: Any) -> None:
    net = await client.network("10.0.0.0/24")
    made = await _post(client, net, cidr="10.1.0.5/24")
    assert made.json["subnet"]["cidr"] == "10.1.0.0/24"
    assert made.json["subnet"]["gateway_ip"] == "10.1.0.1"
