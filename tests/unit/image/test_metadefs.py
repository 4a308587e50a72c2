"""Metadata definitions: who sees them, and what holds together."""

from typing import Any

import pytest

from .conftest import Client

PATH = "/v2/metadefs/namespaces"


async def _make(client: Client, name: str = "ns", **more: Any) -> Any:
    made = await client("POST", PATH, {"namespace": name, **more}, token="admin")
    assert made.status_code == 201, made.text
    return made.json


async def test_a_namespace_is_made_with_all_that_it_holds(client: Client) -> None:
    made = await _make(
        client,
        display_name="D",
        objects=[{"name": "o", "required": ["p"], "properties": {"p": {"title": "P", "type": "string"}}}],
        properties={"q": {"title": "Q", "type": "integer", "minimum": 1}},
        tags=[{"name": "t"}],
        resource_type_associations=[{"name": "OS::Glance::Image", "prefix": "hw_"}],
    )
    assert made["visibility"] == "private"
    assert made["owner"] == "p0"
    shown = (await client("GET", f"{PATH}/ns?resource_type=OS::Glance::Image", token="admin")).json
    assert [one["name"] for one in shown["objects"]] == ["o"]
    assert shown["properties"] == {"hw_q": {"title": "Q", "type": "integer", "minimum": 1}}
    assert shown["tags"] == [{"name": "t"}]
    assert (await client("POST", PATH, {"namespace": "ns"}, token="admin")).status_code == 409


async def test_a_private_namespace_is_its_projects_and_a_public_one_everybodys(client: Client) -> None:
    await _make(client, "mine", owner="p1")
    await _make(client, "theirs", owner="p2")
    await _make(client, "public", owner="p2", visibility="public")
    listed = (await client("GET", f"{PATH}?sort_key=namespace&sort_dir=asc")).json
    assert [one["namespace"] for one in listed["namespaces"]] == ["mine", "public"]
    assert (await client("GET", f"{PATH}/theirs")).status_code == 404
    assert (await client("GET", f"{PATH}/theirs/objects")).status_code == 404
    assert (await client("DELETE", f"{PATH}/theirs")).status_code == 404
    assert (await client("DELETE", f"{PATH}/mine")).status_code == 403
    assert (await client("POST", PATH, {"namespace": "new"})).status_code == 403
    assert (await client("GET", f"{PATH}/public", token="reader")).status_code == 200


async def test_lists_page_by_namespace(client: Client) -> None:
    for number in range(5):
        await _make(client, f"ns{number}")
    found, path = [], f"{PATH}?limit=2&sort_key=namespace&sort_dir=asc"
    while path:
        answer = (await client("GET", path, token="admin")).json
        found += [one["namespace"] for one in answer["namespaces"]]
        path = answer.get("next", "")
    assert found == [f"ns{number}" for number in range(5)]
    assert (await client("GET", f"{PATH}?marker=unknown", token="admin")).status_code == 404
    assert (await client("GET", f"{PATH}?sort_key=colour", token="admin")).status_code == 400


async def test_a_protected_namespace_can_not_be_deleted(client: Client) -> None:
    await _make(client, protected=True, tags=[{"name": "t"}])
    assert (await client("DELETE", f"{PATH}/ns", token="admin")).status_code == 403
    assert (await client("DELETE", f"{PATH}/ns/tags/t", token="admin")).status_code == 403
    renamed = await client("PUT", f"{PATH}/ns", {"namespace": "other", "protected": False}, token="admin")
    assert renamed.json["namespace"] == "other"
    assert (await client("GET", f"{PATH}/other/tags/t", token="admin")).status_code == 200
    assert (await client("DELETE", f"{PATH}/other", token="admin")).status_code == 204
    assert (await client("GET", f"{PATH}/other", token="admin")).status_code == 404


@pytest.mark.parametrize(
    ("noun", "body", "key"),
    [
        ("objects", {"description": "d"}, "objects"),
        ("properties", {"title": "T", "type": "string"}, "properties"),
    ],
)
async def test_items_come_and_go(client: Client, noun: str, body: dict[str, Any], key: str) -> None:
    await _make(client)
    path = f"{PATH}/ns/{noun}"
    assert (await client("POST", path, {"name": "one", **body}, token="admin")).status_code == 201
    assert (await client("POST", path, {"name": "one", **body}, token="admin")).status_code == 409
    changed = await client("PUT", f"{path}/one", {"name": "two", **body}, token="admin")
    assert changed.json["name"] == "two"
    assert (await client("GET", f"{path}/one", token="admin")).status_code == 404
    assert len((await client("GET", path, token="admin")).json[key]) == 1
    assert (await client("DELETE", f"{path}/two", token="admin")).status_code == 204
    assert (await client("DELETE", f"{path}/two", token="admin")).status_code == 404


async def test_an_object_requires_only_what_it_has(client: Client) -> None:
    await _make(client)
    body = {"name": "o", "required": ["p"]}
    assert (await client("POST", f"{PATH}/ns/objects", body, token="admin")).status_code == 400


async def test_tags_are_replaced_or_added_to(client: Client) -> None:
    await _make(client)
    path = f"{PATH}/ns/tags"

    async def names() -> list[str]:
        return sorted(one["name"] for one in (await client("GET", path, token="admin")).json["tags"])

    assert (await client("POST", f"{path}/a", token="admin")).status_code == 201
    await client("POST", path, {"tags": [{"name": "b"}]}, token="admin")
    assert await names() == ["b"]
    more = {"tags": [{"name": "b"}, {"name": "c"}]}
    await client("POST", path, more, token="admin", headers={"X-Openstack-Append": "True"})
    assert await names() == ["b", "c"]
    twice = {"tags": [{"name": "d"}, {"name": "d"}]}
    assert (await client("POST", path, twice, token="admin")).status_code == 409
    assert await names() == ["b", "c"]


async def test_a_type_of_resource_is_known_once_a_namespace_is_for_it(client: Client) -> None:
    await _make(client)
    path = f"{PATH}/ns/resource_types"
    assert (await client("POST", path, {"name": "My::Thing", "prefix": "m:"}, token="admin")).status_code == 201
    assert (await client("DELETE", f"{path}/My::Thing", token="admin")).status_code == 204
    assert (await client("GET", path, token="admin")).json == {"resource_type_associations": []}
    known = (await client("GET", "/v2/metadefs/resource_types")).json["resource_types"]
    assert {"My::Thing", "OS::Glance::Image"} <= {one["name"] for one in known}


@pytest.mark.parametrize("name", ["namespace", "namespaces", "object", "property", "tags", "resource_types"])
async def test_their_schemas_are_served(client: Client, name: str) -> None:
    assert (await client("GET", f"/v2/schemas/metadefs/{name}")).json["name"]
