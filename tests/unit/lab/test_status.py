"""`status`: what the APIs and the hosts tell, and the sentences that follow from it."""

import pytest

from tinstack.lab import status
from tinstack.lab.client import Client
from tinstack.lab.status import Capacity, Host, apis
from tinstack.lab.status.findings import ago, find, size
from tinstack.lab.status.hosts import Database, Disk, Looked, Memory, Queue, Unit, clock_off
from tinstack.lab.status.show import show


@pytest.fixture
def whole(cloud):
    up = {"host": "controller", "state": "up", "status": "enabled", "disabled_reason": None}
    cloud.types.append("image")
    cloud.has(
        "/compute/os-services",
        {"services": [{"binary": "nova-conductor", **up}, {"binary": "nova-compute", **up, "host": "compute1"}]},
    )
    cloud.has("/volumev3/os-services", {"services": [{"binary": "cinder-volume", **up}]})
    pool = {"allocated_capacity_gb": 3, "free_capacity_gb": 90.5, "total_capacity_gb": 100}
    cloud.has("/volumev3/scheduler-stats/get_pools", {"pools": [{"name": "controller@lab1", "capabilities": pool}]})
    cloud.has("/image/v2/images", {"images": []})
    agent = {
        "agent_type": "L3 agent",
        "binary": "tinstack-network-agent",
        "host": "compute1",
        "alive": True,
        "admin_state_up": True,
    }
    cloud.has("/network/v2.0/agents", {"agents": [agent]})
    cloud.has(
        "/placement/resource_providers", {"resource_providers": [{"uuid": "p1", "name": "compute1", "generation": 3}]}
    )
    stock = {
        "VCPU": {"total": 2, "reserved": 0, "allocation_ratio": 4.0},
        "MEMORY_MB": {"total": 4096, "reserved": 512, "allocation_ratio": 1.0},
    }
    cloud.has("/placement/resource_providers/p1/inventories", {"inventories": stock})
    cloud.has("/placement/resource_providers/p1/usages", {"usages": {"VCPU": 1}})
    cloud.has(
        "/compute/servers/detail",
        {"servers": [{"id": "a", "status": "ACTIVE"}, {"id": "b", "status": "ERROR"}, {"id": "c", "status": "ACTIVE"}]},
    )
    return cloud


def fetch(cloud):
    return status.judged(apis.fetch(Client(cloud)), {}, {})


def test_a_healthy_lab(whole):
    found = fetch(whole.login())
    assert found.healthy, found.problems
    assert [(service.name, service.host) for service in found.services] == [
        ("nova-conductor", "controller"),
        ("nova-compute", "compute1"),
        ("L3 agent", "compute1"),
        ("cinder-volume", "controller"),
    ]
    assert found.hosts == [Host("compute1", {"vcpus": Capacity(1, 8), "memory_mib": Capacity(0, 3584)})]
    assert found.servers == {"ACTIVE": 2, "ERROR": 1}
    assert [(pool.name, pool.free_gib) for pool in found.pools] == [("controller@lab1", 90.5)]


def test_a_service_that_is_down_makes_it_unhealthy_unless_it_is_disabled(whole):
    heard = "2026-01-01T10:00:00.000000"
    down = {"binary": "nova-compute", "host": "compute1", "state": "down", "status": "enabled", "updated_at": heard}
    whole.has("/compute/os-services", {"services": [down]})
    found = fetch(whole.login())
    assert not found.healthy
    assert found.problems[0].startswith("nova-compute on compute1 has not reported for ")
    whole.has("/compute/os-services", {"services": [{**down, "status": "disabled", "disabled_reason": "new disks"}]})
    assert fetch(whole.login()).healthy


def test_an_api_that_fails_is_shown_as_down_and_the_others_are_still_shown(whole, capsys):
    whole.has("/network/v2.0/agents", {"NeutronError": {"message": "No database."}}, status=503)
    found = fetch(whole.login())
    assert not found.healthy
    assert len(found.hosts) == 1
    show(found)
    shown = capsys.readouterr().out
    assert "No database." in shown
    assert "servers: 3 (2 ACTIVE, 1 ERROR)" in shown


def test_without_identity_that_alone_is_said(whole):
    cloud = whole.login()
    cloud.auth.auth_url = "http://127.0.0.1:1/identity/v3"
    found = fetch(cloud)
    assert not found.healthy and [service.name for service in found.services] == ["identity"]


NOW = 1_800_000_000.0


def unit(name, state="active", **more):
    return Unit(f"{name}.service", state, more.pop("detail", "running"), True, int(NOW) - 120, 0, **more)


