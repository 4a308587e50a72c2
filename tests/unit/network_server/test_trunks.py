"""Trunks and their ports."""

from typing import Any

import pytest


async def parts(client: Any) -> tuple[Any, Any]:
    """A parent and a port of another network."""
    one, other = await client.network(), await client.network("10.1.0.0/24")
    return await client.make("port", network_id=one["id"]), await client.make("port", network_id=other["id"])


def sub(port: Any, segment: int | None = 2, kind: str | None = "vlan") -> dict[str, Any]:
    given = {"port_id": port["id"], "segmentation_type": kind, "segmentation_id": segment}
    return {name: value for name, value in given.items() if value is not None}


async def test_ports_come_and_go(client: Any) -> None:
    parent, port = await parts(client)
    trunk = await client.make("trunk", port_id=parent["id"])
    assert trunk["sub_ports"] == [] and trunk["admin_state_up"] is True and trunk["name"] == ""
    added = await client.put(f"trunks/{trunk['id']}/add_subports", {"sub_ports": [sub(port)]})
    assert added.json["sub_ports"] == [sub(port)]
    details = (await client.get(f"ports/{parent['id']}")).json["port"]["trunk_details"]
    assert details == {"trunk_id": trunk["id"], "sub_ports": [{**sub(port), "mac_address": port["mac_address"]}]}
    inside = (await client.get(f"ports/{port['id']}")).json["port"]
    assert inside["device_owner"] == "trunk:subport" and "trunk_details" not in inside
    for one in (parent, port):
        assert (await client.delete(f"ports/{one['id']}")).status_code == 409
    removed = await client.put(f"trunks/{trunk['id']}/remove_subports", {"sub_ports": [{"port_id": port["id"]}]})
    assert removed.json["sub_ports"] == []
    assert (await client.get(f"trunks/{trunk['id']}/get_subports")).json == {"sub_ports": []}
    assert (await client.delete(f"trunks/{trunk['id']}")).status_code == 204
    for one in (parent, port):
        assert (await client.delete(f"ports/{one['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("segment", "kind", "status"),
    [
        (None, "vlan", 400),
        (2, None, 400),
        (0, "vlan", 400),
        (4095, "vlan", 400),
        (2, "gre", 400),
        (None, "inherit", 400),
    ],
)
async def test_segments_that_make_no_sense(client: Any, segment: int | None, kind: str | None, status: int) -> None:
    parent, port = await parts(client)
    wanted = {"trunk": {"port_id": parent["id"], "sub_ports": [sub(port, segment, kind)]}}
    assert (await client.post("trunks", wanted)).status_code == status
    assert (await client.get("trunks")).json["trunks"] == []


async def test_a_segment_and_a_port_are_in_one_trunk_once(client: Any) -> None:
    parent, port = await parts(client)
    another = await client.make("port", network_id=port["network_id"])
    twice = {"trunk": {"port_id": parent["id"], "sub_ports": [sub(port), sub(another)]}}
    assert (await client.post("trunks", twice)).status_code == 400
    trunk = await client.make("trunk", port_id=parent["id"], sub_ports=[sub(port)])
    path = f"trunks/{trunk['id']}/add_subports"
    for wanted, kind in (
        (sub(another), "DuplicateSubPort"),
        (sub(port, 3), "PortInUseAsSubPort"),
        (sub(parent, 3), "PortInUseAsTrunkParent"),
    ):
        refused = await client.put(path, {"sub_ports": [wanted]})
        assert (refused.status_code, refused.json["NeutronError"]["type"]) == (409, kind)
    assert (await client.post("trunks", {"trunk": {"port_id": parent["id"]}})).status_code == 409
    assert (await client.put(path, {"sub_ports": [sub(another, 3)]})).status_code == 200


async def test_a_disabled_trunk_is_left_alone(client: Any) -> None:
    parent, port = await parts(client)
    trunk = await client.make("trunk", port_id=parent["id"], admin_state_up=False)
    assert (await client.put(f"trunks/{trunk['id']}/add_subports", {"sub_ports": [sub(port)]})).status_code == 409
    assert (await client.delete(f"trunks/{trunk['id']}")).status_code == 409
    assert (await client.put(f"trunks/{trunk['id']}", {"trunk": {"admin_state_up": True}})).status_code == 200
    assert (await client.delete(f"trunks/{trunk['id']}")).status_code == 204


async def test_larger_frames_than_the_trunks_do_not_fit(client: Any) -> None:
    small, large = await client.network(mtu=1200), await client.network("10.1.0.0/24", mtu=1300)
    parent = await client.make("port", network_id=small["id"])
    port = await client.make("port", network_id=large["id"])
    wanted = {"trunk": {"port_id": parent["id"], "sub_ports": [sub(port)]}}
    refused = await client.post("trunks", wanted)
    assert refused.json["NeutronError"]["type"] == "SubPortMtuGreaterThanTrunkPortMtu"


async def test_trunks_are_their_projects(client: Any) -> None:
    parent, _ = await parts(client)
    assert (await client.post("trunks", {"trunk": {"port_id": parent["id"]}}, "bob")).status_code == 404
    trunk = await client.make("trunk", port_id=parent["id"])
    assert (await client.get(f"trunks/{trunk['id']}", "bob")).status_code == 404
    assert (await client.put(f"trunks/{trunk['id']}/tags", {"tags": ["a"]})).json == {"tags": ["a"]}
    assert (await client.get("trunks?tags=a")).json["trunks"][0]["id"] == trunk["id"]
