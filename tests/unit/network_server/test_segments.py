"""Segments of networks, and subnets on them."""

from typing import Any


async def _segment(client: Any, token: str = "admin", **given: Any) -> Any:
    return await client.post("segments", {"segment": given}, token)


async def test_a_network_has_the_segment_that_it_is_made_with(client: Any) -> None:
    net = await client.make("network")
    seen = (await client.get(f"networks/{net['id']}", "admin")).json["network"]
    found = (await client.get(f"segments?network_id={net['id']}", "admin")).json["segments"]
    assert len(found) == 1 and found[0]["segmentation_id"] == seen["provider:segmentation_id"]
    assert (found[0]["network_type"], found[0]["name"]) == ("vxlan", None)
    path = f"segments/{found[0]['id']}"
    changed = await client.put(path, {"segment": {"description": "d", "name": "first"}}, "admin")
    assert changed.json["segment"]["description"] == "d" and changed.json["segment"]["name"] == "first"
    refused = await client.delete(path, "admin")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "SegmentInUse"
    assert (await client.get("segments")).json == {"segments": []}
    assert (await client.get(path)).status_code == 404
    await client.delete(f"networks/{net['id']}")
    assert (await client.get(path, "admin")).status_code == 404


async def test_segments_are_added_and_removed(client: Any) -> None:
    net = await client.make("network")
    wanted = {"network_id": net["id"], "network_type": "vlan", "physical_network": "physnet1", "segmentation_id": 2055}
    assert (await _segment(client, "alice", **wanted)).status_code == 403
    made = await _segment(client, name="second", **wanted)
    assert made.status_code == 201 and made.json["segment"]["segmentation_id"] == 2055
    assert (await _segment(client, **wanted)).status_code == 409
    seen = (await client.get(f"networks/{net['id']}", "admin")).json["network"]
    assert "provider:network_type" not in seen
    assert [one["provider:network_type"] for one in seen["segments"]] == ["vxlan", "vlan"]
    assert "segments" not in (await client.get(f"networks/{net['id']}")).json["network"]
    for wrong in ({"segmentation_id": 5000}, {"network_type": "token"}, {"physical_network": None}):
        assert (await _segment(client, **{**wanted, **wrong})).status_code == 400, wrong
    assert (await _segment(client, **{**wanted, "network_id": made.json["segment"]["id"]})).status_code == 404
    free = await _segment(client, network_id=net["id"], network_type="vlan", physical_network="physnet1")
    assert free.json["segment"]["segmentation_id"] in range(100, 1000)
    for one in (made, free):
        assert (await client.delete(f"segments/{one.json['segment']['id']}", "admin")).status_code == 204
    seen = (await client.get(f"networks/{net['id']}", "admin")).json["network"]
    assert seen["provider:network_type"] == "vxlan" and "segments" not in seen
    assert (await _segment(client, **wanted)).status_code == 201


async def test_a_network_is_made_of_several_segments(client: Any) -> None:
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
    both = [{**vlan, "provider:segmentation_id": 3001}, {"provider:network_type": "vxlan"}]
    assert (await client.post("networks", {"network": {"segments": both}})).status_code == 403
    net = await client.make("network", "admin", segments=both)
    assert net["segments"][0]["provider:segmentation_id"] == 3001 and len(net["segments"]) == 2
    mixed = await client.post("networks", {"network": {"segments": both, **vlan}}, "admin")
    assert mixed.status_code == 400
    again = await client.post("networks", {"network": {"segments": both[:1]}}, "admin")
    assert again.status_code == 409
    assert (await client.delete(f"networks/{net['id']}", "admin")).status_code == 204
    assert (await client.post("networks", {"network": {"segments": both[:1]}}, "admin")).status_code == 201


async def test_subnets_are_on_segments_all_or_none(client: Any) -> None:
    net, other = await client.make("network", "admin"), await client.make("network", "admin")
    first = (await client.get(f"segments?network_id={net['id']}", "admin")).json["segments"][0]
    second = (await _segment(client, network_id=net["id"], network_type="gre")).json["segment"]
    foreign = (await client.get(f"segments?network_id={other['id']}", "admin")).json["segments"][0]

    async def subnet(cidr: str, **given: Any) -> Any:
        wanted = {"network_id": net["id"], "ip_version": 4, "cidr": cidr, **given}
        return await client.post("subnets", {"subnet": wanted}, "admin")

    assert (await subnet("10.0.0.0/24", segment_id=foreign["id"])).status_code == 400
    assert (await subnet("10.0.0.0/24", segment_id=net["id"])).status_code == 404
    made = (await subnet("10.0.0.0/24")).json["subnet"]
    assert made["segment_id"] is None
    assert (await subnet("10.1.0.0/24", segment_id=second["id"])).status_code == 400
    path = f"subnets/{made['id']}"
    put = await client.put(path, {"subnet": {"segment_id": first["id"]}}, "admin")
    assert put.json["subnet"]["segment_id"] == first["id"]
    assert (await client.put(path, {"subnet": {"segment_id": second["id"]}}, "admin")).status_code == 400
    assert (await subnet("10.1.0.0/24", segment_id=second["id"])).status_code == 201
    listed = (await client.get(f"subnets?segment_id={second['id']}", "admin")).json["subnets"]
    assert [one["cidr"] for one in listed] == ["10.1.0.0/24"]
    assert (await client.delete(f"segments/{second['id']}", "admin")).status_code == 409
