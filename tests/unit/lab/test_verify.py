"""`verify`: which things and rows have no owner, what is left alone, and how hosts' answers are read."""

import json

import pytest

from tinstack.lab import verify
from tinstack.lab.verify import choices, orphans
from tinstack.lab.verify.hosts import Hosts, Looked, Thing, _units
from tinstack.lab.verify.report import Check, Orphan, Report
from tinstack.lab.verify.rows import Rows
from tinstack.lab.words import LabError

SERVER = "11111111-1111-4111-8111-111111111111"
PORT = "22222222-2222-4222-8222-222222222222"
NETWORK = "33333333-3333-4333-8333-333333333333"
ROUTER = "44444444-4444-4444-8444-444444444444"
VOLUME = "55555555-5555-4555-8555-555555555555"
GONE = "99999999-9999-4999-8999-999999999999"


def server(host="compute1", task=None, state="active", status="ACTIVE"):
    return {
        "id": SERVER,
        "name": "one",
        "status": status,
        "OS-EXT-SRV-ATTR:host": host,
        "OS-EXT-STS:task_state": task,
        "OS-EXT-STS:vm_state": state,
    }


def port(id=PORT, device=SERVER, owner="compute:nova", host="compute1"):
    return {"id": id, "device_id": device, "device_owner": owner, "binding:host_id": host, "network_id": NETWORK}


@pytest.fixture
def rows():
    return Rows(
        claims=[(SERVER, "compute1")],
        ports=[port()],
        floating=[],
        attachments=[],
        volumes={},
        snapshots=set(),
        networks=[NETWORK],
        routers={ROUTER},
        servers={SERVER: server()},
        operations=[],
        file_pools={"controller@lab1#lab1"},
    )


@pytest.fixture
def looked():
    owned = [
        Thing("domain", SERVER, SERVER),
        Thing("folder", SERVER, SERVER),
        Thing("interface", f"tap{PORT[:11]}", PORT[:11]),
        Thing("interface", f"br{NETWORK[:11]}", NETWORK[:11]),
        Thing("interface", f"gr{NETWORK[:6]}-0a1b2c", f"{NETWORK[:6]}-0a1b2c"),
        Thing("chain", f"from-tap{PORT[:11]}", PORT[:11]),
    ]
    return Looked(things={"compute1": owned})


def found(looked, rows):
    return [(one.kind, one.name, one.host) for one in orphans.find(looked, rows)]


def test_what_has_an_owner_is_none(looked, rows):
    assert found(looked, rows) == []


@pytest.mark.parametrize(
    "thing",
    [
        Thing("domain", GONE, GONE),
        Thing("folder", GONE, GONE),
        Thing("guest", GONE, GONE),
        Thing("interface", f"tap{GONE[:11]}", GONE[:11]),
        Thing("interface", f"vx{GONE[:11]}", GONE[:11]),
        Thing("interface", f"gr{GONE[:6]}-0a1b2c", f"{GONE[:6]}-0a1b2c"),
        Thing("chain", f"from-tap{GONE[:11]}", GONE[:11]),
        Thing("namespace", f"router-{GONE}", GONE),
        Thing("namespace", f"dhcp-{NETWORK}", NETWORK),
        Thing("dhcp", NETWORK, NETWORK),
        Thing("volume", f"/v/volume-{GONE}.qcow2", GONE),
        Thing("snapshot", f"/v/snapshot-{GONE}.qcow2", GONE),
        Thing("export", f"{VOLUME}/{GONE}", GONE),
    ],
    ids=lambda one: f"{one.kind} {one.name}",
)
def test_a_thing_without_its_row_is_named(looked, rows, thing):
    looked.things["compute1"].append(thing)
    (one,) = orphans.find(looked, rows)
    assert (one.kind, one.name, one.host, one.on_host) == (thing.kind, thing.name, "compute1", True)
    assert thing.name in one.reason and "compute1" in one.reason


def test_a_thing_of_an_unknown_kind_is_nobodys_business(looked, rows):
    looked.things["compute1"].append(Thing("teapot", "x", "x"))
    assert found(looked, rows) == []


def test_a_guest_on_another_host_than_its_servers_is_named_unless_something_is_done_to_it(looked, rows):
    looked.things["compute2"] = [Thing("domain", SERVER, SERVER)]
    assert found(looked, rows) == [("domain", SERVER, "compute2")]
    rows.servers[SERVER] = server(task="migrating")
    assert found(looked, rows) == []
    rows.servers[SERVER] = server(status="VERIFY_RESIZE")
    assert found(looked, rows) == []


