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
