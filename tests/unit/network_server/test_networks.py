"""Networks: attributes, who sees and changes them, lists, segments, quotas."""

from typing import Any

import pytest


async def test_a_network_has_its_attributes_and_no_provider_ones_for_a_member(client: Any) -> None:
    made = await client.make("network", name="one", description="d")
    assert made["status"] == "ACTIVE" and made["mtu"] == 1450 and made["admin_state_up"] is True
    assert made["project_id"] == made["tenant_id"] == "p1"
    assert made["revision_number"] >= 1 and made["created_at"].endswith("Z") and made["tags"] == []
    assert "provider:network_type" not in made
    shown = (await client.get(f"networks/{made['id']}", "admin")).json["network"]
    assert shown["provider:network_type"] == "vxlan" and shown["provider:segmentation_id"] == 1


async def test_segments_are_given_once(client: Any) -> None:
    ids = {(await client.make("network", "admin"))["provider:segmentation_id"] for _ in range(5)}
    assert len(ids) == 5
    again = await client.post(
        "networks", {"network": {"provider:network_type": "vxlan", "provider:segmentation_id": 3}}, "admin"
    )
    assert again.status_code == 409 and again.json["NeutronError"]["type"] == "TunnelIdInUse"
    flat = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    assert (await client.make("network", "admin", **flat))["mtu"] == 1500
    assert (await client.post("networks", {"network": flat}, "admin")).json["NeutronError"][
        "type"
    ] == "FlatNetworkInUse"


async def test_provider_attributes_and_sharing_are_for_admins(client: Any) -> None:
    for name, value in (("provider:network_type", "vxlan"), ("shared", True), ("router:external", True)):
        refused = await client.post("networks", {"network": {name: value}})
        assert refused.status_code == 403 and refused.json["NeutronError"]["type"] == "PolicyNotAuthorized"
    assert (await client.post("networks", {"network": {"shared": False}})).status_code == 201


async def test_other_projects_see_shared_and_external_networks_only(client: Any) -> None:
    mine = await client.make("network")
    shared = await client.make("network", "admin", shared=True)
    external = await client.make("network", "admin", **{"router:external": True})
    seen = {one["id"] for one in (await client.get("networks", "bob")).json["networks"]}
    assert seen == {shared["id"], external["id"]}
    assert (await client.get(f"networks/{mine['id']}", "bob")).status_code == 404
    assert (await client.put(f"networks/{shared['id']}", {"network": {"name": "x"}}, "bob")).status_code == 403
    assert (await client.delete(f"networks/{mine['id']}", "reader")).status_code == 403


