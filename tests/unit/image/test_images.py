"""Images: bodies, visibility, lists, patches, members."""

import json
from typing import Any

import pytest

ACCEPT = {"status": "accepted"}


def names(answer: Any) -> list[str]:
    return [image["name"] for image in answer.json["images"]]


async def test_the_root_offers_several_versions(client: Any) -> None:
    answer = await client("GET", "/", token="")
    assert answer.status_code == 300
    assert answer.json["versions"][0]["status"] == "CURRENT"
    assert (await client("GET", "/versions", token="")).status_code == 200


async def test_a_new_image_is_queued_and_shared(client: Any) -> None:
    made = await client("POST", "/v2/images", {"name": "one", "hw_disk_bus": "virtio", "tags": ["b", "a"]})
    assert made.status_code == 201
    assert made.headers["location"].endswith(made.json["self"])
    shown = (await client("GET", made.json["self"])).json
    assert shown == made.json
    assert (shown["status"], shown["visibility"], shown["owner"]) == ("queued", "shared", "p1")
    assert shown["hw_disk_bus"] == "virtio"
    assert shown["tags"] == ["a", "b"]
    assert shown["size"] is None


@pytest.mark.parametrize(
    "body, status",
    [
        ({"name": "x", "status": "active"}, 403),
        ({"name": "x", "os_glance_foo": "1"}, 403),
        ({"name": "x", "visibility": "public"}, 403),
        ({"name": "x", "owner": "p2"}, 403),
        ({"name": "x", "disk_format": "wrong"}, 400),
        ({"name": "x", "container_format": "wrong"}, 400),
        ({"name": "x" * 256}, 400),
        ({"name": "x", "min_disk": -1}, 400),
        ({"name": "x", "weight": 5}, 400),
        ({"name": "x", "id": "no-uuid"}, 400),
        ([], 400),
    ],
)
async def test_what_may_not_be_given_is_refused(client: Any, body: Any, status: int) -> None:
    answer = await client("POST", "/v2/images", body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"


async def test_readers_do_not_create(client: Any) -> None:
    assert (await client("POST", "/v2/images", {"name": "x"}, token="reader")).status_code == 403


async def test_an_id_is_taken_once(client: Any) -> None:
    id = (await client.create())["id"]
    assert (await client("POST", "/v2/images", {"name": "again", "id": id})).status_code == 409


async def test_others_do_not_see_private_images(client: Any) -> None:
    image = await client.create(visibility="private")
    assert (await client("GET", image["self"], token="bob")).status_code == 404
    assert (await client("DELETE", image["self"], token="bob")).status_code == 404
    assert names(await client("GET", "/v2/images", token="bob")) == []
    assert names(await client("GET", "/v2/images", token="admin")) == ["one"]


async def test_public_images_are_seen_but_not_changed_by_all(client: Any) -> None:
    image = await client.create("pub", token="admin", visibility="public")
    assert names(await client("GET", "/v2/images", token="bob")) == ["pub"]
    assert (await client("DELETE", image["self"], token="bob")).status_code == 403
    assert (
        await client.patch(image["id"], {"op": "replace", "path": "/name", "value": "x"}, token="bob")
    ).status_code == 403


async def test_community_images_are_listed_when_asked_for(client: Any) -> None:
    await client.create("c", visibility="community")
    assert names(await client("GET", "/v2/images", token="bob")) == []
    assert names(await client("GET", "/v2/images?visibility=community", token="bob")) == ["c"]
    assert names(await client("GET", "/v2/images?visibility=all", token="bob")) == ["c"]


async def test_hidden_images_are_listed_when_asked_for(client: Any) -> None:
    await client.create("h", os_hidden=True)
    assert names(await client("GET", "/v2/images")) == []
    assert names(await client("GET", "/v2/images?os_hidden=true")) == ["h"]


async def test_filters(client: Any) -> None:
    await client.create("small", data=b"x" * 10, tags=["t1"])
    await client.create("big", data=b"x" * 1000, tags=["t1", "t2"], os_distro="debian")
    await client.create("none", disk_format="iso")

    async def found(query: str) -> list[str]:
        return sorted(names(await client("GET", f"/v2/images?{query}")))

    assert await found("name=small") == ["small"]
    assert await found("name=in:small,big") == ["big", "small"]
    assert await found('name=in:"small",none') == ["none", "small"]
    assert await found("status=active") == ["big", "small"]
    assert await found("size_min=100") == ["big"]
    assert await found("size_max=100") == ["small"]
    assert await found("tag=t1") == ["big", "small"]
    assert await found("tag=t1&tag=t2") == ["big"]
    assert await found("os_distro=debian") == ["big"]
    assert await found("disk_format=iso") == ["none"]
    assert await found("owner=p2") == []
    assert await found("created_at=gt:2001-01-01T00:00:00Z") == ["big", "none", "small"]
    assert (await client("GET", "/v2/images?size_min=-1")).status_code == 400
    assert (await client("GET", "/v2/images?created_at=soon")).status_code == 400
    assert (await client("GET", "/v2/images?visibility=odd")).status_code == 400


async def test_pages_and_order(client: Any) -> None:
    for name, size in (("a", 3), ("b", 1), ("c", 2)):
        await client.create(name, data=b"x" * size)
    await client.create("d")
    assert names(await client("GET", "/v2/images?sort=size:asc")) == ["d", "b", "c", "a"]
    assert names(await client("GET", "/v2/images?sort_key=name&sort_dir=desc")) == ["d", "c", "b", "a"]
    assert names(await client("GET", "/v2/images")) == ["d", "c", "b", "a"]
    seen, path = [], "/v2/images?limit=1&sort=size:asc"
    while path:
        page = await client("GET", path)
        seen += names(page)
        path = page.json.get("next", "")
    assert seen == ["d", "b", "c", "a"]
    assert (await client("GET", "/v2/images?limit=-1")).status_code == 400
    assert (await client("GET", "/v2/images?marker=nothing")).status_code == 400
    assert (await client("GET", "/v2/images?sort_key=colour")).status_code == 400
    assert names(await client("GET", "/v2/images?limit=0")) == []


async def test_patch(client: Any) -> None:
    id = (await client.create(os_distro="debian"))["id"]
    steps = [
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "add", "path": "/hw_video_model", "value": "vga"},
        {"op": "replace", "path": "/os_distro", "value": "ubuntu"},
        {"op": "replace", "path": "/tags", "value": ["x", "x"]},
        {"op": "add", "path": "/protected", "value": True},
    ]
    changed = (await client.patch(id, *steps)).json
    assert (changed["name"], changed["hw_video_model"], changed["os_distro"], changed["tags"]) == (
        "new",
        "vga",
        "ubuntu",
        ["x"],
    )
    assert (await client("DELETE", f"/v2/images/{id}")).status_code == 403
    removed = await client.patch(
        id, {"op": "remove", "path": "/os_distro"}, {"op": "replace", "path": "/protected", "value": False}
    )
    assert "os_distro" not in removed.json
    assert (await client("DELETE", f"/v2/images/{id}")).status_code == 204
    assert (await client("GET", f"/v2/images/{id}")).status_code == 404


