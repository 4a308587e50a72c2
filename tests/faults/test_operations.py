"""A process dies before or after its effect in an operation on a server that is there: it ends as asked, and nothing is left."""

import threading

import pytest

from faults import checks
from tinstack.core import crash

ACTIONS = {
    # kind: the state that it starts from, the request, the state that it comes to
    "stop": ("ACTIVE", {"os-stop": None}, "SHUTOFF"),
    "start": ("SHUTOFF", {"os-start": None}, "ACTIVE"),
    "pause": ("ACTIVE", {"pause": None}, "PAUSED"),
    "unpause": ("PAUSED", {"unpause": None}, "ACTIVE"),
    "suspend": ("ACTIVE", {"suspend": None}, "SUSPENDED"),
    "resume": ("SUSPENDED", {"resume": None}, "ACTIVE"),
    "reboot": ("ACTIVE", {"reboot": {"type": "SOFT"}}, "ACTIVE"),
    "reboot_hard": ("ACTIVE", {"reboot": {"type": "HARD"}}, "ACTIVE"),
}
POWER = {"ACTIVE": 1, "PAUSED": 3, "SHUTOFF": 4, "SUSPENDED": 7}
MESSAGES = [("compute", 13), ("compute", 14), *(("conductor", step) for step in (15, 16, 17, 18))]
"""Steps that every operation takes to its host."""


@pytest.fixture(scope="module")
def servers(rig):
    """Two active servers for each action, so that one of them is always in the state that the action or its opposite starts from."""
    ids = [rig.boot(f"acted-on-{number}") for number in range(len(ACTIONS))]
    made = rig.until_settled(ids)
    assert {one["status"] for one in made} == {"ACTIVE"}, [one.get("fault") for one in made]
    yield dict(zip(ACTIONS, ids, strict=True))
    rig.delete_all()


OPPOSITE = {
    "stop": "start",
    "start": "stop",
    "pause": "unpause",
    "unpause": "pause",
    "suspend": "resume",
    "resume": "suspend",
}


def prepare(rig, servers):
    """Each in the state from which its action starts."""
    rig.disarm()
    found = {one["id"]: one["status"] for one in rig.until_settled(list(servers.values()))}
    for kind, id in servers.items():
        if found[id] != ACTIONS[kind][0]:
            assert rig.act(id, ACTIONS[OPPOSITE[kind]][1]) == 202
    rig.until_settled(list(servers.values()))


def all_at_once(rig, servers):
    """Every action is asked for; an answer that was lost is asked for again, and refused where the first was heard."""
    answers = {}
    threads = [
        threading.Thread(target=lambda kind=kind, id=id: answers.update({kind: rig.act(id, ACTIONS[kind][1])}))
        for kind, id in servers.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.keys() == servers.keys() and set(answers.values()) <= {202, 409}, answers


def as_asked(rig, servers):
    """Each server is where its action leads: in the API and on its host."""
    by_id = {one["id"]: one for one in rig.until_settled(list(servers.values()))}
    for kind, id in servers.items():
        server, wanted = by_id[id], ACTIONS[kind][2]
        assert server["status"] == wanted, (kind, server["status"], server.get("fault"))
        assert server["OS-EXT-STS:power_state"] == POWER[wanted], kind
        guest = checks.guest(rig.state, server["OS-EXT-SRV-ATTR:host"], id)
        assert guest and guest["state"] == POWER[wanted], kind
    assert checks.left_over(rig.admin, rig.state) == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("service", ["api", pytest.param("compute", marks=pytest.mark.short), "conductor"])
def test_each_action_survives_a_death_at_its_own_effect(rig, servers, service, when):
    left = dict(servers)
    while left:
        prepare(rig, left)
        markers = {kind: rig.arm(service, f"{when}-{kind}") for kind in left}
        all_at_once(rig, left)
        as_asked(rig, left)
        died = {kind for kind, marker in markers.items() if marker.exists()}
        assert died, "the process did not die"
        left = {kind: id for kind, id in left.items() if kind not in died}  # a death took them past their own point


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("service,step", MESSAGES)
def test_actions_survive_a_death_on_the_way_to_the_host(rig, servers, service, step, when):
    prepare(rig, servers)
    marker = rig.arm(service, f"{when}-{step}")
    all_at_once(rig, servers)
    as_asked(rig, servers)
    assert marker.exists(), "the process did not die"


OTHERS = {*crash.KINDS, "failed", "undo", "clear-rest", "forget-rest", "reserve", "complete", "begin-detaching"}
"""Places that no delete comes to."""

DELETES = {
    service: [place for place in places if place == "delete" or place not in OTHERS]
    for service, places in crash.PLACES.items()
}


@pytest.mark.parametrize(
    "service", [pytest.param(one, marks=[pytest.mark.short] * (one == "compute")) for one in DELETES]
)
def test_a_delete_survives_a_death_at_each_of_its_effects(rig, service):
    """One server for each point; each has a port, a claim, a guest and a volume of its own."""
    points = [f"{when}-{place}" for place in DELETES[service] for when in ("before", "after")]
    volumes = [rig.volume() for _ in points]
    ids = [
        rig.boot(f"deleted-{point}", **rig.from_volume(volume)) for point, volume in zip(points, volumes, strict=True)
    ]
    made = rig.until_settled(ids)
    assert {one["status"] for one in made} == {"ACTIVE"}, [one.get("fault") for one in made]
    markers = [rig.arm(service, point) for point in points]
    for id in ids:
        assert rig.delete(id) in (204, 404)

    def none():
        left = [one for one in rig.servers() if one["id"] in ids]
        for server in left:
            if (
                server["OS-EXT-STS:task_state"] is None
            ):  # so many deaths may outlast the deadline: it says so, and is asked again
                assert server["status"] == "ERROR" and "The operation delete was not done" in server["fault"]["message"]
                rig.delete(server["id"])
        return not left

    checks.until(none, 60, "all deleted")
    checks.owned_by_someone(rig.admin, rig.state)
    assert all(marker.exists() for marker in markers), "the process did not die at every point"
    for volume in volumes:
        rig.remove_volume(volume)


UNDOES = {
    "compute": ["undo"],
    "conductor": ["failed", "clear-ports", "clear-attachments", "clear-claim"],
    "placement": ["give-back"],
    "network": ["remove-port"],
    "volume": ["remove-attachment"],
}


@pytest.mark.parametrize("service", UNDOES)
def test_the_undoing_of_a_failed_boot_survives_a_death_at_each_of_its_effects(rig, service):
    points = [f"{when}-{place}" for place in UNDOES[service] for when in ("before", "after")]
    volumes = [rig.volume() for _ in points]
    markers = [rig.arm(service, point) for point in points]
    ids = [
        rig.boot(f"undone-{point}", metadata={"tinstack:fault": "28"}, **rig.from_volume(volume))
        for point, volume in zip(points, volumes, strict=True)
    ]
    for server in rig.until_settled(ids):
        assert server["status"] == "ERROR"
        fault = server["fault"]["message"]
        assert "tep 28" in fault and "on host compute" in fault, fault
    checks.owned_by_someone(rig.admin, rig.state)
    assert all(marker.exists() for marker in markers), "the process did not die at every point"
    rig.delete_all()
    for volume in volumes:
        rig.remove_volume(volume)
