"""Random claims, releases and changes of stock, against a model of what is sold."""

from dataclasses import dataclass, field
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROVIDERS, CONSUMERS = 2, 5
STOCK = {
    "VCPU": {"total": 6, "allocation_ratio": 1.5},
    "MEMORY_MB": {"total": 200, "reserved": 33, "step_size": 8, "max_unit": 96},
}
CAPACITY = {"VCPU": 9, "MEMORY_MB": 167}

amounts = st.fixed_dictionaries(
    {}, optional={"VCPU": st.integers(1, 5), "MEMORY_MB": st.integers(1, 13).map(lambda eights: eights * 8)}
).filter(bool)
claims = st.tuples(
    st.just("claim"),
    st.integers(0, CONSUMERS - 1),
    st.dictionaries(st.integers(0, PROVIDERS - 1), amounts, min_size=1),
)
releases = st.tuples(st.just("release"), st.integers(0, CONSUMERS - 1))
stocks = st.tuples(st.just("stock"), st.integers(0, PROVIDERS - 1), st.integers(0, 12))
some = settings(max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass
class World:
    """Two providers in a cloud, and what the model says of them: consumer → provider → class → amount."""

    client: object
    providers: list = field(default_factory=lambda: [str(uuid4()) for _ in range(PROVIDERS)])
    consumers: list = field(default_factory=lambda: [str(uuid4()) for _ in range(CONSUMERS)])
    held: dict = field(default_factory=dict)
    vcpus: list = field(default_factory=lambda: [CAPACITY["VCPU"]] * PROVIDERS)

    def __post_init__(self):
        for uuid in self.providers:
            made = self.ask("POST", "/resource_providers", {"uuid": uuid, "name": f"model-{uuid}"})
            body = {"resource_provider_generation": made.json["generation"], "inventories": STOCK}
            assert self.ask("PUT", f"/resource_providers/{uuid}/inventories", body).status == 200

    def ask(self, method, path, body=None):
        return self.client.request(method, "placement", path, json=body, version="1.38")

    def do(self, operation):
        """Ask; the status."""
        kind, number, *rest = operation
        if kind == "release":
            return self.ask("DELETE", f"/allocations/{self.consumers[number]}").status
        if kind == "claim":
            return self.claim(number, rest[0])
        path = f"/resource_providers/{self.providers[number]}"
        generation = self.ask("GET", path).json["generation"]
        body = {**STOCK["VCPU"], "total": max(1, rest[0]), "allocation_ratio": 1.0}
        return self.ask("PUT", f"{path}/inventories/VCPU", {**body, "resource_provider_generation": generation}).status

    def claim(self, number, wanted):
        consumer = self.consumers[number]
        path = f"/allocations/{consumer}"
        body = {
            "allocations": {self.providers[at]: {"resources": resources} for at, resources in wanted.items()},
            "project_id": "model",
            "user_id": "model",
            "consumer_type": "MODEL",
            "consumer_generation": self.ask("GET", path).json.get("consumer_generation"),
        }
        return self.ask("PUT", path, body).status

    def used(self, provider, kind, but=None):
        return sum(one.get(provider, {}).get(kind, 0) for consumer, one in self.held.items() if consumer != but)

    def capacity(self, provider, kind):
        return self.vcpus[provider] if kind == "VCPU" else CAPACITY[kind]

    def fits(self, number, wanted):
        return all(
            self.used(at, kind, but=number) + amount <= self.capacity(at, kind) and (kind == "VCPU" or amount <= 96)
            for at, resources in wanted.items()
            for kind, amount in resources.items()
        )

    def expected(self, operation):
        """The status, from the model; the model moves on."""
        kind, number, *rest = operation
        if kind == "release":
            return 204 if self.held.pop(number, None) else 404
        if kind == "stock":
            self.vcpus[number] = max(1, rest[0])
            return 200
        if not self.fits(number, rest[0]):
            return 409
        self.held[number] = rest[0]
        return 204

    def check(self):
        """Placement says what the model says."""
        for at, uuid in enumerate(self.providers):
            usages = self.ask("GET", f"/resource_providers/{uuid}/usages").json["usages"]
            assert usages == {kind: self.used(at, kind) for kind in CAPACITY}


@some
@given(st.lists(st.one_of(claims, claims, releases, stocks), min_size=8, max_size=30))
def test_placement_sells_as_its_model_does(cloud, operations):
    world = World(cloud.admin)
    for operation in operations:
        assert world.do(operation) == world.expected(operation), operation
    world.check()


@some
@given(st.lists(st.one_of(claims, claims, releases), min_size=24, max_size=60))
def test_placement_sells_nothing_twice_when_many_ask(cloud, at_once, operations):
    world = World(cloud.admin)
    for start in range(0, len(operations), 24):
        batch = operations[start : start + 24]
        before = {at: {kind: world.used(at, kind) for kind in CAPACITY} for at in range(PROVIDERS)}
        statuses = at_once(world.do, batch)
        assert set(statuses) <= {204, 404, 409}
        world.held = {}
        for number, consumer in enumerate(world.consumers):
            found = world.ask("GET", f"/allocations/{consumer}").json["allocations"]
            if found:
                world.held[number] = {world.providers.index(uuid): one["resources"] for uuid, one in found.items()}
        world.check()
        sold = [
            rest[0]
            for (kind, _, *rest), status in zip(batch, statuses, strict=True)
            if (kind, status) == ("claim", 204)
        ]
        for at in range(PROVIDERS):
            for kind in CAPACITY:
                assert world.used(at, kind) <= CAPACITY[kind], "more is sold than there is"
                assert world.used(at, kind) <= before[at][kind] + sum(one.get(at, {}).get(kind, 0) for one in sold)
        for number, held in world.held.items():
            last = [rest[0] for (kind, who, *rest) in batch if (kind, who) == ("claim", number)]
            assert held in last or not any(
                (kind, who, status) == ("claim", number, 204)
                for (kind, who, *_), status in zip(batch, statuses, strict=True)
            ), "what a consumer holds is what one claim asked for, whole"
