"""What volumes and servers tell each other: growth while attached, events of actions, images of volumes."""

from collections.abc import Iterator
from typing import Any

import pytest

from .volume_lab import NEWEST, Lab


@pytest.fixture
def lab(cloud: Any) -> Iterator[Lab]:
    made = Lab(cloud)
    yield made
    made.close()


def event_of(lab: Lab, server: str, action: str) -> Any:
    """The one event of the newest action of that name, once it is over."""
    path = f"/servers/{server}/os-instance-actions"

    def asked(answer: Any) -> bool:
        return any(one["action"] == action for one in answer.json["instanceActions"])

    actions = lab.admin.wait("compute", path, asked).json["instanceActions"]
    id = next(one["request_id"] for one in actions if one["action"] == action)

    def over(answer: Any) -> bool:
        return bool(answer.json["instanceAction"]["events"][0]["result"])

    [event] = lab.admin.wait("compute", f"{path}/{id}", over).json["instanceAction"]["events"]
    return event


def extend(lab: Lab, volume: str, size: int, version: str) -> int:
    body = {"os-extend": {"new_size": size}}
    status: int = lab.demo.post("block-storage", f"/volumes/{volume}/action", body, version=version).status
    return status


def test_a_volume_grows_while_it_is_attached(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    lab.attached(server, volume)
    assert extend(lab, volume, 2, "3.41") == 400
    assert extend(lab, volume, 1, "3.42") == 400
    assert extend(lab, volume, 2, "3.42") == 202
    path = f"/volumes/{volume}"
    lab.demo.wait(
        "block-storage", path, lambda a: (a.json["volume"]["size"], a.json["volume"]["status"]) == (2, "in-use")
    )
    event = event_of(lab, server, "extend_volume")
    assert (event["event"], event["result"]) == ("compute_extend_volume", "Success")


def test_what_hosts_do_is_recorded_with_its_result(lab: Lab) -> None:
    server, volume = lab.boot(metadata={"tinstack:fault": "detach_volume:1"}), lab.volume()
    lab.attached(server, volume)
    event = event_of(lab, server, "attach_volume")
    assert (event["event"], event["result"], event["traceback"]) == ("compute_attach_volume", "Success", None)
    assert lab.detach(server, volume).status == 202
    event = event_of(lab, server, "detach_volume")
    assert event["result"] == "Error" and "simulated fault" in event["traceback"]
    lab.act(server, "os-stop")
    lab.until(server, "SHUTOFF")
    assert event_of(lab, server, "stop")["event"] == "compute_stop_instance"


def upload(lab: Lab, volume: str, version: str = "3.1", **more: Any) -> Any:
    body = {"os-volume_upload_image": {"image_name": "of a volume", **more}}
    return lab.demo.post("block-storage", f"/volumes/{volume}/action", body, version=version)


@pytest.mark.parametrize("disk_format", ["raw", "qcow2"])
def test_an_image_is_made_of_a_volume(lab: Lab, disk_format: str) -> None:
    volume = lab.volume(imageRef=lab.cloud.image_id())
    answer = upload(lab, volume, disk_format=disk_format)
    assert answer.status == 202, answer.data
    shown = answer.json["os-volume_upload_image"]
    assert (shown["id"], shown["status"], shown["disk_format"]) == (volume, "uploading", disk_format)
    assert (shown["visibility"], shown["protected"], shown["size"]) == ("private", False, 1)
    path = f"/v2/images/{shown['image_id']}"
    image = lab.demo.wait("image", path, lambda a: a.json["status"] == "active").json
    assert (image["name"], image["owner"]) == ("of a volume", lab.demo.project_id)
    assert lab.status(volume, "available")
    server = lab.boot(imageRef=image["id"])
    assert lab.until(server, "ACTIVE")["image"]["id"] == image["id"]
    assert lab.demo.delete("image", path).status == 204


def test_uploads_that_can_not_be_change_nothing(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    assert upload(lab, volume, disk_format="docx").status == 400
    assert (
        lab.demo.post(
            "block-storage", f"/volumes/{volume}/action", {"os-volume_upload_image": {}}, version="3.1"
        ).status
        == 400
    )
    failing = upload(lab, volume, disk_format="vdi").json["os-volume_upload_image"]["image_id"]
    lab.demo.wait("image", f"/v2/images/{failing}", lambda answer: answer.status == 404)
    assert lab.status(volume, "available")
    lab.attached(server, volume)
    assert upload(lab, volume).status == 400
    assert upload(lab, volume, force=False).status == 400
    assert lab.status(volume, "in-use")
    assert "visibility" not in upload(lab, lab.volume(), version="3.0").json["os-volume_upload_image"]


def test_an_image_is_made_of_a_volume_in_use_by_force(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    lab.attached(server, volume)
    answer = upload(lab, volume, force=True)
    assert answer.status == 202, answer.data
    path = f"/v2/images/{answer.json['os-volume_upload_image']['image_id']}"
    lab.demo.wait("image", path, lambda a: a.json["status"] == "active")
    assert lab.status(volume, "in-use")
    lab.demo.delete("image", path)


def test_what_a_user_wrote_of_the_image_is_not_trusted(lab: Lab) -> None:
    volume = lab.volume(imageRef=lab.cloud.image_id())
    odd = {"min_disk": "many", "min_ram": "9" * 40, "hw_disk_bus": "scsi"}
    body = {"os-set_image_metadata": {"metadata": odd}}
    assert lab.demo.post("block-storage", f"/volumes/{volume}/action", body).status == 200
    id = upload(lab, volume).json["os-volume_upload_image"]["image_id"]
    image = lab.demo.wait("image", f"/v2/images/{id}", lambda a: a.json["status"] == "active").json
    assert (image["min_disk"], image["min_ram"], image["hw_disk_bus"]) == (0, 0, "scsi")
    lab.demo.delete("image", f"/v2/images/{id}")


def test_a_volume_of_an_image_of_a_volume_knows_where_it_came_from(lab: Lab) -> None:
    volume = lab.volume(imageRef=lab.cloud.image_id())
    image = upload(lab, volume).json["os-volume_upload_image"]["image_id"]
    lab.demo.wait("image", f"/v2/images/{image}", lambda a: a.json["status"] == "active")
    copy = lab.volume(imageRef=image)
    shown = lab.demo.get("block-storage", f"/volumes/{copy}").json["volume"]
    assert shown["bootable"] == "true" and shown["volume_image_metadata"]["image_id"] == image
    clone = lab.volume(source_volid=volume)
    assert lab.demo.get("block-storage", f"/volumes/{clone}").json["volume"]["bootable"] == "true"
    mapping = {"uuid": clone, "source_type": "volume", "destination_type": "volume", "boot_index": 0}
    server = lab.boot(imageRef="", block_device_mapping_v2=[mapping])
    assert lab.until(server, "ACTIVE")["image"] == ""
    assert lab.demo.get("compute", f"/servers/{server}/os-volume_attachments", version=NEWEST).status == 200
    lab.demo.delete("image", f"/v2/images/{image}")
