"""Address scopes, address groups, and what subnet pools do with their prefixes."""

from typing import Any

ROOM = {"default_prefixlen": 24}


async def test_pools_of_a_scope_do_not_overlap(client: Any) -> None:
    scope = await client.make("address_scope", name="s", ip_version=4)
    assert scope["shared"] is False and "created_at" not in scope
    pool = await client.make("subnetpool", name="a", prefixes=["10.0.0.0/16"], address_scope_id=scope["id"], **ROOM)
    wanted = {"name": "b", "prefixes": ["10.0.5.0/24"], "address_scope_id": scope["id"], **ROOM}
    refused = await client.post("subnetpools", {"subnetpool": wanted})
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "AddressScopePrefixConflict"
    other = await client.make("subnetpool", **{**wanted, "prefixes": ["10.1.0.0/16"]})
    grown = {"subnetpool": {"prefixes": ["10.0.0.0/15"]}}
    assert (await client.put(f"subnetpools/{other['id']}", grown)).status_code == 409
    assert (await client.delete(f"address-scopes/{scope['id']}")).status_code == 409
    for one in (pool, other):
        assert (await client.delete(f"subnetpools/{one['id']}")).status_code == 204
    assert (await client.delete(f"address-scopes/{scope['id']}")).status_code == 204


async def test_a_scope_is_of_one_version_and_stays_shared(client: Any) -> None:
    six = await client.make("address_scope", name="s", ip_version=6)
    wanted = {"name": "a", "prefixes": ["10.0.0.0/16"], "address_scope_id": six["id"]}
    assert (await client.post("subnetpools", {"subnetpool": wanted})).status_code == 400
    shared = {"address_scope": {"name": "x", "ip_version": 4, "shared": True}}
    assert (await client.post("address-scopes", shared)).status_code == 403
    made = (await client.post("address-scopes", shared, "admin")).json["address_scope"]
    unshared = {"address_scope": {"shared": False}}
    assert (await client.put(f"address-scopes/{made['id']}", unshared, "admin")).status_code == 400
    assert (await client.get("address-scopes?shared=True&fields=name")).json == {"address_scopes": [{"name": "x"}]}


async def test_a_network_shows_its_scope_and_keeps_to_it(client: Any) -> None:
    scope = await client.make("address_scope", name="s", ip_version=4)
    pool = await client.make("subnetpool", name="a", prefixes=["10.0.0.0/16"], address_scope_id=scope["id"], **ROOM)
    loose = await client.make("subnetpool", name="b", prefixes=["10.0.0.0/8"], **ROOM)
    net = await client.network(cidr=None)
    wanted = {"network_id": net["id"], "ip_version": 4}
    await client.make("subnet", **wanted, subnetpool_id=pool["id"])
    assert (await client.get(f"networks/{net['id']}")).json["network"]["ipv4_address_scope"] == scope["id"]
    refused = await client.post("subnets", {"subnet": {**wanted, "subnetpool_id": loose["id"]}})
    assert refused.json["NeutronError"]["type"] == "NetworkAddressScopeAffinityError"
    plain = await client.network("172.16.0.0/24")
    mixed = {"subnet": {**wanted, "network_id": plain["id"], "subnetpool_id": loose["id"]}}
    assert (await client.post("subnets", mixed)).json["NeutronError"]["type"] == "NetworkSubnetPoolAffinityError"


async def test_prefixes_are_added_and_removed(client: Any) -> None:
    pool = await client.make("subnetpool", name="a", prefixes=["10.0.0.0/24"], **ROOM)
    path = f"subnetpools/{pool['id']}"
    added = await client.put(f"{path}/add_prefixes", {"prefixes": ["10.0.1.0/24", "10.0.2.0/24"]})
    assert added.json == {"prefixes": ["10.0.0.0/23", "10.0.2.0/24"]}
    removed = await client.put(f"{path}/remove_prefixes", {"prefixes": ["10.0.1.0/24"]})
    assert removed.json == {"prefixes": ["10.0.0.0/24", "10.0.2.0/24"]}
    net = await client.network(cidr=None)
    await client.make("subnet", network_id=net["id"], ip_version=4, subnetpool_id=pool["id"])
    assert (await client.put(f"{path}/remove_prefixes", {"prefixes": ["10.0.0.0/24"]})).status_code == 400
    assert (await client.get(path)).json["subnetpool"]["prefixes"] == ["10.0.0.0/24", "10.0.2.0/24"]


async def test_a_networks_subnets_become_a_pools(client: Any) -> None:
    pool = await client.make("subnetpool", name="a", prefixes=["10.0.0.0/24"], **ROOM)
    net = await client.network("172.16.0.0/24")
    path = f"subnetpools/{pool['id']}/onboard_network_subnets"
    done = await client.put(path, {"network_id": net["id"]})
    assert done.json == [{"id": net["subnet"]["id"], "cidr": "172.16.0.0/24"}]
    shown = (await client.get(f"subnets/{net['subnet']['id']}")).json["subnet"]
    assert shown["subnetpool_id"] == pool["id"]
    prefixes = (await client.get(f"subnetpools/{pool['id']}")).json["subnetpool"]["prefixes"]
    assert prefixes == ["10.0.0.0/24", "172.16.0.0/24"]
    again = await client.network("172.16.0.0/25")
    assert (await client.put(path, {"network_id": again["id"]})).status_code == 400


async def test_an_address_groups_addresses(client: Any) -> None:
    group = await client.make("address_group", name="g", addresses=["10.0.0.9/24", "2001:db8::1/64"])
    assert group["addresses"] == ["10.0.0.0/24", "2001:db8::/64"]
    path = f"address-groups/{group['id']}"
    added = await client.put(f"{path}/add_addresses", {"addresses": ["192.0.2.1"]})
    assert added.json["address_group"]["addresses"][-1] == "192.0.2.1/32"
    assert (await client.put(f"{path}/add_addresses", {"addresses": ["10.0.0.0/24"]})).status_code == 400
    assert (await client.put(f"{path}/remove_addresses", {"addresses": ["10.9.9.9"]})).status_code == 404
    assert (await client.put(f"{path}/remove_addresses", {"addresses": ["nonsense"]})).status_code == 400
    for bad in ("10.0.0.1", "nonsense"):
        wanted = {"address_group": {"name": "x", "addresses": [bad]}}
        assert (await client.post("address-groups", wanted)).status_code == 400
    removed = await client.put(f"{path}/remove_addresses", {"addresses": ["192.0.2.1/32", "10.0.0.0/24"]})
    assert removed.json["address_group"]["addresses"] == ["2001:db8::/64"]


async def test_a_rule_may_name_an_address_group(client: Any) -> None:
    group = await client.make("address_group", name="g", addresses=["10.0.0.0/24"])
    own = await client.make("security_group", name="web")
    wanted = {"security_group_id": own["id"], "direction": "ingress", "remote_address_group_id": group["id"]}
    rule = await client.make("security_group_rule", **wanted)
    assert rule["remote_address_group_id"] == group["id"]
    refused = await client.delete(f"address-groups/{group['id']}")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "AddressGroupInUse"
    both = {"security_group_rule": {**wanted, "remote_ip_prefix": "10.0.0.0/8"}}
    assert (await client.post("security-group-rules", both)).status_code == 400
    other = {"security_group_rule": {**wanted, "remote_address_group_id": own["id"]}}
    assert (await client.post("security-group-rules", other)).status_code == 404
    assert (
        await client.put(f"address-groups/{group['id']}", {"address_group": {"name": "y"}}, "bob")
    ).status_code == 404