def host(units=(), **more):
    usual = {
        "load": 0.1,
        "cpus": 2,
        "up_seconds": 900,
        "memory": Memory(4096, 2048),
        "disks": [Disk("/", 100 << 30, 50 << 30)],
        "stores": {},
    }
    return Looked(units=list(units), **{**usual, **more})


def test_a_stopped_unit_is_named_with_host_time_and_cause_and_explains_what_the_apis_see():
    looked = {"hv1": host([unit("tinstack-compute", "failed", why="it was ended by signal 9")])}
    told = apis.Told([apis.Service("nova-compute", "hv1", False)])
    assert find(told, looked, {}, NOW) == [
        "tinstack-compute on hv1 is failed since 2 min ago: it was ended by signal 9."
    ]


def test_what_others_stand_on_comes_first():
    units = [
        unit("tinstack-api", "activating", detail="auto-restart"),
        unit("mariadb", "inactive", why="it was stopped"),
    ]
    first, second = find(apis.Told(), {"ctl": host(units)}, {}, NOW)
    assert first.startswith("mariadb on ctl is inactive")
    assert second.startswith("tinstack-api on ctl keeps failing")


def test_a_unit_that_nobody_wants_is_no_problem():
    disabled = Unit("haproxy.service", "inactive", "dead", False, None, 0)
    assert find(apis.Told(), {"ctl": host([disabled])}, {}, NOW) == []


def test_a_host_that_is_silent_explains_its_agents():
    told = apis.Told([apis.Service("nova-compute", "hv1", False), apis.Service("L3 agent", "hv1", False)])
    assert find(told, {}, {"hv1": "hv1 does not answer."}, NOW) == ["hv1 does not answer."]


@pytest.mark.parametrize(
    "more, words",
    [
        (
            {"disks": [Disk("/var/lib/mysql", 100 << 30, 100 << 20)]},
            "The disk with /var/lib/mysql on ctl is full: 100 MiB of 100 GiB",
        ),
        ({"memory": Memory(1000, 10)}, "ctl is out of memory: 10 of 1000 MiB"),
        ({"clock_off": -90.0}, "The clock of ctl is 90 s behind"),
        (
            {"queues": [Queue("conductor", 7, 0)]},
            "Nobody reads the queue conductor of the bus on ctl: 7 messages wait.",
        ),
        ({"queues": [Queue("conductor", 900, 1)]}, "The queue conductor of the bus on ctl is 900 messages long"),
        ({"database": Database(False, False, {})}, "The database on ctl runs but does not answer."),
        ({"database": Database(True, True, {})}, "The database on ctl is read-only"),
    ],
)
def test_what_a_host_tells_of_itself(more, words):
    (said,) = find(apis.Told(), {"ctl": host([unit("mariadb")], **more)}, {}, NOW)
    assert said.startswith(words)


def test_a_small_disk_with_little_on_it_is_not_full():
    assert find(apis.Told(), {"ctl": host(disks=[Disk("/", 2 << 30, 400 << 20)])}, {}, NOW) == []


def test_what_is_big_has_room_with_a_small_part_of_it():
    looked = {"hv1": host(disks=[Disk("/", 20 << 40, 100 << 30)], memory=Memory(512 << 10, 8 << 10))}
    assert find(apis.Told(pools=[apis.Pool("lab1", 9900, 100, 10_000)]), looked, {}, NOW) == []
    short = {"hv1": host(disks=[Disk("/", 20 << 40, 9 << 30)], memory=Memory(512 << 10, 1000))}
    said = find(apis.Told(pools=[apis.Pool("lab1", 9990, 9, 10_000)]), short, {}, NOW)
    assert [one.split(":")[0] for one in said] == [
        "The disk with / on hv1 is full",
        "hv1 is out of memory",
        "The volume backend lab1 is full",
    ]


def test_a_clock_is_off_only_where_it_can_be_no_other_way():
    assert clock_off(said=105.0, sent=100.0, received=110.0) == 0
    assert clock_off(said=99.0, sent=100.0, received=110.0) == -1
    assert clock_off(said=140.0, sent=100.0, received=110.0) == 30


def test_times_and_sizes_for_people():
    assert [ago(int(NOW) - back, NOW) for back in (5, 600, 7200, 200_000)] == [
        "5 s ago",
        "10 min ago",
        "2 h ago",
        "2 d ago",
    ]
    assert [size(count) for count in (12, 5 << 20, 3 << 40)] == ["12 B", "5 MiB", "3.0 TiB"]


def test_times_of_the_apis():
    assert apis.epoch("2026-01-01T00:00:00Z") == apis.epoch("2026-01-01 00:00:00") == 1767225600
    assert apis.epoch(None) is None
