"""Volumes beside the other services: real tokens, images from the image service."""

from collections.abc import Iterator
from typing import Any

import pytest

OCTETS = {"Content-Type": "application/octet-stream"}


def status(wanted: str) -> Any:
    return lambda answer: answer.status == 200 and answer.json["volume"]["status"] == wanted


def available(client: Any, **body: Any) -> Any:
    made = client.post("block-storage", "/volumes", {"volume": body})
    assert made.status == 202, made.data
    path = f"/volumes/{made.json['volume']['id']}"
    return client.wait("block-storage", path, status("available")).json["volume"]


def remove(client: Any, id: str) -> None:
    assert client.delete("block-storage", f"/volumes/{id}").status == 202
    client.wait("block-storage", f"/volumes/{id}", lambda answer: answer.status == 404)


@pytest.fixture
def image(cloud: Any) -> Iterator[str]:
    body = {"name": "for a volume", "disk_format": "raw", "container_format": "bare", "hw_disk_bus": "scsi"}
    made = cloud.demo.post("image", "/v2/images", body).json
    assert cloud.demo.put("image", made["file"], data=b"data" * 1000, headers=OCTETS).status == 204
    yield made["id"]
    cloud.demo.delete("image", made["self"])


def test_a_volume_comes_and_goes(cloud: Any) -> None:
    volume = available(cloud.demo, size=1, name="v")
    assert volume["os-vol-tenant-attr:tenant_id"] == cloud.demo.project_id
    assert cloud.admin.get("block-storage", f"/volumes/{volume['id']}").json["volume"]["os-vol-host-attr:host"]
    remove(cloud.demo, volume["id"])


def test_a_volume_from_an_image(cloud: Any, image: str) -> None:
    volume = available(cloud.demo, size=1, imageRef=image)
    assert volume["bootable"] == "true"
    assert volume["volume_image_metadata"]["hw_disk_bus"] == "scsi"
    remove(cloud.demo, volume["id"])


def test_an_image_that_the_user_does_not_see_is_refused(cloud: Any) -> None:
    secret = cloud.admin.post("image", "/v2/images", {"name": "secret", "visibility": "private"}).json
    answer = cloud.demo.post("block-storage", "/volumes", {"volume": {"size": 1, "imageRef": secret["id"]}})
    assert answer.status == 400
    cloud.admin.delete("image", secret["self"])


def test_an_attachment_is_reserved_and_given_back(cloud: Any) -> None:
    volume = available(cloud.demo, size=1)
    server = "0f0e0d0c-0000-4000-8000-000000000000"
    body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": server}}
    made = cloud.demo.post("block-storage", "/attachments", body, version="3.44").json["attachment"]
    listed = cloud.demo.get("block-storage", f"/attachments?instance_id={server}", version="3.44").json["attachments"]
    assert [row["id"] for row in listed] == [made["id"]]
    assert cloud.demo.delete("block-storage", f"/volumes/{volume['id']}").status == 400
    assert cloud.demo.delete("block-storage", f"/attachments/{made['id']}", version="3.44").json == {"attachments": []}
    remove(cloud.demo, volume["id"])
