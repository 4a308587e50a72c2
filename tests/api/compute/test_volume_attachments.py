"""Volumes of servers that are there: attached, shown in each version's shape, changed, detached, and cleared with the server."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .volume_lab import Lab


@pytest.fixture
def lab(cloud: Any) -> Iterator[Lab]:
    made = Lab(cloud)
    yield made
    made.close()


def test_a_volume_is_attached_in_use_and_detached(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    assert lab.attached(server, volume, version="2.1") == {
        "id": volume,
        "serverId": server,
        "volumeId": volume,
        "device": "/dev/vdb",
    }
    [attachment] = lab.status(volume, "in-use")["attachments"]
    assert (attachment["server_id"], attachment["device"]) == (server, "/dev/vdb")
    assert attachment["host_name"] in lab.cloud.cloud.hosts
    assert attachment["attachment_id"] == lab.shown(server, volume).json["volumeAttachment"]["attachment_id"]
    assert lab.until(server, "ACTIVE")["os-extended-volumes:volumes_attached"] == [
        {"id": volume, "delete_on_termination": False}
    ]
    assert lab.detach(server, volume).status == 202
    assert lab.status(volume, "available")["attachments"] == []
    assert lab.detach(server, volume).status == 404
    assert {"attach_volume", "detach_volume"} <= {one["action"] for one in lab.actions(server)}


def test_each_version_has_its_shape(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    made = lab.attached(server, volume, tag="data", delete_on_termination=True)
    assert set(made) == {"id", "serverId", "volumeId", "device", "tag", "delete_on_termination"}
    shapes = {
        "2.1": {"id", "serverId", "volumeId", "device"},
        "2.70": {"id", "serverId", "volumeId", "device", "tag"},
        "2.79": {"id", "serverId", "volumeId", "device", "tag", "delete_on_termination"},
        "2.89": {"serverId", "volumeId", "device", "tag", "delete_on_termination", "attachment_id", "bdm_uuid"},
    }
    for version, keys in shapes.items():
        assert set(lab.shown(server, volume, version).json["volumeAttachment"]) == keys, version
        path = f"/servers/{server}/os-volume_attachments"
        [listed] = lab.demo.get("compute", path, version=version).json["volumeAttachments"]
        assert set(listed) == keys, version


@pytest.mark.parametrize("version, more", [("2.48", {"tag": "t"}), ("2.78", {"delete_on_termination": True})])
def test_an_older_version_does_not_know_newer_keys(lab: Lab, version: str, more: dict[str, Any]) -> None:
    assert lab.attach(lab.boot(), lab.volume(), version=version, **more).status == 400


def test_names_of_devices_are_kept_and_not_given_twice(lab: Lab) -> None:
    server, first, second = lab.boot(), lab.volume(), lab.volume()
    assert lab.attached(server, first, device="/dev/vdc")["device"] == "/dev/vdc"
    refused = lab.attach(server, second, device="/dev/vdc")
    assert refused.status == 409
    assert refused.json["conflictingRequest"]["message"] == "The supplied device path (/dev/vdc) is in use."
    assert lab.status(second, "available")
    assert lab.attach(server, second, device="no device").status == 400
    assert lab.attached(server, second)["device"] == "/dev/vdb"


def test_what_can_not_be_attached_is_refused_and_changes_nothing(lab: Lab) -> None:
    server, other, volume = lab.boot(), lab.boot(), lab.volume()
    lab.attached(server, volume)
    assert lab.attach(server, volume).status == 400
    taken = lab.attach(other, volume)
    assert taken.status == 400 and "status must be 'available'" in taken.json["badRequest"]["message"]
    assert lab.attach(server, str(uuid.uuid4())).status == 404
    assert lab.attach(str(uuid.uuid4()), volume).status == 404
    assert lab.attach(server, "no id").status == 400
    foreign = lab.volume(lab.admin)
    assert lab.attach(server, foreign).status == 404
    assert lab.demo.get("compute", f"/servers/{other}/os-volume_attachments").json == {"volumeAttachments": []}


def test_states_and_locks_decide(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    lab.act(server, "suspend")
    lab.until(server, "SUSPENDED")
    assert lab.attach(server, volume).status == 409
    lab.act(server, "resume")
    lab.until(server, "ACTIVE")
    lab.act(server, "os-stop")
    lab.until(server, "SHUTOFF")
    lab.attached(server, volume)
    lab.act(server, "os-start")
    lab.until(server, "ACTIVE")
    lab.act(server, "pause")
    lab.until(server, "PAUSED")
    lab.act(server, "lock")
    assert lab.detach(server, volume).status == 409
    lab.act(server, "unlock")
    assert lab.detach(server, volume).status == 202
    lab.status(volume, "available")


def test_several_at_once_wait_for_each_other(lab: Lab) -> None:
    server, volumes = lab.boot(), [lab.volume() for _ in range(3)]
    assert [lab.attach(server, volume).status for volume in volumes] == [200, 200, 200]
    assert [lab.detach(server, volume).status for volume in volumes if lab.status(volume, "in-use")] == [202, 202, 202]
    for volume in volumes:
        lab.status(volume, "available")


def test_only_some_of_it_can_be_changed(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    lab.attached(server, volume)
    path = f"/servers/{server}/os-volume_attachments/{volume}"

    def put(client: Any, version: str = "2.85", **body: Any) -> int:
        sent = {"volumeAttachment": {"volumeId": volume, **body}}
        status: int = client.put("compute", path, sent, version=version).status
        return status

    assert put(lab.demo, delete_on_termination=True) == 202
    assert lab.shown(server, volume).json["volumeAttachment"]["delete_on_termination"] is True
    assert put(lab.demo, device="/dev/vdz") == 400
    assert put(lab.demo, serverId=str(uuid.uuid4())) == 400
    assert put(lab.demo, delete_on_termination="maybe") == 400
    assert put(lab.demo, "2.84") == 403
    assert put(lab.admin, "2.84") == 409
    assert put(lab.demo, volumeId=str(uuid.uuid4())) == 403


def test_the_volume_service_lets_no_user_take_it_from_a_server(lab: Lab) -> None:
    server, volume = lab.boot(), lab.volume()
    lab.attached(server, volume)
    id = lab.shown(server, volume).json["volumeAttachment"]["attachment_id"]
    for client in (lab.demo, lab.admin):
        assert client.delete("block-storage", f"/attachments/{id}", version="3.44").status == 409
        assert client.post("block-storage", f"/volumes/{volume}/action", {"os-detach": {}}).status == 409
    assert lab.status(volume, "in-use")


def test_a_volume_for_many_is_attached_to_many(lab: Lab) -> None:
    kind = {"name": f"many-{uuid.uuid4().hex[:8]}", "extra_specs": {"multiattach": "<is> True"}}
    made = lab.admin.post("block-storage", "/types", {"volume_type": kind}).json["volume_type"]
    volume = lab.volume(volume_type=made["id"])
    first, second = lab.boot(), lab.boot()
    old = lab.attach(first, volume, version="2.59")
    assert old.status == 400 and "2.60" in old.json["badRequest"]["message"]
    lab.attached(first, volume)
    lab.attached(second, volume)
    found = lab.admin.get("block-storage", f"/volumes/{volume}").json["volume"]["attachments"]
    assert {one["server_id"] for one in found} == {first, second}
    assert lab.attach(first, volume).status == 400
    assert lab.detach(first, volume).status == 202
    lab.admin.wait("block-storage", f"/volumes/{volume}", lambda a: len(a.json["volume"]["attachments"]) == 1)
    assert lab.status(volume, "in-use")


def test_what_the_host_could_not_attach_is_free_again(lab: Lab) -> None:
    server, volume = lab.boot(metadata={"tinstack:fault": "attach_volume:1"}), lab.volume()
    assert lab.attach(server, volume).status == 200
    lab.demo.wait("compute", f"/servers/{server}/os-volume_attachments", lambda a: a.json == {"volumeAttachments": []})
    lab.status(volume, "available")
    assert lab.until(server, "ACTIVE")
    [failed] = [one for one in lab.actions(server) if one["action"] == "attach_volume"]
    assert failed["message"] == "Error"
    lab.attached(server, volume)


def test_what_the_host_could_not_detach_stays_in_use(lab: Lab) -> None:
    server, volume = lab.boot(metadata={"tinstack:fault": "detach_volume:1"}), lab.volume()
    lab.attached(server, volume)
    assert lab.detach(server, volume).status == 202
    lab.demo.wait(
        "compute",
        f"/servers/{server}/os-instance-actions",
        lambda a: any(
            one["action"] == "detach_volume" and one["message"] == "Error" for one in a.json["instanceActions"]
        ),
    )
    assert len(lab.status(volume, "in-use")["attachments"]) == 1
    assert lab.shown(server, volume).status == 200
    assert lab.detach(server, volume).status == 202
    lab.status(volume, "available")


def test_a_deleted_server_takes_along_what_it_should(lab: Lab) -> None:
    server, kept, gone = lab.boot(), lab.volume(), lab.volume()
    lab.attached(server, kept)
    lab.attached(server, gone, delete_on_termination=True)
    lab.demo.delete("compute", f"/servers/{server}")
    assert lab.status(kept, "available")["attachments"] == []
    lab.admin.wait("block-storage", f"/volumes/{gone}", lambda answer: answer.status == 404)


def test_what_was_given_up_can_be_detached(lab: Lab) -> None:
    server, volume = lab.boot(metadata={"tinstack:delay": "attach_volume:5000"}), lab.volume()
    assert lab.attach(server, volume).status == 200
    lab.status(volume, "attaching")
    reset = {"os-resetState": {"state": "active"}}
    assert lab.admin.post("compute", f"/servers/{server}/action", reset).status == 202
    assert lab.shown(server, volume).status == 200
    assert lab.detach(server, volume).status == 202
    assert lab.status(volume, "available")["attachments"] == []
