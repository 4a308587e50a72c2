"""The flow, from `POST /servers` to ACTIVE and back to nothing, through every service of a whole cloud."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

NEWEST = "2.96"


class Lab:
    """Servers of a test, removed when it ends."""

    def __init__(self, cloud: Any) -> None:
        self.cloud, self.demo, self.admin = cloud, cloud.demo, cloud.admin
        self.made: list[str] = []

    def boot(self, **more: Any) -> str:
        body = {
            "name": f"test-{uuid.uuid4().hex[:8]}",
            "imageRef": self.cloud.image_id(),
            "flavorRef": "1",
            "networks": [{"uuid": self.cloud.network_id()}],
            **more,
        }
        answer = self.demo.post("compute", "/servers", {"server": body}, version=NEWEST)
        assert answer.status == 202, answer.data
        self.made.append(answer.json["server"]["id"])
        return self.made[-1]

    def show(self, id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.admin.get("compute", f"/servers/{id}", version=NEWEST).json["server"]
        return shown

    def until(self, id: str, status: str) -> dict[str, Any]:
        """The server once its status is that and nothing is under way."""

        def there(answer: Any) -> bool:
            server = answer.json["server"]
            assert status == "ERROR" or server["status"] != "ERROR", server.get("fault")
            return server["status"] == status and server["OS-EXT-STS:task_state"] is None

        self.admin.wait("compute", f"/servers/{id}", there, version=NEWEST)
        return self.show(id)

    def act(self, id: str, action: dict[str, Any]) -> int:
        status: int = self.demo.post("compute", f"/servers/{id}/action", action, version=NEWEST).status
        return status

    def wait_for_trace(self, id: str, wanted: Any) -> list[dict[str, Any]]:
        """The trace, once an event is in it: events travel in batches."""
        path = f"/servers/{id}/tinstack-trace"
        answer = self.admin.wait("compute", path, lambda a: any(wanted(event) for event in a.json["trace"]))
        events: list[dict[str, Any]] = answer.json["trace"]
        return events

    def delete(self, id: str) -> None:
        self.demo.delete("compute", f"/servers/{id}")
        self.demo.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404)

    def owned(self, id: str) -> dict[str, Any]:
        """Whatever still belongs to a server, wherever."""
        return {
            "allocations": self.admin.get("placement", f"/allocations/{id}").json["allocations"],
            "ports": self.admin.get("network", f"/v2.0/ports?device_id={id}").json["ports"],
            "attachments": self.admin.get("block-storage", f"/attachments?instance_id={id}", version="3.44").json[
                "attachments"
            ],
        }


NOTHING = {"allocations": {}, "ports": [], "attachments": []}


@pytest.fixture
def lab(cloud: Any) -> Iterator[Lab]:
    made = Lab(cloud)
    yield made
    for id in made.made:
        made.delete(id)


def test_a_server_reaches_active_with_an_address_on_its_network(lab: Lab) -> None:
    server = lab.until(lab.boot(), "ACTIVE")
    [address] = server["addresses"]["demo-net"]
    assert address["addr"].startswith("192.168.50.")
    assert address["OS-EXT-IPS:type"] == "fixed"
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["OS-EXT-SRV-ATTR:host"] in lab.cloud.cloud.hosts
    [port] = lab.owned(server["id"])["ports"]
    assert (port["status"], port["binding:host_id"]) == ("ACTIVE", server["OS-EXT-SRV-ATTR:host"])


def test_the_trace_tells_all_29_steps_and_nothing_that_did_not_happen(lab: Lab) -> None:
    id = lab.boot()
    server = lab.until(id, "ACTIVE")
    answer = lab.demo.wait(
        "compute", f"/servers/{id}/tinstack-trace", lambda a: len({e["step"] for e in a.json["trace"]}) == 29
    )
    events = answer.json["trace"]
    assert {event["step"] for event in events} == set(range(1, 30))
    assert {event["outcome"] for event in events} <= {"ok", "cached", "none"}
    by_step = {event["step"]: event for event in events}
    assert by_step[25]["outcome"] == "none"
    assert by_step[28]["host"] == server["OS-EXT-SRV-ATTR:host"]
    who = {
        1: "identity",
        3: "api",
        9: "scheduler",
        14: "compute",
        16: "conductor",
        20: "image",
        23: "network",
        26: "volume",
    }
    assert {step: by_step[step]["service"] for step in who} == who
    starts = {step: event["start"] for step, event in by_step.items()}
    assert starts[3] <= starts[7] <= starts[9] <= starts[13] <= starts[22] <= starts[28] <= starts[29]


def test_the_second_server_on_a_host_finds_the_image_cached(lab: Lab) -> None:
    zone = f"nova:{lab.cloud.cloud.hosts[0]}"
    for _ in range(2):
        body = {
            "name": "cached",
            "imageRef": lab.cloud.image_id("tiny-alt"),
            "flavorRef": "1",
            "networks": "none",
            "availability_zone": zone,
        }
        answer = lab.admin.post("compute", "/servers", {"server": body}, version=NEWEST)
        assert answer.status == 202, answer.data
        id = answer.json["server"]["id"]
        lab.until(id, "ACTIVE")
        trace = lab.admin.wait(
            "compute", f"/servers/{id}/tinstack-trace", lambda a: any(e["step"] == 29 for e in a.json["trace"])
        )
        outcome = next(event["outcome"] for event in trace.json["trace"] if event["step"] == 19)
        lab.admin.delete("compute", f"/servers/{id}")
        lab.admin.wait("compute", f"/servers/{id}", lambda a: a.status == 404)
    assert outcome == "cached"


def test_a_deleted_server_leaves_nothing(lab: Lab) -> None:
    id = lab.boot()
    lab.until(id, "ACTIVE")
    lab.delete(id)
    assert lab.owned(id) == NOTHING


@pytest.mark.parametrize("step", ["19", "22", "25", "28"])
def test_a_step_that_fails_everywhere_gives_a_fault_and_leaves_nothing(lab: Lab, step: str) -> None:
    id = lab.boot(metadata={"tinstack:fault": step})
    server = lab.until(id, "ERROR")
    assert f"Step {step} " in server["fault"]["message"]
    assert "simulated" in server["fault"]["message"]
    lab.admin.wait("compute", f"/servers/{id}", lambda _: lab.owned(id) == NOTHING)
    lab.wait_for_trace(id, lambda event: event["outcome"] == "failed")


def test_another_host_is_tried_where_that_can_help(lab: Lab) -> None:
    id = lab.boot(metadata={"tinstack:fault": "28:1"})
    lab.until(id, "ACTIVE")
    answer = lab.demo.wait(
        "compute", f"/servers/{id}/tinstack-trace", lambda a: any(e["step"] == 29 for e in a.json["trace"])
    )
    attempts = [event for event in answer.json["trace"] if event["step"] == 28]
    assert [event["outcome"] for event in attempts] in (["failed", "ok"], ["retried", "ok"])
    assert attempts[0]["host"] != attempts[1]["host"]
    assert lab.owned(id)["allocations"].keys() == lab.owned(id)["allocations"].keys()
    assert len(lab.owned(id)["allocations"]) == 1


def test_no_host_has_room_and_the_fault_says_so_for_each(lab: Lab) -> None:
    name = f"huge-{uuid.uuid4().hex[:6]}"
    body = {"flavor": {"name": name, "ram": 64, "vcpus": 4000, "disk": 1}}
    flavor = lab.admin.post("compute", "/flavors", body).json["flavor"]["id"]
    quota = {"quota_set": {"cores": -1}}
    assert lab.admin.put("compute", f"/os-quota-sets/{lab.demo.project_id}", quota).status == 200
    server = lab.until(lab.boot(flavorRef=flavor, networks="none"), "ERROR")
    lab.admin.delete("compute", f"/os-quota-sets/{lab.demo.project_id}")
    for host in lab.cloud.cloud.hosts:
        assert host in server["fault"]["message"]


@pytest.mark.parametrize(
    "there, back, states",
    [
        ({"os-stop": None}, {"os-start": None}, "SHUTOFF"),
        ({"pause": None}, {"unpause": None}, "PAUSED"),
        ({"suspend": None}, {"resume": None}, "SUSPENDED"),
    ],
)
def test_there_and_back_again(lab: Lab, there: dict[str, Any], back: dict[str, Any], states: str) -> None:
    id = lab.boot(networks="none")
    lab.until(id, "ACTIVE")
    assert lab.act(id, there) == 202
    lab.until(id, states)
    assert lab.act(id, there) == 409
    assert lab.act(id, back) == 202
    lab.until(id, "ACTIVE")


def test_a_reboot_comes_back_and_the_console_tells_of_it(lab: Lab) -> None:
    id = lab.boot(networks="none")
    lab.until(id, "ACTIVE")
    for kind in ("SOFT", "HARD"):
        assert lab.act(id, {"reboot": {"type": kind}}) == 202
        lab.until(id, "ACTIVE")
    answer = lab.demo.post("compute", f"/servers/{id}/action", {"os-getConsoleOutput": {}})
    assert answer.status == 200
    assert "rebooted hard" in answer.json["output"]


def test_every_operation_is_an_instance_action_with_its_events(lab: Lab) -> None:
    id = lab.boot(networks="none")
    lab.until(id, "ACTIVE")
    lab.act(id, {"os-stop": None})
    lab.until(id, "SHUTOFF")
    lab.wait_for_trace(id, lambda event: event["step"] == 29)
    actions = lab.demo.get("compute", f"/servers/{id}/os-instance-actions", version=NEWEST).json["instanceActions"]
    assert [action["action"] for action in actions] == ["stop", "create"]
    path = f"/servers/{id}/os-instance-actions/{actions[1]['request_id']}"
    # each service tells of its steps in batches of its own: the last step may be told before others
    told = lab.demo.wait(
        "compute", path, lambda answer: len(answer.json["instanceAction"]["events"]) >= 20, version=NEWEST
    )
    assert {event["result"] for event in told.json["instanceAction"]["events"]} == {"Success"}


def test_a_port_that_the_user_made_is_used_and_kept(lab: Lab) -> None:
    made = lab.demo.post("network", "/v2.0/ports", {"port": {"network_id": lab.cloud.network_id(), "name": "mine"}})
    port = made.json["port"]
    id = lab.boot(networks=[{"port": port["id"]}])
    server = lab.until(id, "ACTIVE")
    assert server["addresses"]["demo-net"][0]["addr"] == port["fixed_ips"][0]["ip_address"]
    lab.delete(id)
    kept = lab.demo.get("network", f"/v2.0/ports/{port['id']}").json["port"]
    assert (kept["device_id"], kept["status"]) == ("", "DOWN")
    assert lab.demo.delete("network", f"/v2.0/ports/{port['id']}").status == 204


def test_a_quota_is_sold_once(lab: Lab) -> None:
    project = lab.demo.project_id
    used = lab.demo.get("compute", "/limits").json["limits"]["absolute"]["totalInstancesUsed"]
    assert lab.admin.put("compute", f"/os-quota-sets/{project}", {"quota_set": {"instances": used + 1}}).status == 200
    try:
        lab.boot(networks="none")
        body = {"name": "one-too-many", "imageRef": lab.cloud.image_id(), "flavorRef": "1", "networks": "none"}
        refused = lab.demo.post("compute", "/servers", {"server": body}, version=NEWEST)
        assert refused.status == 403
        assert "quota" in refused.json["forbidden"]["message"].lower()
    finally:
        lab.admin.delete("compute", f"/os-quota-sets/{project}")


def test_another_project_sees_no_server_of_this_one(lab: Lab, cloud: Any) -> None:
    id = lab.boot(networks="none")
    assert lab.admin.get("compute", f"/servers/{id}").status == 200
    assert lab.admin.get("compute", "/servers").json["servers"] == [] or id not in {
        one["id"] for one in lab.admin.get("compute", "/servers").json["servers"]
    }
    assert id in {one["id"] for one in lab.admin.get("compute", "/servers?all_tenants=1").json["servers"]}
