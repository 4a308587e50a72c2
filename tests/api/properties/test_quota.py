"""Random boots, deletes and changes of limits, against a model of a project's quota."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FLAVORS = [(1, 64), (2, 32), (3, 128)]
"""vCPUs, MiB."""

some = settings(max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck))
boots = st.tuples(st.just("boot"), st.integers(0, 2), st.integers(1, 3), st.integers(0, 2))
deletes = st.tuples(st.just("delete"), st.integers(0, 30))
limits = st.tuples(st.just("limit"), st.sampled_from(["instances", "cores", "ram"]), st.integers(0, 8))
UNITS = {"instances": 1, "cores": 2, "ram": 64}


class World:
    """A project, its servers (id → flavor) and its limits."""

    def __init__(self, cloud, client, flavors):
        self.cloud, self.client, self.flavors = cloud, client, flavors
        self.servers, self.limits = {}, {"instances": 6, "cores": 10, "ram": 400}
        self.image = client.get("image", "/v2/images?name=tiny").json["images"][0]["id"]
        self.set_limits()

    def set_limits(self):
        body = {"quota_set": {**self.limits, "force": True}}
        answer = self.cloud.admin.put("compute", f"/os-quota-sets/{self.client.project_id}", body)
        assert answer.status == 200, answer.data

    def used(self):
        """As the model has it."""
        flavors = [FLAVORS[number] for number in self.servers.values()]
        sums = (len(flavors), sum(one[0] for one in flavors), sum(one[1] for one in flavors))
        return dict(zip(("instances", "cores", "ram"), sums, strict=True))

    def most(self, flavor, wanted):
        """So many of a flavor fit, of those wanted."""
        used, each = self.used(), {"instances": 1, "cores": FLAVORS[flavor][0], "ram": FLAVORS[flavor][1]}
        return min([wanted, *(max(0, limit - used[name]) // each[name] for name, limit in self.limits.items())])

    def boot(self, flavor, least, more):
        body = {"name": "one", "flavorRef": self.flavors[flavor], "imageRef": self.image, "networks": "none"}
        body |= {"min_count": least, "max_count": least + more, "return_reservation_id": True}
        return self.client.post("compute", "/servers", {"server": body}, version="2.37")

    def listed(self):
        names = dict(zip(self.names(), range(len(FLAVORS)), strict=True))
        servers = self.client.get("compute", "/servers/detail", version="2.47").json["servers"]
        return {one["id"]: names[one["flavor"]["original_name"]] for one in servers}

    def names(self):
        return [f"model-{id}" for id in self.flavors]

    def settle(self):
        """Until nothing is being made or deleted."""

        def done(answer):
            return all(
                one["OS-EXT-STS:task_state"] is None and one["status"] != "BUILD" for one in answer.json["servers"]
            )

        self.client.wait("compute", "/servers/detail", done, 60)

    def check(self):
        """The API counts what the model counts."""
        shown = self.client.get("compute", "/limits").json["limits"]["absolute"]
        found = {name: shown[f"total{name.upper() if name == 'ram' else name.capitalize()}Used"] for name in UNITS}
        assert found == self.used()


@pytest.fixture(scope="module")
def flavors(cloud):
    found = []
    for vcpus, ram in FLAVORS:
        id = uuid4().hex
        flavor = {"name": f"model-{id}", "id": id, "vcpus": vcpus, "ram": ram, "disk": 1}
        assert cloud.admin.post("compute", "/flavors", {"flavor": flavor}).status == 200
        found.append(id)
    return found


@some
@given(st.lists(st.one_of(boots, boots, deletes, limits), min_size=6, max_size=16))
def test_quota_is_sold_as_its_model_does(cloud, fresh, flavors, operations):
    world = World(cloud, fresh(), flavors)
    for kind, *how in operations:
        if kind == "limit":
            world.limits[how[0]] = how[1] * UNITS[how[0]]
            world.set_limits()
        elif kind == "delete" and world.servers:
            id = sorted(world.servers)[how[0] % len(world.servers)]
            assert world.client.delete("compute", f"/servers/{id}").status == 204
            world.client.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404, 60)
            del world.servers[id]
        elif kind == "boot":
            flavor, least, more = how
            fit = world.most(flavor, least + more)
            answer = world.boot(flavor, least, more)
            assert answer.status == (202 if fit >= least else 403), (fit, how, answer.data)
            listed = world.listed()
            new = {id: number for id, number in listed.items() if id not in world.servers}
            assert list(new.values()) == [flavor] * (fit if fit >= least else 0)
            world.servers |= new
            world.settle()
        world.check()
    _empty(world)


@some
@given(st.lists(boots, min_size=16, max_size=32))
def test_no_quota_is_sold_twice_when_many_boot_and_delete(cloud, fresh, flavors, at_once, operations):
    world = World(cloud, fresh(), flavors)

    def do(operation):
        if operation[0] == "delete":
            return world.client.delete("compute", f"/servers/{operation[1]}")
        return world.boot(*operation[1:])

    for start in range(0, len(operations), 16):
        leaving = [("delete", id) for id in sorted(world.servers)[::2]]
        answers = at_once(do, [*operations[start : start + 16], *leaving])
        assert {answer.status for answer in answers} <= {202, 204, 403}
        world.settle()
        world.servers = world.listed()
        assert all(used <= world.limits[name] for name, used in world.used().items()), "more is sold than there is"
        world.check()
    refused = [number for number in range(len(FLAVORS)) if world.boot(number, 1, 0).status == 403]
    world.settle()
    world.servers = world.listed()
    assert all(world.most(number, 1) == 0 for number in refused), "who fits is not refused once all is quiet"
    _empty(world)


def _empty(world):
    for id in world.servers:
        assert world.client.delete("compute", f"/servers/{id}").status == 204
    world.client.wait("compute", "/servers", lambda answer: not answer.json["servers"], 60)
    world.servers = {}
    world.check()
