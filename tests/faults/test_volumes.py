"""A process dies while a volume is attached or detached: server, guest and volume service agree in the end."""

import contextlib

import pytest

from faults import checks
from faults.test_ports import in_threads

ATTACHING = {
    "api": ["attach_volume"],
    "compute": ["attach_volume"],
    "conductor": ["attach_volume"],
    "volume": ["reserve", "27", "complete"],
}
DETACHING = {
    "api": ["detach_volume"],
    "compute": ["detach_volume"],
    "conductor": ["detach_volume", "clear-rest", "forget-rest"],
    "volume": ["begin-detaching", "remove-attachment"],
}
CASES = [(service, when) for service in ATTACHING for when in ("before", "after")]


def path(id, volume=""):
    return f"/servers/{id}/os-volume_attachments" + (f"/{volume}" if volume else "")


def volumes_of(rig, id):
    """As the compute API lists them."""
    return [one["volumeId"] for one in checks.read(rig.admin, "compute", path(id))["volumeAttachments"]]


def attach(rig, id, volume, answers):
    with contextlib.suppress(OSError):
        answers[id] = rig.admin.post("compute", path(id), {"volumeAttachment": {"volumeId": volume}}).status


def detach(rig, id, volume):
    """Ask until it is heard, and wait until it is gone."""

    def gone():
        with contextlib.suppress(OSError):
            rig.admin.delete("compute", path(id, volume))
        return volume not in volumes_of(rig, id)

    checks.until(gone, 40, "the volume is detached")


def free(rig, volume):
    return checks.read(rig.demo, "block-storage", f"/volumes/{volume}")["volume"]["status"]


@pytest.fixture(scope="module")
def pair(rig):
    """Two servers, each with a volume to be attached to it."""
    ids = [rig.boot(f"attached-{number}") for number in range(2)]
    assert {one["status"] for one in rig.until_settled(ids)} == {"ACTIVE"}
    made = {id: rig.volume() for id in ids}
    yield made
    rig.delete_all()
    for volume in made.values():
        rig.remove_volume(volume)


@pytest.mark.parametrize("service,when", CASES)
def test_attaching_and_detaching_a_volume_survive_a_death(rig, pair, service, when):
    rig.disarm()
    assert [volumes_of(rig, id) for id in pair] == [[], []]
    markers = [rig.arm(service, f"{when}-{place}") for place in ATTACHING[service]]
    answers = {}
    in_threads(lambda id: attach(rig, id, pair[id], answers), list(pair))
    checks.owned_by_someone(rig.admin, rig.state)
    for id, volume in pair.items():
        status = free(rig, volume)
        assert status == ("in-use" if volumes_of(rig, id) else "available"), (status, answers.get(id))
    for _ in markers:  # what a death ended is asked for again
        in_threads(lambda id: attach(rig, id, pair[id], answers), [id for id in pair if not volumes_of(rig, id)])
        checks.owned_by_someone(rig.admin, rig.state)
    assert [volumes_of(rig, id) for id in pair] == [[volume] for volume in pair.values()], answers
    markers += [rig.arm(service, f"{when}-{place}") for place in DETACHING[service]]
    for id, volume in pair.items():
        detach(rig, id, volume)
    checks.owned_by_someone(rig.admin, rig.state)
    assert [free(rig, volume) for volume in pair.values()] == ["available"] * 2
    assert {one["status"] for one in rig.until_settled(list(pair))} == {"ACTIVE"}
    assert all(marker.exists() for marker in markers), [marker.name for marker in markers if not marker.exists()]


def test_a_volume_that_the_host_can_not_attach_is_free_again(rig):
    id, volume = rig.boot("unattachable", metadata={"tinstack:fault": "attach_volume"}), rig.volume()
    rig.until_settled([id])
    answers = {}
    attach(rig, id, volume, answers)
    checks.owned_by_someone(rig.admin, rig.state)
    assert volumes_of(rig, id) == [] and free(rig, volume) == "available", answers
    rig.delete_all()
    rig.remove_volume(volume)


def test_a_volume_that_the_host_can_not_let_go_of_stays(rig):
    id, volume = rig.boot("undetachable", metadata={"tinstack:fault": "detach_volume:1"}), rig.volume()
    rig.until_settled([id])
    answers = {}
    attach(rig, id, volume, answers)
    checks.owned_by_someone(rig.admin, rig.state)
    assert rig.admin.delete("compute", path(id, volume)).status == 202
    checks.owned_by_someone(rig.admin, rig.state)
    assert volumes_of(rig, id) == [volume] and free(rig, volume) == "in-use"
    detach(rig, id, volume)
    rig.delete_all()
    rig.remove_volume(volume)


def test_a_volume_for_a_server_whose_host_is_dead_is_free_again(rig):
    id = rig.boot("far-away", client=rig.admin, availability_zone="nova:compute1", networks="none")
    rig.until_settled([id])
    volume, answers = rig.volume(), {}
    with rig.without("compute-1"):
        attach(rig, id, volume, answers)
        checks.owned_by_someone(rig.admin, rig.state)
        assert volumes_of(rig, id) == [] and free(rig, volume) == "available", answers
    rig.delete_all()
    rig.remove_volume(volume)
