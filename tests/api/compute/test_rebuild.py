"""Rebuild: the same server on a new disk, with what was asked to be another."""

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .volume_lab import NEWEST, Lab


class Rebuilds(Lab):
    """With what rebuilds are asked by."""

    def act(self, server: str, action: str, body: Any = None, version: str = NEWEST) -> Any:
        return self.demo.post("compute", f"/servers/{server}/action", {action: body}, version=version)

    def rebuild(self, server: str, version: str = NEWEST, **wanted: Any) -> Any:
        return self.act(server, "rebuild", {"imageRef": self.cloud.image_id("tiny-alt"), **wanted}, version)

    def shown(self, server: str) -> Any:
        return self.demo.get("compute", f"/servers/{server}", version=NEWEST).json["server"]

    def console(self, server: str) -> str:
        return str(self.act(server, "os-getConsoleOutput", {}).json["output"])


@pytest.fixture
def lab(cloud: Any) -> Iterator[Rebuilds]:
    made = Rebuilds(cloud)
    yield made
    made.close()


def test_a_rebuilt_server_is_the_same_with_another_image(lab: Rebuilds) -> None:
    server = lab.boot()
    before = lab.shown(server)
    user_data = base64.b64encode(b"#!/bin/sh\n").decode()
    answer = lab.rebuild(server, name="again", metadata={"a": "b"}, user_data=user_data, adminPass="secret")
    assert answer.status == 202 and answer.headers["location"].endswith(f"/servers/{server}")
    told = answer.json["server"]
    assert (told["status"], told["adminPass"], told["user_data"]) == ("REBUILD", "secret", user_data)
    assert told["image"]["id"] == lab.cloud.image_id("tiny-alt")
    lab.until(server, "ACTIVE")
    after = lab.shown(server)
    assert (after["name"], after["metadata"]) == ("again", {"a": "b"})
    assert after["image"]["id"] == lab.cloud.image_id("tiny-alt")
    assert after["addresses"] == before["addresses"]
    assert lab.console(server).count("booted") == 1, "the guest before is gone"
    [action] = [one for one in lab.actions(server) if one["action"] == "rebuild"]
    assert action["message"] is None


def test_a_server_that_is_off_is_off_again(lab: Rebuilds) -> None:
    server = lab.boot()
    lab.act(server, "os-stop")
    lab.until(server, "SHUTOFF")
    assert lab.rebuild(server).status == 202
    lab.demo.wait(
        "compute", f"/servers/{server}", lambda a: a.json["server"]["OS-EXT-STS:task_state"] is None, version=NEWEST
    )
    assert lab.shown(server)["status"] == "SHUTOFF"


def test_its_volumes_stay(lab: Rebuilds) -> None:
    server, volume = lab.boot(), lab.volume()
    lab.attach(server, volume)
    assert lab.rebuild(server).status == 202
    lab.until(server, "ACTIVE")
    assert [one["id"] for one in lab.shown(server)["os-extended-volumes:volumes_attached"]] == [volume]
    assert lab.demo.get("block-storage", f"/volumes/{volume}").json["volume"]["status"] == "in-use"


def test_a_rebuild_that_fails_is_an_error_that_another_one_heals(lab: Rebuilds) -> None:
    server = lab.boot()
    assert lab.rebuild(server, metadata={"tinstack:fault": "28"}).status == 202
    lab.until(server, "ERROR")
    assert "simulated fault" in lab.shown(server)["fault"]["message"]
    assert lab.rebuild(server, metadata={}).status == 202
    lab.until(server, "ACTIVE")


def test_what_can_not_be_is_refused(lab: Rebuilds) -> None:
    server = lab.boot()
    assert lab.act(server, "rebuild", {"imageRef": str(uuid.uuid4())}).status == 400
    assert lab.act(server, "rebuild", {}).status == 400
    assert lab.rebuild(server, preserve_ephemeral=True).status == 400
    assert lab.rebuild(server, "2.53", key_name=None).status == 400
    assert lab.rebuild(str(uuid.uuid4())).status == 404
    lab.act(server, "pause")
    lab.until(server, "PAUSED")
    assert lab.rebuild(server).status == 409


