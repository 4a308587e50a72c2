"""Images beside the other services: real tokens, real roles, real data over HTTP."""

import hashlib
from typing import Any

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
OCTETS = {"Content-Type": "application/octet-stream"}
DATA = b"not a known format " * 50_000


def new(client: Any, **more: Any) -> Any:
    answer = client.post("image", "/v2/images", {"name": "t", "disk_format": "raw", "container_format": "bare", **more})
    assert answer.status == 201, answer.data
    return answer.json


def test_what_goes_up_comes_down(cloud: Any) -> None:
    image = new(cloud.demo)
    assert cloud.demo.put("image", image["file"], data=DATA, headers=OCTETS).status == 204
    shown = cloud.demo.get("image", image["self"]).json
    assert (shown["status"], shown["size"]) == ("active", len(DATA))
    assert shown["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    got = cloud.demo.get("image", image["file"])
    assert got.data == DATA
    part = cloud.demo.get("image", image["file"], headers={"Range": "bytes=4-9"})
    assert (part.status, part.data) == (206, DATA[4:10])
    assert cloud.demo.delete("image", image["self"]).status == 204
    assert cloud.demo.get("image", image["self"]).status == 404


def test_data_in_disguise_are_refused(cloud: Any) -> None:
    image = new(cloud.demo, disk_format="qcow2")
    assert cloud.demo.put("image", image["file"], data=DATA, headers=OCTETS).status == 415
    assert cloud.demo.get("image", image["self"]).json["status"] == "queued"
    cloud.demo.delete("image", image["self"])


def test_only_admins_publish(cloud: Any) -> None:
    image = new(cloud.demo)
    publish = [{"op": "replace", "path": "/visibility", "value": "public"}]
    assert cloud.demo.request("PATCH", "image", image["self"], publish, headers=PATCH).status == 403
    assert cloud.admin.request("PATCH", "image", image["self"], publish, headers=PATCH).status == 200
    assert cloud.demo.delete("image", image["self"]).status == 204


def test_a_private_image_of_another_project_is_not_there(cloud: Any) -> None:
    image = new(cloud.admin, visibility="private")
    assert cloud.demo.get("image", image["self"]).status == 404
    assert cloud.admin.delete("image", image["self"]).status == 204
