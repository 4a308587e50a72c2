"""Images made of servers: by createImage in each state and version, by createBackup with its rotation, and of volumes."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .volume_lab import NEWEST, Lab


class Images(Lab):
    """With the images that a test makes."""

    images: list[str]

    def act(self, server: str, action: str, body: Any = None, version: str = NEWEST, client: Any = None) -> Any:
        return (client or self.demo).post("compute", f"/servers/{server}/action", {action: body}, version=version)

    def create(self, server: str, action: str = "createImage", **more: Any) -> str:
        answer = self.act(server, action, {"name": f"of-{server[:8]}", **more})
        assert answer.status == 202, answer.data
        self.images.append(answer.json["image_id"])
        return self.images[-1]

    def active(self, id: str) -> Any:
        return self.demo.wait("image", f"/v2/images/{id}", lambda a: a.json["status"] == "active").json

    def backups(self, server: str) -> list[str]:
        path = f"/v2/images?instance_uuid={server}&image_type=backup&sort=created_at:asc"
        return [one["id"] for one in self.demo.get("image", path).json["images"]]


@pytest.fixture
def lab(cloud: Any) -> Iterator[Images]:
    made = Images(cloud)
    made.images = []
    yield made
    made.close()
    for id in made.images:
        made.demo.delete("image", f"/v2/images/{id}")


def test_an_image_of_a_server_boots_another(lab: Images) -> None:
    server = lab.boot()
    image = lab.active(lab.create(server, metadata={"purpose": "golden"}))
    base = lab.cloud.image_id()
    wanted = {
        "image_type": "snapshot",
        "instance_uuid": server,
        "user_id": lab.demo.user_id,
        "base_image_ref": base,
        "owner": lab.demo.project_id,
        "visibility": "private",
        "purpose": "golden",
        "disk_format": "qcow2",
        "min_disk": 1,
    }
    assert {name: image.get(name) for name in wanted} == wanted
    assert lab.until(server, "ACTIVE")["OS-EXT-STS:vm_state"] == "active"
    [action] = [one for one in lab.actions(server) if one["action"] == "createImage"]
    assert action["message"] is None
    again = lab.boot(imageRef=image["id"])
    assert lab.until(again, "ACTIVE")["image"]["id"] == image["id"]


def test_before_2_45_a_header_names_the_image(lab: Images) -> None:
    answer = lab.act(lab.boot(), "createImage", {"name": "old"}, "2.44")
    assert (answer.status, answer.data) == (202, b"")
    lab.images.append(answer.headers["location"].rpartition("/")[2])
    assert answer.headers["location"].endswith(f"/v2/images/{lab.images[-1]}")
    assert lab.active(lab.images[-1])["name"] == "old"


@pytest.mark.parametrize(
    "action, status", [("pause", "PAUSED"), ("suspend", "SUSPENDED"), ("os-stop", "SHUTOFF"), ("lock", "ACTIVE")]
)
def test_it_may_be_paused_suspended_stopped_or_locked(lab: Images, action: str, status: str) -> None:
    server = lab.boot()
    assert lab.act(server, action).status == 202
    lab.until(server, status)
    lab.active(lab.create(server))
    lab.until(server, status)
    assert lab.act(server, "unlock").status == 202


def test_one_at_a_time_and_the_task_is_shown(lab: Images) -> None:
    server = lab.boot(metadata={"tinstack:delay": "create_image:3000"})
    lab.create(server)
    shown = lab.demo.get("compute", f"/servers/{server}").json["server"]
    assert (shown["OS-EXT-STS:task_state"], shown["status"]) == ("image_snapshot", "ACTIVE")
    refused = lab.act(server, "createImage", {"name": "too early"})
    assert refused.status == 409
    assert "task_state image_snapshot" in refused.json["conflictingRequest"]["message"]
    lab.until(server, "ACTIVE")


def test_what_the_host_could_not_copy_leaves_no_image(lab: Images) -> None:
    server = lab.boot(metadata={"tinstack:fault": "create_image"})
    id = lab.create(server)
    lab.demo.wait("image", f"/v2/images/{id}", lambda answer: answer.status == 404)
    assert lab.until(server, "ACTIVE")["status"] == "ACTIVE"
    assert lab.actions(server)[0]["message"] == "Error"


def test_a_delete_takes_along_the_image_that_is_being_made(lab: Images) -> None:
    server = lab.boot(metadata={"tinstack:delay": "create_image:5000"})
    id = lab.create(server)
    lab.demo.delete("compute", f"/servers/{server}")
    lab.demo.wait("compute", f"/servers/{server}", lambda answer: answer.status == 404)
    assert lab.demo.get("image", f"/v2/images/{id}").status == 404


def test_metadata_do_not_take_the_place_of_what_an_image_is(lab: Images) -> None:
    server = lab.boot()
    id = lab.create(server, metadata={"id": str(uuid.uuid4()), "name": "other", "disk_format": "raw", "min_disk": "9"})
    image = lab.active(id)
    assert (image["id"], image["name"], image["disk_format"], image["min_disk"]) == (id, f"of-{server[:8]}", "qcow2", 1)
    lab.until(server, "ACTIVE")
    assert lab.act(server, "createImage", {"name": "x", "metadata": {"status": "active"}}).status in (400, 403)
    assert lab.until(server, "ACTIVE")["OS-EXT-STS:task_state"] is None


def test_resetting_the_state_gives_the_image_up(lab: Images) -> None:
    server = lab.boot(metadata={"tinstack:delay": "create_image:5000"})
    id = lab.create(server)
    assert lab.act(server, "os-resetState", {"state": "active"}, client=lab.admin).status == 202
    assert lab.demo.get("image", f"/v2/images/{id}").status == 404
    assert lab.until(server, "ACTIVE")["OS-EXT-STS:task_state"] is None


def test_bad_names_and_metadata_are_refused(lab: Images) -> None:
    server = lab.boot()
    many = {f"k{n}": "v" for n in range(129)}
    assert lab.act(server, "createImage", {"name": ""}).status == 400
    assert lab.act(server, "createImage", {}).status == 400
    assert lab.act(server, "createImage", {"name": "x", "metadata": {"k" * 256: "v"}}).status == 400
    assert lab.act(server, "createImage", {"name": "x", "metadata": many}, "2.38").status == 403
    assert lab.act(str(uuid.uuid4()), "createImage", {"name": "x"}).status == 404
    assert lab.act(server, "createBackup", {"name": "x", "backup_type": "daily"}).status == 400
    assert lab.act(server, "createBackup", {"name": "x", "backup_type": "daily", "rotation": -1}).status == 400
    assert lab.act(server, "createBackup", {"name": "x", "backup_type": "daily", "rotation": "one"}).status == 400
    assert lab.until(server, "ACTIVE")["OS-EXT-STS:task_state"] is None


def test_backups_rotate_by_their_type(lab: Images) -> None:
    server = lab.boot()
    made = []
    for _ in range(3):
        made.append(lab.create(server, "createBackup", backup_type="daily", rotation=2))
        lab.until(server, "ACTIVE")
    weekly = lab.create(server, "createBackup", backup_type="weekly", rotation=1)
    lab.until(server, "ACTIVE")
    assert lab.backups(server) == [*made[1:], weekly]
    image = lab.active(weekly)
    assert (image["backup_type"], image["image_type"]) == ("weekly", "backup")
    assert {one["action"] for one in lab.actions(server)} == {"create", "createBackup"}


def test_with_a_rotation_of_0_nothing_stays(lab: Images) -> None:
    server = lab.boot()
    answer = lab.act(server, "createBackup", {"name": "b", "backup_type": "daily", "rotation": 0}, "2.44")
    assert answer.status == 202 and "location" not in answer.headers
    lab.until(server, "ACTIVE")
    assert lab.backups(server) == []


def test_an_image_of_a_server_on_a_volume_names_snapshots(lab: Images) -> None:
    root = lab.volume(imageRef=lab.cloud.image_id())
    mapping = {"uuid": root, "source_type": "volume", "destination_type": "volume", "boot_index": 0}
    server = lab.boot(imageRef="", block_device_mapping_v2=[mapping])
    other = lab.volume()
    lab.attached(server, other)
    image = lab.active(lab.create(server))
    assert image["size"] == 0 and image["bdm_v2"] == "True" and image["root_device_name"] == "/dev/vda"
    disks = json.loads(image["block_device_mapping"])
    assert [(one["source_type"], one["device_name"], one["boot_index"]) for one in disks] == [
        ("snapshot", "/dev/vda", 0),
        ("snapshot", "/dev/vdb", None),
    ]
    for one, volume in zip(disks, (root, other), strict=True):
        snapshot = lab.demo.wait(
            "block-storage",
            f"/snapshots/{one['snapshot_id']}",
            lambda a: a.json["snapshot"]["status"] == "available",
        ).json["snapshot"]
        assert snapshot["volume_id"] == volume
        lab.demo.delete("block-storage", f"/snapshots/{one['snapshot_id']}")
    refused = lab.act(server, "createBackup", {"name": "b", "backup_type": "daily", "rotation": 1})
    assert refused.status == 400 and "volume-backed" in refused.json["badRequest"]["message"]