def test_a_rescued_server_runs_until_it_is_unrescued(lab: Rebuilds) -> None:
    server = lab.boot()
    answer = lab.act(server, "rescue", {"adminPass": "secret", "rescue_image_ref": lab.cloud.image_id("tiny-alt")})
    assert (answer.status, answer.json) == (200, {"adminPass": "secret"})
    shown = lab.until(server, "RESCUE")
    assert (shown["OS-EXT-STS:vm_state"], shown["OS-EXT-STS:power_state"]) == ("rescued", 1)
    assert shown["image"]["id"] == lab.cloud.image_id()
    for action, body in (("pause", None), ("reboot", {"type": "HARD"}), ("rescue", None), ("os-stop", None)):
        assert lab.act(server, action, body).status == 409, action
    assert lab.rebuild(server).status == 409
    assert lab.act(server, "unrescue").status == 202
    assert lab.until(server, "ACTIVE")["OS-EXT-STS:vm_state"] == "active"
    assert lab.act(server, "unrescue").status == 409
    assert lab.act(server, "rescue", {"rescue_image_ref": str(uuid.uuid4())}).status == 400
    assert lab.act(server, "rescue", {"more": 1}).status == 400


def on_volume(lab: Rebuilds) -> str:
    image = lab.cloud.image_id()
    mapping = {"source_type": "image", "destination_type": "volume", "uuid": image, "boot_index": 0, "volume_size": 1}
    return lab.boot(imageRef="", block_device_mapping_v2=[{**mapping, "delete_on_termination": True}])


def rescue_image(lab: Rebuilds, **properties: str) -> str:
    body = {"name": "for rescues", "disk_format": "raw", "container_format": "bare", **properties}
    made = lab.demo.post("image", "/v2/images", body).json["id"]
    headers = {"Content-Type": "application/octet-stream"}
    assert lab.demo.request("PUT", "image", f"/v2/images/{made}/file", headers=headers, data=bytes(512)).status == 204
    return str(made)


def test_a_server_on_a_volume_is_rescued_by_an_image_that_stands_beside_its_disks(lab: Rebuilds) -> None:
    """From 2.87 on; the image says what it is by its properties."""
    server, plain = on_volume(lab), lab.cloud.image_id("tiny-alt")
    beside = rescue_image(lab, hw_rescue_device="cdrom")
    strange = rescue_image(lab, hw_rescue_device="cdrom", hw_rescue_bus="virtio")
    for image, version, said in (
        (beside, "2.86", "Cannot rescue a volume-backed instance"),
        (plain, NEWEST, "hw_rescue_device"),
        (strange, NEWEST, "hw_rescue_bus of the image is 'virtio', but a cdrom can be at sata or scsi"),
    ):
        refused = lab.act(server, "rescue", {"rescue_image_ref": image}, version)
        assert refused.status == 400 and said in refused.json["badRequest"]["message"], image
    assert lab.act(server, "rescue", {"rescue_image_ref": beside}, "2.87").status == 200
    lab.until(server, "RESCUE")
    assert lab.act(server, "unrescue").status == 202
    lab.until(server, "ACTIVE")
    for image in (beside, strange):
        lab.demo.delete("image", f"/v2/images/{image}")


def test_a_server_on_a_volume_is_rebuilt_with_the_content_that_it_had(lab: Rebuilds) -> None:
    """With the image that the volume was made of, until 2.92; later ones write the volume anew, which is not there."""
    server = on_volume(lab)
    own = lab.cloud.image_id()
    assert lab.rebuild(server, "2.92").status == 400, "another image"
    assert lab.rebuild(server, "2.93", imageRef=own).status == 400
    assert lab.rebuild(server, "2.92", imageRef=own, name="again").status == 202
    lab.until(server, "ACTIVE")
    after = lab.shown(server)
    assert (after["name"], after["image"]) == ("again", "")
    [volume] = [one["id"] for one in after["os-extended-volumes:volumes_attached"]]
    assert lab.demo.get("block-storage", f"/volumes/{volume}").json["volume"]["status"] == "in-use"
    assert lab.console(server).count("booted") == 1


def test_a_rescue_that_fails_is_an_error(lab: Rebuilds) -> None:
    server = lab.boot(metadata={"tinstack:fault": "rescue"})
    assert lab.act(server, "rescue").status == 200
    lab.until(server, "ERROR")
    assert lab.act(server, "reboot", {"type": "HARD"}).status == 202
    lab.demo.wait("compute", f"/servers/{server}", lambda a: a.json["server"]["status"] == "ACTIVE", version=NEWEST)


def test_a_password_can_not_be_set_without_an_agent_in_the_guest(lab: Rebuilds) -> None:
    server = lab.boot()
    answer = lab.act(server, "changePassword", {"adminPass": "secret"})
    assert answer.status == 409 and "guest agent is not enabled" in answer.json["conflictingRequest"]["message"]
    assert lab.act(server, "changePassword", {}).status == 400