def test_the_tap_of_a_port_that_is_bound_elsewhere_is_named(looked, rows):
    rows.ports = [port(host="compute2")]
    kinds = {kind for kind, _, _ in found(looked, rows)}
    assert kinds == {"interface", "chain"}


def test_a_server_without_a_guest_is_named_unless_its_host_could_not_be_asked(looked, rows):
    looked.things["compute1"] = looked.things["compute1"][1:]
    assert found(looked, rows) == [("server", SERVER, "compute1")]
    looked.things = {}
    assert found(looked, rows) == []


@pytest.mark.parametrize("state", ["building", "error", "shelved_offloaded"])
def test_a_server_that_need_not_have_a_guest_is_none(looked, rows, state):
    looked.things["compute1"] = looked.things["compute1"][2:]
    rows.servers[SERVER] = server(state=state)
    assert found(looked, rows) == []


def test_rows_of_what_is_gone_are_named(looked, rows):
    rows.claims.append((GONE, "compute1"))
    rows.ports += [port(id="p1", device=GONE), port(id="p2", device=GONE, owner="network:router_interface")]
    rows.ports += [port(id="p3", device=ROUTER, owner="network:router_gateway"), port(id="p4", device="", owner="")]
    rows.attachments = [
        {"id": "a1", "instance": GONE, "volume_id": VOLUME},
        {"id": "a2", "instance": SERVER, "volume_id": VOLUME},
        {"id": "a3", "instance": None, "volume_id": VOLUME},
    ]
    rows.floating = [
        {"id": "f1", "floating_ip_address": "192.0.2.1", "port_id": GONE},
        {"id": "f2", "floating_ip_address": "192.0.2.2", "port_id": PORT},
        {"id": "f3", "floating_ip_address": "192.0.2.3", "port_id": None},
    ]
    assert found(looked, rows) == [
        ("allocation", GONE, "compute1"),
        ("port", "p1", "compute1"),
        ("port", "p2", "compute1"),
        ("attachment", "a1", None),
        ("floating_ip", "f1", None),
    ]


def test_a_claim_beside_its_servers_host_is_named(looked, rows):
    rows.claims.append((SERVER, "compute2"))
    assert found(looked, rows) == [("misplaced", SERVER, "compute2")]
    rows.claims.remove((SERVER, "compute1"))
    assert found(looked, rows) == [("misplaced", SERVER, "compute2"), ("unclaimed", SERVER, "compute1")]
    rows.servers[SERVER] = server(task="migrating")
    assert found(looked, rows) == []


def test_a_running_server_without_a_claim_is_named(looked, rows):
    rows.claims = []
    assert found(looked, rows) == [("unclaimed", SERVER, "compute1")]
    rows.servers[SERVER] = server(state="error", status="ERROR")
    assert found(looked, rows) == []


def test_what_others_than_servers_hold_is_their_own(looked, rows):
    rows.claims.append((GONE, "compute1"))
    rows.others = {GONE: "MIGRATION"}
    assert found(looked, rows) == []
    check = verify.foreign(rows)
    assert check.ok and f"{GONE} (MIGRATION) on compute1" in check.message


def test_an_overdue_operation_is_named(looked, rows):
    late = {"id": "o1", "kind": "boot", "server_id": SERVER, "step": 14, "owner": "compute@compute1/x", "overdue": True}
    rows.operations = [late, {**late, "id": "o2", "overdue": False}]
    (one,) = orphans.find(looked, rows)
    assert (one.kind, one.name) == ("operation", "o1")
    assert "step 14" in one.reason and "compute@compute1/x" in one.reason


def test_a_volume_without_its_file_is_named_where_files_are_kept(looked, rows):
    place = {"status": "available", "os-vol-host-attr:host": "controller@lab1#lab1"}
    rows.volumes = {VOLUME: place}
    looked.things["controller"] = []
    assert found(looked, rows) == [("volume_row", VOLUME, "controller")]
    looked.things["controller"] = [Thing("volume", f"/v/volume-{VOLUME}.qcow2", VOLUME)]
    assert found(looked, rows) == []
    looked.things["controller"] = []
    for otherwise in ({"status": "creating"}, {"os-vol-host-attr:host": "controller@lvm#lvm"}):
        rows.volumes = {VOLUME: {**place, **otherwise}}
        assert found(looked, rows) == []


