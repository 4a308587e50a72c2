"""A process dies, or a message is lost, while a port is plugged in or out: server, guest and network service agree in the end."""

import contextlib
import threading

import pytest

from faults import checks

ATTACHING = {
    "api": ["attach_interface"],
    "compute": ["attach_interface"],
    "conductor": ["attach_interface"],
    "network": ["22"],
}
DETACHING = {
    "api": ["detach_interface"],
    "compute": ["detach_interface"],
    "conductor": ["detach_interface", "clear-rest", "forget-rest"],
    "network": ["remove-port"],
}
CASES = [(service, when) for service in ATTACHING for when in ("before", "after")]


def path(id, port=""):
    return f"/servers/{id}/os-interface" + (f"/{port}" if port else "")


def ports_of(rig, id):
    """As the compute API lists them."""
    return [one["port_id"] for one in checks.read(rig.admin, "compute", path(id))["interfaceAttachments"]]


def attach(rig, id, answers):
    with contextlib.suppress(OSError):
        answers[id] = rig.demo.post("compute", path(id), {"interfaceAttachment": {"net_id": rig.network}}).status


def in_threads(work, ids, *more):
    threads = [threading.Thread(target=work, args=(id, *more)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def detach(rig, id, port):
    """Ask until it is heard, and wait until it is gone."""

    def gone():
        with contextlib.suppress(OSError):
            rig.demo.delete("compute", path(id, port))
        return port not in ports_of(rig, id)

    checks.until(gone, 40, "the port is unplugged")


@pytest.fixture(scope="module")
def pair(rig):
    ids = [rig.boot(f"plugged-{number}") for number in range(2)]
    assert {one["status"] for one in rig.until_settled(ids)} == {"ACTIVE"}
    yield ids
    rig.delete_all()


@pytest.mark.parametrize("service,when", CASES)
def test_attaching_and_detaching_a_port_survive_a_death(rig, pair, service, when):
    rig.disarm()
    before = {id: ports_of(rig, id) for id in pair}
    assert [len(ports) for ports in before.values()] == [1, 1]
    markers = [rig.arm(service, f"{when}-{place}") for place in ATTACHING[service]]
    answers = {}
    in_threads(lambda id: attach(rig, id, answers), pair)
    checks.owned_by_someone(rig.admin, rig.state)
    for id in pair:
        assert len(ports_of(rig, id)) == 2 or answers.get(id) != 200, "a port that was promised is there"
    refused = [id for id in pair if len(ports_of(rig, id)) == 1]
    in_threads(lambda id: attach(rig, id, answers), refused)
    assert all(answers[id] == 200 for id in refused), answers
    markers += [rig.arm(service, f"{when}-{place}") for place in DETACHING[service]]
    for id in pair:
        for port in set(ports_of(rig, id)) - set(before[id]):
            detach(rig, id, port)
    checks.owned_by_someone(rig.admin, rig.state)
    assert {id: ports_of(rig, id) for id in pair} == before
    assert {one["status"] for one in rig.until_settled(pair)} == {"ACTIVE"}
    assert all(marker.exists() for marker in markers), "the process did not die"


def test_a_port_that_the_host_can_not_plug_in_is_given_back(rig):
    id = rig.boot("unpluggable", metadata={"tinstack:fault": "attach_interface"})
    rig.until_settled([id])
    answers = {}
    attach(rig, id, answers)
    assert answers[id] == 500
    (server,) = rig.until_settled([id])
    assert server["status"] == "ACTIVE" and len(ports_of(rig, id)) == 1
    checks.owned_by_someone(rig.admin, rig.state)
    rig.delete_all()


def test_a_port_for_a_server_whose_host_is_dead_is_given_back(rig):
    id = rig.boot("out-of-reach", client=rig.admin, availability_zone="nova:compute1", networks="none")
    rig.until_settled([id])
    answers = {}
    with rig.without("compute-1"):
        wanted = {"interfaceAttachment": {"net_id": rig.network}}
        answers[id] = rig.admin.post("compute", path(id), wanted).status
        assert answers[id] >= 400
        checks.owned_by_someone(rig.admin, rig.state)
        assert ports_of(rig, id) == []
    rig.delete_all()
