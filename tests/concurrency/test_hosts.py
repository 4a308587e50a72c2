"""A crowd of boots against the hosts' last memory, and against a network's last addresses: as many get up as fit, the rest say why not."""

import itertools
from uuid import uuid4

import pytest

from tinstack.compute.config import Config

EACH = 10
HOST_MIB = Config.__struct_defaults__[
    Config.__struct_fields__.index("simulated_ram_mib") - len(Config.__struct_fields__)
]


class Boots:
    """Servers of a project without quota. ``refusal``: how the fault of those begins that have no room."""

    refusal = "No valid host was found."

    def __init__(self, rig, tenant, wish, ram, networks):
        self.rig, self.tenant, self.client, self.wish = rig, tenant, tenant.client, wish
        flavor = {"name": f"crowd-{uuid4().hex[:8]}", "vcpus": 1, "ram": ram, "disk": 1}
        self.body = {
            "flavorRef": self.client.post("compute", "/flavors", {"flavor": flavor}).json["flavor"]["id"],
            "imageRef": self.client.get("image", "/v2/images?name=tiny").json["images"][0]["id"],
            "networks": networks,
        }

    def ask(self, number):
        """So many requests."""
        server = {"server": {"name": "one", **self.body}}
        return [self.wish("POST", "compute", "/servers", server, "2.37") for _ in range(number)]

    def give_back(self, servers):
        return [self.wish("DELETE", "compute", f"/servers/{one['id']}") for one in servers]

    def listed(self):
        return self.client.get("compute", "/servers/detail").json["servers"]

    def ended(self):
        """(ACTIVE, ERROR) once all is settled."""

        def done(answer):
            return all(
                one["OS-EXT-STS:task_state"] is None and one["status"] != "BUILD" for one in answer.json["servers"]
            )

        servers = self.client.wait("compute", "/servers/detail", done, 90).json["servers"]
        by_state = {state: [one for one in servers if one["status"] == state] for state in ("ACTIVE", "ERROR")}
        assert sum(map(len, by_state.values())) == len(servers), {one["status"] for one in servers}
        wrong = [one["fault"] for one in by_state["ERROR"] if not one["fault"]["message"].startswith(self.refusal)]
        assert not wrong, (len(wrong), wrong[:3])
        return by_state["ACTIVE"], by_state["ERROR"]

    def crowd(self, wishes):
        replies = self.tenant.crowd(wishes)
        assert {reply.status for reply in replies} <= {202, 204}, replies
        return replies


@pytest.fixture
def full(rig, tenant, wish):
    """Servers of which exactly ten fit on a host."""
    boots = Boots(rig, tenant, wish, HOST_MIB // EACH, "none")
    yield boots
    boots.crowd(boots.give_back(boots.listed()))
    assert boots.ended() == ([], [])


def sold(rig):
    """Host → MiB of memory sold, and how many hold some."""
    found = {}
    for provider in rig.admin.get("placement", "/resource_providers").json["resource_providers"]:
        path = f"/resource_providers/{provider['uuid']}/allocations"
        held = rig.admin.get("placement", path).json["allocations"].values()
        found[provider["name"]] = [one["resources"]["MEMORY_MB"] for one in held]
    return {name: held for name, held in found.items() if name.startswith("compute")}


def test_a_crowd_of_boots_fills_the_hosts_exactly(rig, full):
    hosts = len(rig.cloud.hosts)
    full.crowd(full.ask(60))
    active, failed = full.ended()
    assert len(active) == hosts * EACH
    assert all(sum(held) == HOST_MIB // EACH * EACH for held in sold(rig).values()), "a host is sold to the last"
    leaving = [*active[::2], *failed]
    wishes = itertools.chain.from_iterable(itertools.zip_longest(full.give_back(leaving), full.ask(30)))
    full.crowd(one for one in wishes if one)
    now, _ = full.ended()
    assert len(now) <= hosts * EACH
    room = hosts * EACH - len(now)
    full.crowd(full.ask(30))
    again, _ = full.ended()
    assert len(again) == hosts * EACH, f"{room} places were free"
    assert all(len(held) <= EACH for held in sold(rig).values())


def test_a_crowd_of_boots_takes_the_last_addresses_of_a_network(rig, tenant, wish):
    client = tenant.client
    network = client.post("network", "/v2.0/networks", {"network": {"name": "small"}}).json["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.81.0.0/28", "enable_dhcp": False}
    assert client.post("network", "/v2.0/subnets", {"subnet": subnet}).status == 201
    boots = Boots(rig, tenant, wish, 64, [{"uuid": network}])
    boots.refusal = "Step 22"
    boots.crowd(boots.ask(40))
    active, _ = boots.ended()
    assert len(active) == 13
    addresses = {one["addresses"]["small"][0]["addr"] for one in active}
    assert len(addresses) == 13
    boots.crowd(boots.give_back(boots.listed()))
    assert boots.ended() == ([], [])
    assert client.get("network", f"/v2.0/ports?network_id={network}").json["ports"] == []
    boots.crowd(boots.ask(13))
    assert [len(some) for some in boots.ended()] == [13, 0], "every address is free again"
    boots.crowd(boots.give_back(boots.listed()))
    assert boots.ended() == ([], [])