class Answers:
    """A client that knows some answers."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, service, path, query=None, *, version=None):
        if path == "/allocation_candidates":
            return {"allocation_requests": [{}] if query["resources"] in self.answers["roomy"] else []}
        return {name: self.answers[name] for name in self.answers}


def image(name, size, **more):
    common = {"disk_format": "raw", "container_format": "bare", "visibility": "public", "min_ram": 0, "min_disk": 0}
    return {"name": name, "size": size, **common, **more}


def flavor(name, ram, disk, specs=None):
    return {
        "id": name,
        "name": name,
        "ram": ram,
        "vcpus": 1,
        "disk": disk,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "extra_specs": specs or {},
    }


def test_what_is_booted_is_the_smallest_that_fits_and_has_room():
    own, tiny = image("own", 5, visibility="private"), image("tiny", 1 << 20, min_ram=64)
    odd = image("odd", 10, hw_machine_type="q35")
    flavors = [
        flavor("small", 32, 1),
        flavor("full", 64, 1),
        flavor("special", 64, 1, {"a": "b"}),
        flavor("big", 128, 1),
    ]
    roomy = {"VCPU:1,MEMORY_MB:128,DISK_GB:1", "VCPU:1,MEMORY_MB:32,DISK_GB:1"}
    cloud = Answers(images=[own, odd, tiny], flavors=flavors, roomy=roomy)
    chosen, of = choices.image_and_flavor(cloud, cloud)
    assert (chosen["name"], of["name"]) == ("tiny", "big")


def net(name, shared=False, **more):
    ready = {"subnets": ["s"], "router:external": False, "admin_state_up": True, "status": "ACTIVE"}
    return {"id": name, "name": name, "shared": shared, **ready, **more}


def availability(name, total, used, version=4):
    details = {"total_ips_in_allocation_pool": total, "used_ips_in_allocation_pool": used}
    return {"network_id": name, "subnet_ip_availability": [{"ip_version": version, "ip_availability_details": details}]}


def test_what_is_booted_gets_a_network_with_an_address_left():
    there = [net("full"), net("six"), net("shared", shared=True), net("own"), net("outer", **{"router:external": True})]
    there.append(net("down", admin_state_up=False))
    left = [
        availability("full", 5, 5),
        availability("six", 99, 0, version=6),
        *(availability(name, 5, 1) for name in ("shared", "own", "outer", "down")),
    ]
    cloud = Answers(networks=there, network_ip_availabilities=left)
    assert choices.network(cloud, cloud)["name"] == "own"
    cloud.answers["networks"] = [net("full")]
    with pytest.raises(LabError, match="No address is left for a server in full"):
        choices.network(cloud, cloud)
    cloud.answers["networks"] = []
    assert choices.network(cloud, cloud) is None


def test_units_that_do_not_run_are_a_failed_check():
    units = [
        {"unit": "tinstack-api.service", "load": "loaded", "active": "active"},
        {"unit": "tinstack-image.service", "load": "loaded", "active": "failed"},
        {"unit": "mariadb.service", "load": "not-found", "active": "inactive"},
    ]
    check = _units("controller", json.dumps(units))
    assert (check.name, check.ok, check.message) == ("units on controller", False, "tinstack-image.service is failed.")
    assert _units("controller", json.dumps([units[0], units[2]])).ok


def test_the_hosts_of_a_dev_cloud_are_folders_of_its_state(tmp_path):
    from tinstack.lab.labs import Lab

    folder = tmp_path / "instances" / "compute1"
    folder.mkdir(parents=True)
    (folder / f"{GONE}.json").write_text("{}")
    hosts = Hosts(Lab(tmp_path))
    assert hosts.look().things == {"compute1": [Thing("guest", GONE, GONE)]}
    assert hosts.remove([Orphan("guest", GONE, "compute1", "", owner=GONE, on_host=True)]) == {}
    assert hosts.look().things == {"compute1": []}


def test_a_lab_is_healthy_when_no_check_failed_and_no_orphan_is_left():
    orphan = Orphan("port", "p", None, "The port p has no owner.")
    assert Report(checks=[Check("a", True), Check("b", None)]).healthy
    assert not Report(checks=[Check("a", False)]).healthy
    report = Report(checks=[Check("a", True)], orphans=[orphan])
    assert not report.healthy
    assert report.verdict() == "1 has no owner. `./lab verify --repair` removes what can be removed."
    orphan.repaired = "It was deleted."
    assert report.healthy
    assert report.public()["orphans"][0]["repaired"] == "It was deleted."
