"""Random ports and addresses on a small subnet, against a model of which are taken."""

from ipaddress import ip_address
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NET = "10.90.0."
POOL = set(range(3, 11))
some = settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))

hosts = st.integers(0, 15)
anywhere = st.tuples(st.just("any"), st.just(0))
named = st.tuples(st.just("named"), hosts)
moved = st.tuples(st.just("move"), hosts)
gone = st.tuples(st.just("delete"), st.integers(0, 30))


class World:
    """A network of 14 addresses, eight of them in its pool; port → last number of its address."""

    def __init__(self, client):
        self.client, self.held = client, {}
        body = {"network": {"name": f"model-{uuid4().hex[:8]}"}}
        self.network = client.post("network", "/v2.0/networks", body).json["network"]["id"]
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": NET + "0/28", "enable_dhcp": False}
        subnet["allocation_pools"] = [{"start": f"{NET}{min(POOL)}", "end": f"{NET}{max(POOL)}"}]
        assert client.post("network", "/v2.0/subnets", {"subnet": subnet}).status == 201

    def port(self, operation):
        """The port that an operation is about: one of those that are there, by number."""
        ids = sorted(self.held)
        return ids[operation[1] % len(ids)] if ids else str(uuid4())

    def do(self, operation):
        """Ask; the answer."""
        kind, number = operation
        fixed = {"fixed_ips": [{"ip_address": f"{NET}{number}"}]}
        if kind in ("any", "named"):
            body = {"network_id": self.network, **({} if kind == "any" else fixed)}
            return self.client.post("network", "/v2.0/ports", {"port": body})
        path = f"/v2.0/ports/{self.port(operation)}"
        return (
            self.client.delete("network", path)
            if kind == "delete"
            else self.client.put("network", path, {"port": fixed})
        )

    def expected(self, operation):
        """The status."""
        kind, number = operation
        taken = set(self.held.values())
        if kind == "any":
            return 201 if POOL - taken else 409
        if kind == "delete":
            return 204 if self.held else 404
        if kind == "move" and not self.held:
            return 404
        if number in (0, 15):
            return 400
        mine = self.held.get(self.port(operation)) if kind == "move" else None
        if number in taken and number != mine:
            return 409
        return 201 if kind == "named" else 200

    def learn(self, operation, answer, port):
        """The model moves on."""
        if answer.status in (200, 201):
            made = answer.json["port"]
            (fixed,) = made["fixed_ips"]
            number = int(ip_address(fixed["ip_address"])) - int(ip_address(NET + "0"))
            assert number in POOL if operation[0] == "any" else number == operation[1]
            assert number not in {held for id, held in self.held.items() if id != made["id"]}, "given twice"
            self.held[made["id"]] = number
        elif answer.status == 204:
            del self.held[port]

    def listed(self):
        """Port → number, as the API has it; no address twice."""
        found = self.client.get("network", f"/v2.0/ports?network_id={self.network}").json["ports"]
        base = int(ip_address(NET + "0"))
        numbers = {one["id"]: int(ip_address(one["fixed_ips"][0]["ip_address"])) - base for one in found}
        assert len(set(numbers.values())) == len(numbers), "an address was given twice"
        return numbers


@pytest.fixture(scope="module")
def client(fresh):
    return fresh()


@some
@given(st.lists(st.one_of(anywhere, anywhere, named, moved, gone), min_size=10, max_size=40))
def test_addresses_are_given_as_the_model_says(client, operations):
    world = World(client)
    for operation in operations:
        expected, port = world.expected(operation), world.port(operation)
        answer = world.do(operation)
        assert answer.status == expected, (operation, answer.data)
        world.learn(operation, answer, port)
    assert world.listed() == world.held


@some
@given(st.lists(st.one_of(anywhere, anywhere, named, moved, gone), min_size=24, max_size=60))
def test_no_address_is_given_twice_when_many_ask(client, at_once, operations):
    world = World(client)
    for start in range(0, len(operations), 24):
        batch = operations[start : start + 24]
        before = dict(world.held)
        answers = at_once(world.do, batch)
        assert {answer.status for answer in answers} <= {200, 201, 204, 400, 404, 409}
        world.held = world.listed()
        made = {answer.json["port"]["id"] for answer in answers if answer.status == 201}
        freed = sum(answer.status == 204 for answer in answers)
        assert len(world.held) == len(before) + len(made) - freed
        refused = [one for one, answer in zip(batch, answers, strict=True) if (one[0], answer.status) == ("any", 409)]
        named = {number for kind, number in batch if kind in ("named", "move")}
        at_most = set(before.values()) | set(world.held.values()) | named
        assert not (refused and POOL - at_most), "somebody was refused although an address was free all the time"
