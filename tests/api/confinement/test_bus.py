"""What a stolen host says on the bus of others: refused by who hears it, and logged."""

import pytest
from tests.api.conftest import STOLEN

from tinstack.conductor import rpc as conductor
from tinstack.conductor.parts import Parts
from tinstack.core.bus import Message, Refused, RemoteFailure
from tinstack.core.clock import now_us
from tinstack.core.trace import TraceEvent, TraceEvents
from tinstack.network import rpc as net

OWNER = f"compute@{STOLEN}/0"


def slow(cloud, name):
    """A boot that is held at step 28 on another host; the server and its operation."""
    body = {
        "name": name,
        "flavorRef": "42",
        "imageRef": cloud.image_id(),
        "networks": "none",
        "metadata": {"tinstack:delay": "28:6000"},
    }
    id = cloud.demo.post("compute", "/servers", {"server": body}, version="2.37").json["server"]["id"]

    def at_host(answer):
        return any(one["server_id"] == id and one["step"] >= 14 for one in answer.json["operations"])

    running = cloud.admin.wait("compute", "/tinstack-operations", at_host).json["operations"]
    return id, next(one for one in running if one["server_id"] == id)


def test_it_takes_no_part_in_the_operation_of_another_hosts_server(cloud, compute, logged):
    id, operation = slow(cloud, "held")
    taken = operation["owner"]
    attempts = [
        conductor.AskServer(server_id=id, operation_id=operation["id"], generation=1, owner=OWNER),
        conductor.AskServer(server_id=id, operation_id=operation["id"], generation=1, owner=taken),
        conductor.Renew(operation_id=operation["id"], owner=taken),
        conductor.Progress(operation_id=operation["id"], owner=taken, step=28, task_state=None),
        conductor.Finished(operation_id=operation["id"], owner=taken, power_state=4),
        conductor.Failed(operation_id=operation["id"], owner=taken, step=28, reason="boo", elsewhere=True),
        conductor.Progress(operation_id=operation["id"], owner=OWNER, step=28, task_state=None),
        conductor.Finished(operation_id=operation["id"], owner=OWNER, power_state=4),
    ]
    for attempt in attempts:
        with pytest.raises(RemoteFailure) as failure:
            compute.call(conductor.TOPIC, attempt)
        assert failure.value.remote_status in (403, 409), attempt
    for kind in ("AskServer", "Renew", "Progress", "Finished", "Failed"):
        logged(f"compute.{STOLEN}", kind)
    cloud.demo.wait("compute", f"/servers/{id}", lambda it: it.json["server"]["status"] == "ACTIVE")
    assert cloud.demo.delete("compute", f"/servers/{id}").status == 204


@pytest.mark.parametrize(
    "message",
    [
        conductor.BeginScheduling(operation_id="x", generation=1, owner="scheduler@x/0"),
        conductor.AskHosts(),
        conductor.AssignHost(operation_id="x", owner="scheduler@x/0", host=STOLEN, alternates=[], verdicts=[]),
        conductor.SchedulingFailed(operation_id="x", owner="scheduler@x/0", step=10, reason="", verdicts=[]),
        conductor.ServiceReport(host="controller", binary="nova-scheduler", started_at=1),
        conductor.ServiceReport(host=STOLEN, binary="nova-api", started_at=1),
        conductor.Drive(operation_id="x", generation=1),
        conductor.NetworkChanged(server_id="x"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_it_does_not_speak_as_a_controller(compute, logged, message):
    with pytest.raises(RemoteFailure) as failure:
        compute.call(conductor.TOPIC, message)
    assert failure.value.remote_status == 403
    logged(f"compute.{STOLEN}", type(message).__name__)


def report(**changes):
    values = {
        "host": STOLEN,
        "provider": conductor.provider_of(STOLEN),
        "hypervisor_type": "fake",
        "hypervisor_version": 1,
        "host_ip": "127.0.0.1",
        "vcpus": 0,
        "ram_mib": 0,
        "disk_gib": 0,
        "free_disk_gib": 0,
        "cpu_info": {},
        "servers": [],
        "started_at": 1,
    }
    return conductor.HostReport(**(values | changes))


def test_it_does_not_report_for_another_host(cloud, compute, logged):
    compute.cast(conductor.TOPIC, report(host="compute1"))
    logged(f"compute.{STOLEN}", "HostReport", "compute.compute1")


def test_it_does_not_change_what_another_host_has_to_sell(cloud, compute, logged):
    provider = conductor.provider_of("compute1")
    before = cloud.admin.get("placement", f"/resource_providers/{provider}/inventories").json
    compute.cast(conductor.TOPIC, report(provider=provider))
    logged(f"compute.{STOLEN}", provider)
    assert cloud.admin.get("placement", f"/resource_providers/{provider}/inventories").json == before
    names = [one["name"] for one in cloud.admin.get("placement", "/resource_providers").json["resource_providers"]]
    assert STOLEN not in names


def test_what_it_says_of_another_hosts_guest_does_not_count(cloud, compute, victim, logged):
    seen = conductor.ObservedServer(id=victim["id"], power_state=4, generation=99)
    compute.cast(conductor.TOPIC, report(servers=[seen]))
    logged(STOLEN, victim["id"], "does not count")
    row = cloud.demo.get("compute", f"/servers/{victim['id']}").json["server"]
    assert (row["status"], row["OS-EXT-STS:power_state"]) == ("ACTIVE", 1)
    for row in cloud.admin.get("compute", f"/os-services?host={STOLEN}", version="2.53").json["services"]:
        cloud.admin.delete("compute", f"/os-services/{row['id']}", version="2.53")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "compute1"},
        {"step": 1, "server_id": None, "audit_id": "x"},
        {"step": 7},
        {"service": "image", "step": 20},
    ],
    ids=str,
)
def test_it_writes_nothing_into_the_trace_of_another_hosts_server(cloud, compute, victim, logged, changes):
    values = {
        "step": 28,
        "request_id": "req-x",
        "service": "compute",
        "host": STOLEN,
        "start": now_us(),
        "duration": 1,
        "outcome": "failed",
        "message": "forged",
        "server_id": victim["id"],
    }
    compute.cast("trace", TraceEvents(events=[TraceEvent(**(values | changes))]))
    logged(f"compute.{STOLEN}", "trace")
    events = cloud.admin.get("compute", f"/servers/{victim['id']}/tinstack-trace").json["trace"]
    assert events and not [event for event in events if event["message"] == "forged" or event["host"] == STOLEN]


