"""Servers whose disks are volumes: given, or made from images, snapshots and nothing while they boot."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .volume_lab import NEWEST, Lab


@pytest.fixture
def lab(cloud: Any) -> Iterator[Lab]:
    made = Lab(cloud)
    yield made
    made.close()


def device(source: str, uuid: str | None = None, index: int | None = 0, **more: Any) -> dict[str, Any]:
    found = {"source_type": source, "destination_type": "volume", "boot_index": index, **more}
    return found | ({"uuid": uuid} if uuid else {})


def boot(lab: Lab, *devices: dict[str, Any], **more: Any) -> str:
    return lab.boot(**{"imageRef": "", **more}, block_device_mapping_v2=list(devices))


def post(lab: Lab, *devices: dict[str, Any], version: str = NEWEST, **more: Any) -> Any:
    body = {"name": "refused", "imageRef": "", "flavorRef": "1", "networks": "none", **more}
    return lab.demo.post(
        "compute", "/servers", {"server": {**body, "block_device_mapping_v2": list(devices)}}, version=version
    )


def attached(lab: Lab, server: str) -> list[dict[str, Any]]:
    path = f"/servers/{server}/os-volume_attachments"
    found: list[dict[str, Any]] = lab.demo.get("compute", path, version=NEWEST).json["volumeAttachments"]
    return found


def delete(lab: Lab, server: str) -> None:
    lab.demo.delete("compute", f"/servers/{server}")
    lab.demo.wait("compute", f"/servers/{server}", lambda answer: answer.status == 404)


def test_a_volume_is_made_from_an_image_and_booted(lab: Lab) -> None:
    image = lab.cloud.image_id()
    server = boot(lab, device("image", image, volume_size=2, delete_on_termination=True))
    shown = lab.until(server, "ACTIVE")
    assert shown["image"] == "" and shown["OS-EXT-SRV-ATTR:root_device_name"] == "/dev/vda"
    [root] = attached(lab, server)
    assert root["device"] == "/dev/vda" and root["delete_on_termination"] is True
    volume = lab.status(root["volumeId"], "in-use")
    assert volume["size"] == 2 and volume["bootable"] == "true"
    assert volume["volume_image_metadata"]["image_id"] == image
    assert volume["os-vol-tenant-attr:tenant_id"] == lab.demo.project_id
    assert lab.demo.get("block-storage", f"/volumes/{root['volumeId']}").json["volume"]["user_id"] == lab.demo.user_id
    refused = lab.detach(server, root["volumeId"])
    assert refused.status == 400 and "root device volume" in refused.json["badRequest"]["message"]
    delete(lab, server)
    lab.admin.wait("block-storage", f"/volumes/{root['volumeId']}", lambda answer: answer.status == 404)


def test_a_volume_that_is_first_is_booted_whatever_image_is_named(lab: Lab) -> None:
    root = lab.volume(imageRef=lab.cloud.image_id())
    server = boot(lab, device("volume", root), imageRef=lab.cloud.image_id())
    assert lab.until(server, "ACTIVE")["image"] == ""
    [found] = attached(lab, server)
    assert (found["volumeId"], found["device"]) == (root, "/dev/vda")
    delete(lab, server)


def test_volumes_of_all_sources_have_their_turn_and_name(lab: Lab) -> None:
    root, origin = lab.volume(imageRef=lab.cloud.image_id()), lab.volume()
    body = {"snapshot": {"volume_id": origin, "name": "s"}}
    snapshot = lab.demo.post("block-storage", "/snapshots", body).json["snapshot"]["id"]
    path = f"/snapshots/{snapshot}"
    lab.demo.wait("block-storage", path, lambda a: a.json["snapshot"]["status"] == "available")
    server = boot(
        lab,
        device("volume", root),
        device("snapshot", snapshot, None, delete_on_termination=True),
        device("blank", None, None, volume_size=3, delete_on_termination=True, tag="scratch", volume_type="lab2"),
    )
    found = attached(lab, server)
    assert [one["device"] for one in found] == ["/dev/vda", "/dev/vdb", "/dev/vdc"]
    assert found[0]["volumeId"] == root and found[2]["tag"] == "scratch"
    volumes = [lab.status(one["volumeId"], "in-use") for one in found]
    assert [one["size"] for one in volumes] == [1, 1, 3]
    assert volumes[1]["snapshot_id"] == snapshot and volumes[2]["volume_type"] == "lab2"
    delete(lab, server)
    assert lab.status(root, "available")
    for one in found[1:]:
        lab.admin.wait("block-storage", f"/volumes/{one['volumeId']}", lambda answer: answer.status == 404)
    lab.demo.delete("block-storage", path)
    lab.demo.wait("block-storage", path, lambda answer: answer.status == 404)


def test_an_image_with_more_volumes_boots_from_its_own_disk(lab: Lab) -> None:
    image = lab.cloud.image_id()
    extra = device("blank", None, None, volume_size=1, delete_on_termination=True)
    local = {"source_type": "image", "uuid": image, "boot_index": 0, "destination_type": "local"}
    server = boot(lab, local, extra, imageRef=image)
    assert lab.until(server, "ACTIVE")["image"]["id"] == image
    assert [one["device"] for one in attached(lab, server)] == ["/dev/vdb"]


def test_the_older_form_names_volumes(lab: Lab) -> None:
    root = lab.volume(imageRef=lab.cloud.image_id())
    server = lab.boot(imageRef="", block_device_mapping=[{"device_name": "vda", "volume_id": root}])
    assert lab.until(server, "ACTIVE")["image"] == ""
    assert lab.status(root, "in-use")["attachments"][0]["device"] == "/dev/vda"


def test_an_image_of_a_server_on_volumes_boots_on_new_ones(lab: Lab) -> None:
    server = boot(lab, device("image", lab.cloud.image_id(), volume_size=1, delete_on_termination=True))
    answer = lab.demo.post(
        "compute", f"/servers/{server}/action", {"createImage": {"name": "of a volume"}}, version=NEWEST
    )
    image = answer.json["image_id"]
    mapping = json.loads(lab.demo.get("image", f"/v2/images/{image}").json["block_device_mapping"])
    snapshot = f"/snapshots/{mapping[0]['snapshot_id']}"
    lab.demo.wait("block-storage", snapshot, lambda a: a.json["snapshot"]["status"] == "available")
    again = lab.boot(imageRef=image)
    [root] = attached(lab, again)
    assert root["device"] == "/dev/vda"
    assert lab.status(root["volumeId"], "in-use")["snapshot_id"] == mapping[0]["snapshot_id"]
    delete(lab, again)
    delete(lab, server)
    lab.admin.wait("block-storage", f"/volumes/{root['volumeId']}", lambda answer: answer.status == 404)
    lab.demo.delete("image", f"/v2/images/{image}")
    lab.demo.delete("block-storage", snapshot)
    lab.demo.wait("block-storage", snapshot, lambda answer: answer.status == 404)


def test_what_a_failed_boot_made_is_gone(lab: Lab) -> None:
    body = {
        "name": "fails",
        "imageRef": "",
        "flavorRef": "1",
        "networks": "none",
        "metadata": {"tinstack:fault": "28"},
        "block_device_mapping_v2": [device("image", lab.cloud.image_id(), volume_size=1)],
    }
    made = lab.demo.post("compute", "/servers", {"server": body}, version=NEWEST)
    server = made.json["server"]["id"]
    lab.servers.append(server)
    shown = lab.until(server, "ERROR")
    assert "Step 28" in shown["fault"]["message"]
    assert shown["os-extended-volumes:volumes_attached"] == [] and attached(lab, server) == []
    assert (
        lab.admin.get("block-storage", f"/attachments?instance_id={server}", version="3.44").json["attachments"] == []
    )


def test_a_volume_that_can_not_be_had_ends_the_boot_with_its_reason(lab: Lab) -> None:
    server = post(lab, device("image", lab.cloud.image_id(), volume_size=5000)).json["server"]["id"]
    lab.servers.append(server)
    shown = lab.until(server, "ERROR")
    assert "gigabytes" in shown["fault"]["message"] and "Step 25" in shown["fault"]["message"]


def test_a_server_deleted_while_its_volume_is_made_leaves_nothing(lab: Lab) -> None:
    more = {"metadata": {"tinstack:delay": "25:2000"}}
    disk = device("image", lab.cloud.image_id(), volume_size=1, delete_on_termination=True)
    server = post(lab, disk, **more).json["server"]["id"]
    [volume] = lab.demo.wait(
        "compute", f"/servers/{server}", lambda a: a.json["server"]["os-extended-volumes:volumes_attached"]
    ).json["server"]["os-extended-volumes:volumes_attached"]
    delete(lab, server)
    lab.admin.wait("block-storage", f"/volumes/{volume['id']}", lambda answer: answer.status == 404)


NOWHERE = str(uuid.uuid4())


@pytest.mark.parametrize(
    "devices, words",
    [
        ([device("volume", NOWHERE)], "failed to get volume"),
        ([device("snapshot", NOWHERE)], "failed to get snapshot"),
        ([device("image", NOWHERE, volume_size=1)], "could not be found"),
        ([device("blank", None, 0, volume_size=1)], "blank volume"),
        ([device("blank", None, None, volume_size=1)], "Boot sequence"),
        ([device("image", "IMAGE")], "non-zero size"),
        ([device("image", "IMAGE", volume_size=1), device("blank", None, 0, volume_size=1)], "Boot sequence"),
        ([device("image", "IMAGE", volume_size=1), device("blank", None, 2, volume_size=1)], "Boot sequence"),
        ([device("image", "IMAGE", volume_size=1), device("blank", None, None)], "non-zero size"),
        ([device("image", "IMAGE", volume_size=1, volume_type="no such")], "no such"),
        (
            [device("image", "IMAGE", volume_size=1), device("blank", index=None, destination_type="local")],
            "larger than",
        ),
        (
            [
                device("image", "IMAGE", volume_size=1, device_name="/dev/vda"),
                device("blank", None, None, volume_size=1, device_name="/dev/vda"),
            ],
            "in use",
        ),
    ],
)
def test_mappings_that_can_not_be_are_refused(lab: Lab, devices: list[dict[str, Any]], words: str) -> None:
    image = lab.cloud.image_id()
    sent = [{**one, **({"uuid": image} if one.get("uuid") == "IMAGE" else {})} for one in devices]
    answer = post(lab, *sent)
    assert answer.status == 400, answer.data
    assert words in answer.json["badRequest"]["message"]


def test_an_unbootable_volume_and_a_type_before_its_time_are_refused(lab: Lab) -> None:
    answer = post(lab, device("volume", lab.volume()))
    assert answer.status == 400 and "not bootable" in answer.json["badRequest"]["message"]
    typed = device("image", lab.cloud.image_id(), volume_size=1, volume_type="lab1")
    assert post(lab, typed, version="2.66").status == 400


@pytest.mark.parametrize(
    "mapping",
    [
        "no JSON",
        "{}",
        "[5]",
        '[{"source_type": "nothing"}]',
        '[{"source_type": "snapshot", "boot_index": "first", "snapshot_id": "x"}]',
        '[{"source_type": "snapshot", "boot_index": 0, "snapshot_id": {"x": 1}}]',
        '[{"source_type": "snapshot", "boot_index": 0, "snapshot_id": "../types"}]',
        '[{"source_type": "blank", "boot_index": 0, "volume_size": -5}]',
        '[{"source_type": "image", "boot_index": 0, "volume_size": 1, "image_id": "/"}]',
        '[{"source_type": "blank", "device_name": "\u0000", "volume_size": 1}]',
    ],
)
def test_a_mapping_that_somebody_wrote_into_an_image_is_not_trusted(lab: Lab, mapping: str) -> None:
    body = {"name": "odd", "disk_format": "raw", "container_format": "bare", "block_device_mapping": mapping}
    image = lab.demo.post("image", "/v2/images", body).json["id"]
    octets = {"Content-Type": "application/octet-stream"}
    assert lab.demo.put("image", f"/v2/images/{image}/file", data=b"", headers=octets).status == 204
    answer = lab.demo.post(
        "compute",
        "/servers",
        {"server": {"name": "odd", "imageRef": image, "flavorRef": "1", "networks": "none"}},
        version=NEWEST,
    )
    assert answer.status == 400, answer.data
    lab.demo.delete("image", f"/v2/images/{image}")