async def test_several_are_made_at_once_or_none(client: Any) -> None:
    made = await client.post("networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    assert made.status_code == 201 and [one["name"] for one in made.json["networks"]] == ["a", "b"]
    bad = await client.post("networks", {"networks": [{"name": "c"}, {"name": "d", "mtu": 9000}]})
    assert bad.status_code == 400
    assert len((await client.get("networks")).json["networks"]) == 2


async def test_bodies_are_checked(client: Any) -> None:
    for body, words in (
        ({"network": {"nonsense": 1}}, "Unrecognized attribute"),
        ({"network": {"status": "DOWN"}}, "not allowed in POST"),
        ({"net": {}}, "Unable to find 'network'"),
        ({"network": {"name": "n" * 256}}, "Invalid input for name"),
        ({"network": {"project_id": "p2"}}, "admin privileges"),
        ({"networks": []}, "Resources required"),
    ):
        refused = await client.post("networks", body)
        assert refused.status_code == 400 and words in refused.json["NeutronError"]["message"]
    made = await client.make("network", admin_state_up="False")
    assert made["admin_state_up"] is False
    refused = await client.put(f"networks/{made['id']}", {"network": {"id": made["id"]}})
    assert "read-only attribute id" in refused.json["NeutronError"]["message"]


async def test_if_match_holds_a_change_to_one_revision(client: Any) -> None:
    made = await client.make("network")
    path, change = f"networks/{made['id']}", {"network": {"name": "new"}}
    stale = await client.put(path, change, If_Match=f"revision_number={made['revision_number'] + 7}")
    assert stale.status_code == 412 and stale.json["NeutronError"]["type"] == "RevisionNumberConstraintFailed"
    fresh = await client.put(path, change, If_Match=f"revision_number={made['revision_number']}")
    assert fresh.status_code == 200 and fresh.json["network"]["revision_number"] > made["revision_number"]


async def test_lists_filter_sort_and_choose_fields(client: Any) -> None:
    for name in ("b", "a", "c"):
        await client.make("network", name=name, admin_state_up=name != "c")
    names = [one["name"] for one in (await client.get("networks?sort_key=name&sort_dir=desc")).json["networks"]]
    assert names == ["c", "b", "a"]
    found = (await client.get("networks?name=a&name=b&sort_key=name&fields=name")).json["networks"]
    assert found == [{"name": "a"}, {"name": "b"}]
    assert len((await client.get("networks?admin_state_up=False")).json["networks"]) == 1
    unknown = await client.get("networks?colour=red")
    assert unknown.status_code == 400 and "invalid attribute for filtering" in unknown.text


async def test_lists_page_in_both_directions(client: Any) -> None:
    for number in range(5):
        await client.make("network", name=f"n{number}")
    first = (await client.get("networks?sort_key=name&limit=2")).json
    assert [one["name"] for one in first["networks"]] == ["n0", "n1"]
    rel = {link["rel"]: link["href"] for link in first["networks_links"]}
    second = (await client.get(rel["next"].partition("/v2.0/")[2])).json
    assert [one["name"] for one in second["networks"]] == ["n2", "n3"]
    back = {link["rel"]: link["href"] for link in second["networks_links"]}["previous"]
    assert [one["name"] for one in (await client.get(back.partition("/v2.0/")[2])).json["networks"]] == ["n0", "n1"]


async def test_tags_are_set_searched_and_part_of_the_revision(client: Any) -> None:
    one, two = await client.make("network", name="one"), await client.make("network", name="two")
    assert (await client.put(f"networks/{one['id']}/tags", {"tags": ["red", "blue"]})).json == {"tags": ["blue", "red"]}
    assert (await client.put(f"networks/{two['id']}/tags/re", None)).status_code == 201
    for query, names in (("tags=red", ["one"]), ("tags-any=re,blue", ["one", "two"]), ("not-tags=red,blue", ["two"])):
        found = (await client.get(f"networks?{query}&sort_key=name")).json["networks"]
        assert [each["name"] for each in found] == names
    assert (await client.get(f"networks/{one['id']}/tags/red")).status_code == 204
    assert (await client.get(f"networks/{one['id']}/tags/green")).json["NeutronError"]["type"] == "TagNotFound"
    assert (await client.delete(f"networks/{one['id']}/tags/red")).status_code == 204
    assert (await client.delete(f"networks/{one['id']}/tags")).status_code == 204
    shown = (await client.get(f"networks/{one['id']}")).json["network"]
    assert shown["tags"] == [] and shown["revision_number"] > one["revision_number"]
    assert (await client.get(f"networks/{one['id']}/tags", "bob")).status_code == 404


async def test_quotas_are_exact_and_shown(client: Any) -> None:
    assert (await client.put("quotas/p1", {"quota": {"network": 2}}, "admin")).json["quota"]["network"] == 2
    await client.make("network")
    await client.make("network")
    over = await client.post("networks", {"network": {}})
    assert over.status_code == 409 and over.json["NeutronError"]["type"] == "OverQuota"
    details = (await client.get("quotas/p1/details.json")).json["quota"]["network"]
    assert details == {"limit": 2, "used": 2, "reserved": 0}
    low = {"quota": {"network": 1, "check_limit": True}}
    assert (await client.put("quotas/p1", low, "admin")).status_code == 400
    assert (await client.get("quotas/p1", "bob")).status_code == 403
    assert (await client.put("quotas/p1", {"quota": {"network": 9}})).status_code == 403
    assert (await client.get("quotas/p1/default", "admin")).json["quota"]["network"] == 100
    assert (await client.delete("quotas/p1", "admin")).status_code == 204
    assert (await client.post("networks", {"network": {}})).status_code == 201


async def test_a_network_with_ports_stays(client: Any) -> None:
    net = await client.network()
    port = await client.make("port", network_id=net["id"])
    refused = await client.delete(f"networks/{net['id']}")
    assert refused.status_code == 409 and port["id"] in refused.json["NeutronError"]["message"]
    assert (await client.delete(f"ports/{port['id']}")).status_code == 204
    assert (await client.delete(f"networks/{net['id']}")).status_code == 204
    assert (await client.get(f"subnets/{net['subnet']['id']}")).status_code == 404


async def test_versions_and_extensions_tell_what_is_there(client: Any) -> None:
    root = (await client.ask("GET", "/", "")).json["versions"]
    assert root[0]["id"] == "v2.0" and root[0]["status"] == "CURRENT" and root[0]["links"][0]["href"].endswith("/v2.0/")
    aliases = {one["alias"] for one in (await client.get("extensions")).json["extensions"]}
    assert {"router", "security-group", "provider"} <= aliases and "nonsense" not in aliases
    assert (await client.get("extensions/router")).json["extension"]["alias"] == "router"
    assert (await client.get("extensions/nonsense")).status_code == 404
    assert (await client.get("nonsense")).json["NeutronError"]["type"] == "HTTPNotFound"
    assert (await client.ask("GET", "networks", "")).status_code == 401


async def test_hints_name_the_zone_that_there_is(client: Any) -> None:
    made = await client.make("network", availability_zone_hints=["nova"])
    assert made["availability_zone_hints"] == ["nova"]
    refused = await client.post("routers", {"router": {"availability_zone_hints": ["mars"]}})
    assert refused.status_code == 404 and refused.json["NeutronError"]["type"] == "AvailabilityZoneNotFound"


async def test_a_list_shows_no_more_than_its_rule_allows(client: Any) -> None:
    await client.network()
    public = await client.external()
    shown = (await client.get("networks", "guest")).json["networks"]
    assert [network["id"] for network in shown] == [public["id"]], "what is external everybody may see"
    for path in ("subnets", "ports", "routers", "security-groups", "security-group-rules", "floatingips"):
        assert next(iter((await client.get(path, "guest")).json.values())) == [], path
    assert len((await client.get("networks", "reader")).json["networks"]) == 2


@pytest.mark.parametrize("limit", ["18446744073709551616", "9" * 5000])
async def test_a_limit_beyond_what_databases_count_is_none(client: Any, limit: str) -> None:
    net = await client.network()
    assert [one["id"] for one in (await client.get(f"networks?limit={limit}")).json["networks"]] == [net["id"]]