def test_a_conductor_that_remembers_nothing_keeps_the_trace_of_every_host_that_was_tried(cloud, monkeypatch):
    monkeypatch.setattr(Parts, "launched", lambda self, server, host: False)
    body = {"name": "twice", "flavorRef": "42", "imageRef": cloud.image_id(), "networks": "none"}
    body["metadata"] = {"tinstack:fault": "28:1"}
    id = cloud.demo.post("compute", "/servers", {"server": body}, version="2.37").json["server"]["id"]
    cloud.demo.wait("compute", f"/servers/{id}", lambda it: it.json["server"]["status"] == "ACTIVE")

    def both(answer):
        hosts = {event["host"] for event in answer.json["trace"] if event["step"] == 28}
        return hosts == {"compute1", "compute2"}

    cloud.demo.wait("compute", f"/servers/{id}/tinstack-trace", both)
    assert cloud.demo.delete("compute", f"/servers/{id}").status == 204


@pytest.mark.parametrize(
    "message",
    [
        net.AskHostState(host="compute1"),
        net.Applied(host="compute1", generation=1, up=[]),
        net.AgentReport(
            host="compute1", tunnel_ip="1.2.3.4", roles=["l2"], physical_networks={}, generation=1, started_at=1
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_its_network_agent_does_not_speak_for_another_host(network, logged, message):
    with pytest.raises(RemoteFailure) as failure:
        network.call(net.TOPIC, message)
    assert failure.value.remote_status == 403
    logged(f"network.{STOLEN}", "compute1")


def test_agents_of_one_host_are_not_each_other(compute, network, logged):
    with pytest.raises(RemoteFailure):
        compute.call(net.TOPIC, net.AskHostState(host=STOLEN))
    with pytest.raises(RemoteFailure):
        network.call(conductor.TOPIC, report())
    logged(f"compute.{STOLEN}", STOLEN)
    logged(f"network.{STOLEN}", "HostReport")


class Hello(Message):
    """Nothing that anybody serves."""


def test_answers_go_to_no_other_queue_than_the_askers(cloud, compute, logged):
    from tinstack.core.bus import interface, topology

    async def ask(reply_to):
        envelope = interface.envelope_of(Hello(), compute.bus.user, 5.0, reply_to)
        await compute.bus._publish(conductor.TOPIC, envelope)

    for elsewhere in (
        f"{topology.PRIVATE}compute.compute1",
        "compute.compute1",
        "broadcast.identity.revoked",
        "scheduler",
    ):
        compute.run(ask(elsewhere))
        logged(f"compute.{STOLEN}", elsewhere, "not its own")


@pytest.mark.parametrize(
    "topic", ["compute.compute1", "network.compute1", "scheduler", "identity", "private.compute.compute1"]
)
def test_it_tells_other_hosts_and_closed_services_nothing(cloud, compute, topic):
    if hasattr(compute.bus, "hub"):
        with pytest.raises(Refused):
            compute.cast(topic, Hello())
    else:
        with pytest.raises(Exception, match="bus can't be reached"):
            compute.cast(topic, Hello())
