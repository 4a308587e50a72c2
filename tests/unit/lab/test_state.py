"""A lab's state on this machine: which lab is meant, ready.json, clouds.yaml, the lock."""

import json
import os
from pathlib import Path

import click
import pytest

from tinstack.lab import clouds, labs, ready
from tinstack.lab.labs import Lab
from tinstack.lab.ready import Ready
from tinstack.lab.words import LabError

READY = Ready(
    "http://127.0.0.1:5000/v3", "RegionOne", [os.getpid()], {"compute": "http://127.0.0.1:8774/v2.1"}, ["host1"]
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(labs, "ROOT", tmp_path)
    (tmp_path / "inventories" / "sandbox").mkdir(parents=True)
    return tmp_path


def test_an_inventory_is_named_by_its_name_or_by_its_path(root):
    by_name = labs.to_make("sandbox", None)
    assert by_name == Lab(root / ".lab" / "sandbox", root / "inventories" / "sandbox")
    assert labs.to_make(str(root / "inventories" / "sandbox"), None) == by_name


def test_an_unknown_inventory_is_wrong_usage_that_names_the_known_ones(root):
    with pytest.raises(click.UsageError, match=r"no inventory 'nope'\. Known are: sandbox"):
        labs.to_make("nope", None)


def test_the_lab_made_last_is_meant_where_none_is_named(root, tmp_path):
    for name in ("first", "second"):
        state = tmp_path / name
        state.mkdir()
        labs.choose(Lab(state))
    assert labs.to_look_at(None, None).state == tmp_path / "second"
    assert labs.to_look_at(None, tmp_path / "first").state == tmp_path / "first"


def test_a_lab_knows_its_inventory_wherever_its_state_is(root, tmp_path):
    rack = root / "inventories" / "rack"
    rack.mkdir()
    made = labs.to_make("rack", tmp_path / "elsewhere")
    made.state.mkdir()
    assert labs.to_look_at("rack", made.state).inventory == rack
    with pytest.raises(LabError, match="There is no inventory of the lab 'elsewhere'"):
        labs.with_inventory(labs.to_look_at(None, made.state))
    labs.choose(made)
    for looked_at in (
        labs.to_look_at(None, None),
        labs.to_look_at(None, made.state),
        labs.to_look_at("rack", made.state),
    ):
        assert labs.with_inventory(looked_at) == made
    rack.rmdir()
    with pytest.raises(LabError, match="There is no inventory of the lab 'elsewhere'"):
        labs.with_inventory(labs.to_look_at(None, None))


def test_without_a_lab_one_is_told_how_to_make_one(root):
    with pytest.raises(LabError, match=r"There is no lab yet: make one with `./lab up` or `./lab dev`"):
        labs.to_look_at(None, None)
    (root / "inventories" / "rack").mkdir()
    with pytest.raises(LabError, match="There is no lab in"):
        labs.to_look_at("rack", None)


def test_an_inventory_that_is_not_there_is_wrong_usage_for_verbs_that_look_too(root, tmp_path):
    made = labs.states() / "dev"
    made.mkdir(parents=True)
    for state in (None, tmp_path, made):
        with pytest.raises(click.UsageError, match=r"no inventory 'typo'\. Known are: sandbox"):
            labs.to_look_at("typo", state)
    assert labs.to_look_at("dev", None).state == made, "a `dev` cloud is named as its state is"


def test_only_the_state_of_a_lab_on_those_hosts_is_taken_away(root, tmp_path):
    (root / "inventories" / "rack").mkdir()
    assert labs.to_destroy("sandbox", None) == labs.to_make("sandbox", None)
    for state in (tmp_path / "gone", tmp_path):
        with pytest.raises(LabError, match=r"There is no lab in .*, so nothing was taken away"):
            labs.to_destroy("sandbox", state)
    made = labs.to_make("sandbox", tmp_path / "state")
    made.state.mkdir()
    (made.state / "secrets.yml").touch()
    assert labs.to_destroy("sandbox", made.state) == made
    labs.choose(made)
    assert labs.to_destroy("sandbox", made.state) == made
    labs.choose(labs.to_make("rack", made.state))
    with pytest.raises(LabError, match=r"was made with .*/rack, not with .*/sandbox"):
        labs.to_destroy("sandbox", made.state)


def test_a_forgotten_lab_is_nobodys_default(root, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    labs.choose(Lab(state))
    labs.forget(Lab(state))
    assert not state.exists()
    with pytest.raises(LabError, match="There is no lab yet"):
        labs.to_look_at(None, None)


def test_two_cannot_work_on_one_lab(root):
    lab = labs.to_make("sandbox", None)
    with (
        labs.alone(lab),
        pytest.raises(LabError, match=rf"\(process {os.getpid()}\) is working on the lab 'sandbox'"),
        labs.alone(lab),
    ):
        pass
    with labs.alone(lab):
        pass


def test_ready_json_is_what_was_written(tmp_path):
    path = tmp_path / "ready.json"
    assert ready.read(path) is None
    ready.write(path, READY)
    assert ready.read(path) == READY
    assert set(json.loads(path.read_bytes())) == {"auth_url", "region", "pids", "services", "hosts"}
    ready.remove(path)
    ready.remove(path)
    assert ready.read(path) is None


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "ready.json"
    ready.write(path, READY)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        ready.write(path, Ready("x", "y", [], {}, []))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["ready.json"]


def test_secrets_are_for_their_owner_alone(tmp_path):
    labs.replace(tmp_path / "clouds.yaml", "{}")
    assert (tmp_path / "clouds.yaml").stat().st_mode & 0o777 == 0o600


def write(path: Path, clouds_: object) -> Path:
    path.write_text(json.dumps(clouds_))
    return path


def test_clouds_yaml_gives_a_clouds_credentials_and_ignores_what_others_need(tmp_path):
    auth = {"auth_url": "http://a/v3", "username": "demo", "password": "p", "project_name": "demo", "extra": 1}
    path = write(
        tmp_path / "clouds.yaml",
        {"clouds": {"tinstack": {"auth": auth, "region_name": "RegionOne", "volume_api_version": 3}}},
    )
    cloud = clouds.read(path, "tinstack")
    assert (cloud.auth.username, cloud.auth.project_name, cloud.auth.user_domain_name) == ("demo", "demo", "Default")
    assert (cloud.region_name, cloud.interface) == ("RegionOne", "public")


def test_clouds_yaml_that_lacks_the_cloud_or_is_broken_is_said_so(tmp_path):
    path = tmp_path / "clouds.yaml"
    with pytest.raises(LabError, match="is not there: the lab is not ready"):
        clouds.read(path, "tinstack")
    with pytest.raises(LabError, match="knows no cloud 'tinstack', only: other"):
        clouds.read(
            write(path, {"clouds": {"other": {"auth": {"auth_url": "u", "username": "n", "password": "p"}}}}),
            "tinstack",
        )
    path.write_text("clouds: [")
    with pytest.raises(LabError, match=r"is not what ./lab wrote"):
        clouds.read(path, "tinstack")