@pytest.mark.parametrize(
    "step, status",
    [
        ({"op": "replace", "path": "/status", "value": "active"}, 403),
        ({"op": "replace", "path": "/id", "value": "x"}, 403),
        ({"op": "add", "path": "/os_glance_x", "value": "x"}, 403),
        ({"op": "remove", "path": "/name"}, 403),
        ({"op": "replace", "path": "/visibility", "value": "public"}, 403),
        ({"op": "replace", "path": "/missing", "value": "x"}, 409),
        ({"op": "remove", "path": "/missing"}, 409),
        ({"op": "move", "path": "/name"}, 400),
        ({"op": "replace", "path": "name", "value": "x"}, 400),
        ({"op": "replace", "path": "/name"}, 400),
        ({"op": "replace", "path": "/min_ram", "value": "lots"}, 400),
    ],
)
async def test_bad_patches(client: Any, step: Any, status: int) -> None:
    id = (await client.create())["id"]
    assert (await client.patch(id, step)).status_code == status


async def test_a_patch_needs_its_media_type(client: Any) -> None:
    id = (await client.create())["id"]
    assert (await client("PATCH", f"/v2/images/{id}", [])).status_code == 415


async def test_tags(client: Any) -> None:
    id = (await client.create())["id"]
    assert (await client("PUT", f"/v2/images/{id}/tags/blue")).status_code == 204
    assert (await client("PUT", f"/v2/images/{id}/tags/blue")).status_code == 204
    assert (await client("GET", f"/v2/images/{id}")).json["tags"] == ["blue"]
    assert (await client("DELETE", f"/v2/images/{id}/tags/blue")).status_code == 204
    assert (await client("DELETE", f"/v2/images/{id}/tags/blue")).status_code == 404
    assert (await client("PUT", "/v2/images/none/tags/blue")).status_code == 404


async def test_sharing(client: Any) -> None:
    id = (await client.create())["id"]
    members = f"/v2/images/{id}/members"
    assert (await client("POST", members, {"member": "p2"})).json["status"] == "pending"
    assert (await client("POST", members, {"member": "p2"})).status_code == 409
    assert (await client("GET", f"/v2/images/{id}", token="bob")).status_code == 200
    assert names(await client("GET", "/v2/images", token="bob")) == []
    assert names(await client("GET", "/v2/images?member_status=pending", token="bob")) == ["one"]
    assert (await client("PUT", f"{members}/p2", ACCEPT)).status_code == 403
    assert (await client("PUT", f"{members}/p2", {"status": "maybe"}, token="bob")).status_code == 400
    assert (await client("PUT", f"{members}/p2", ACCEPT, token="bob")).json["status"] == "accepted"
    assert names(await client("GET", "/v2/images", token="bob")) == ["one"]
    assert names(await client("GET", "/v2/images?visibility=shared", token="bob")) == ["one"]
    assert (await client("DELETE", f"{members}/p2", token="bob")).status_code == 403
    assert (await client("DELETE", f"{members}/p2")).status_code == 204
    assert (await client("GET", f"/v2/images/{id}", token="bob")).status_code == 404


async def test_only_shared_images_have_members(client: Any) -> None:
    id = (await client.create(visibility="private"))["id"]
    assert (await client("POST", f"/v2/images/{id}/members", {"member": "p2"})).status_code == 403


async def test_a_launch_token_gets_its_image_and_nothing_else(client: Any, parts: Any) -> None:
    mine = await client.create("mine", data=b"data", visibility="private", token="admin")
    other = await client.create("other", data=b"data")
    token = f"host:{mine['id']}"
    assert (await client("GET", mine["self"], token=token)).status_code == 200
    assert (await client("GET", mine["file"], token=token)).content == b"data"
    assert (await client("GET", other["self"], token=token)).status_code == 403
    assert (await client("GET", other["file"], token=token)).status_code == 403
    assert (await client("GET", "/v2/images", token=token)).status_code == 403
    assert (await client("DELETE", mine["self"], token=token)).status_code == 403
    assert (await client("POST", "/v2/images", {"name": "x"}, token=token)).status_code == 403
    assert (await client.upload(mine["id"], b"new", token=token)).status_code == 409
    assert (await client.upload(other["id"], b"new", token=token)).status_code == 403
    queued = await client.create("snapshot")
    assert (await client.upload(queued["id"], b"disk", token=f"host:{queued['id']}")).status_code == 204
    events = [(event.step, event.server_id, event.outcome) for event in parts.tracer._waiting]
    assert events == [(20, "s1", "cached")] * 4, "of image and data, also where they were refused"


async def test_schemas(client: Any) -> None:
    shown = (await client("GET", "/v2/schemas/image")).json
    assert shown["name"] == "image"
    assert "min_ram" in shown["properties"]
    for name in ("images", "member", "members"):
        assert (await client("GET", f"/v2/schemas/{name}")).json["name"] == name
    assert (await client("GET", "/v2/schemas/none")).status_code == 404
    assert (await client("GET", "/v2/info/stores")).json["stores"][0]["id"] == "file"
    assert json.dumps(shown)


async def test_a_systems_token_sees_no_image(client: Any) -> None:
    image = await client.create(visibility="private")
    assert (await client("GET", image["self"], token="admin")).status_code == 200
    assert (await client("GET", image["self"], token="system")).status_code == 404
    assert (await client("GET", "/v2/images", token="system")).status_code == 403
    assert (await client("POST", "/v2/images", {"name": "x"}, token="system")).status_code == 403
