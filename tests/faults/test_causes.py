"""Each step of a boot fails for a cause of its own: another host is tried where that can help, else ERROR says what, where and why."""

import hashlib
import os
import re
import uuid

import pytest

from faults import checks


@pytest.fixture(autouse=True)
def _clean(rig):
    yield
    rig.delete_all()


def failed(rig, id, *words):
    """The server, in ERROR with a fault that says all of that; already nothing is left of it but its row."""
    (server,) = rig.until_settled([id])
    assert server["status"] == "ERROR", server["status"]
    message = server["fault"]["message"]
    assert all(word in message for word in words), message
    checks.until(lambda: rig.until_settled([id])[0]["OS-EXT-SRV-ATTR:host"] is None, 10, "it has no host any more")
    checks.owned_by_someone(rig.admin, rig.state)
    return message


def booted(rig, id):
    (server,) = rig.until_settled([id])
    assert server["status"] == "ACTIVE", server.get("fault")
    return server


def own_image(rig, data=None):
    """An image that no host has cached; its id."""
    data = data or os.urandom(1024)
    body = {"name": f"own-{uuid.uuid4().hex[:6]}", "disk_format": "raw", "container_format": "bare"}
    id = rig.demo.post("image", "/v2/images", body).json["id"]
    headers = {"Content-Type": "application/octet-stream"}
    answer = rig.demo.put("image", f"/v2/images/{id}/file", data=data, headers=headers)
    assert answer.status == 204, answer.data
    return id


def late(step, milliseconds=1200):
    """So that something can be broken after the request was checked."""
    return {"tinstack:delay": f"{step}:{milliseconds}"}


def at(rig, id, state):
    """Wait until the boot is there."""

    def there():
        server = checks.read(rig.admin, "compute", f"/servers/{id}")["server"]
        assert server["status"] == "BUILD", server
        return server["OS-EXT-STS:task_state"] == state

    checks.until(there, 10, f"{state}")


def trace(rig, id):
    return checks.read(rig.admin, "compute", f"/servers/{id}/tinstack-trace")["trace"]


def tried(rig, id, step, outcome):
    """Wait until that step has ended so."""

    def there():
        return any((one["step"], one["outcome"]) == (step, outcome) for one in trace(rig, id))

    checks.until(there, 10, f"step {step} {outcome}")


def cached(rig):
    return {file.name for file in rig.state.glob("image-cache/*/*")}


# --- image -----------------------------------------------------------------------------------------


def test_an_image_that_is_gone_when_it_is_fetched(rig):
    image = own_image(rig)
    id = rig.boot("image-gone", imageRef=image, metadata=late(19))
    assert rig.demo.delete("image", f"/v2/images/{image}").status == 204
    message = failed(rig, id, "tep 19", "on host compute", image)
    assert message.count("failed on host") == 1, "no other host has it"


def test_an_image_whose_file_is_gone(rig):
    image = own_image(rig)
    for file in (rig.state / "images").rglob(f"{image}*"):
        file.unlink()
    failed(rig, rig.boot("file-gone", imageRef=image), "tep 19", "on host compute")


@pytest.mark.short
def test_an_image_that_arrives_corrupt_is_not_kept(rig):
    data = os.urandom(1024)
    image = own_image(rig, data)
    (file,) = (one for one in (rig.state / "images").rglob("*") if one.is_file() and one.read_bytes() == data)
    file.chmod(0o600)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    wrong = hashlib.sha512(file.read_bytes()).hexdigest()
    failed(rig, rig.boot("corrupt", imageRef=image), "tep 21", "on host compute", "checksum", wrong[:16])
    assert image not in {name.strip(".").removesuffix(".part") for name in cached(rig)}


def test_the_image_service_is_down(rig):
    id = rig.boot("no-image-service", imageRef=own_image(rig), metadata=late(19))
    with rig.without("image"):
        failed(rig, id, "tep 19", "on host compute1", "on host compute2", "can't be reached")


# --- network ---------------------------------------------------------------------------------------


@pytest.fixture
def narrow(rig):
    """A network with one address for a server."""
    network = rig.demo.post("network", "/v2.0/networks", {"network": {"name": "narrow"}}).json["network"]["id"]
    subnet = {"network_id": network, "cidr": "10.9.9.0/29", "ip_version": 4, "enable_dhcp": False}
    subnet["allocation_pools"] = [{"start": "10.9.9.3", "end": "10.9.9.3"}]
    assert rig.demo.post("network", "/v2.0/subnets", {"subnet": subnet}).status == 201
    yield network
    rig.delete_all()
    assert rig.demo.delete("network", f"/v2.0/networks/{network}").status == 204


@pytest.mark.short
def test_no_address_is_left_in_the_subnet(rig, narrow):
    booted(rig, rig.boot("first", networks=[{"uuid": narrow}]))
    failed_id = rig.boot("second", networks=[{"uuid": narrow}])
    servers = {one["name"]: one for one in rig.until_settled([failed_id])}
    message = servers["second"]["fault"]["message"]
    assert "tep 22" in message and "on host compute" in message and "No more IP addresses" in message, message
    assert checks.left_over(rig.admin, rig.state) == []


def test_the_quota_of_ports_is_gone(rig):
    path = f"/v2.0/quotas/{rig.demo.project_id}"
    id = rig.boot("no-port", metadata=late(22))
    assert rig.admin.put("network", path, {"quota": {"port": 0, "force": True}}).status == 200
    try:
        failed(rig, id, "tep 22", "on host compute", "uota")
    finally:
        assert rig.admin.delete("network", path).status == 204


def test_the_network_knows_no_agent_on_any_host(rig):
    with rig.without("network-agent"):
        agents = checks.read(rig.admin, "network", "/v2.0/agents")["agents"]
        for agent in agents:
            if agent["host"] in rig.hosts:
                path = f"/v2.0/agents/{agent['id']}"
                checks.until(lambda path=path: rig.admin.delete("network", path).status == 204, 10, "agent removed")
        failed(rig, rig.boot("unbound"), "tep 22", "host compute1", "host compute2", "can't be bound")

    def there():
        agents = checks.read(rig.admin, "network", "/v2.0/agents")["agents"]
        return set(rig.hosts) <= {agent["host"] for agent in agents if agent["alive"]}

    checks.until(there, 10, "the agents are known again")


def test_the_network_does_not_wire_the_port_before_its_agent_is_back(rig):
    with rig.without("network-agent"):
        id = rig.boot("unwired")
        ports = f"/v2.0/ports?device_id={id}"
        checks.until(lambda: checks.read(rig.admin, "network", ports)["ports"], 10, "its port is bound")
    booted(rig, id)


def test_the_network_service_is_down_for_a_while(rig):
    id = rig.boot("no-network-service", metadata=late(22))
    with rig.without("network"):
        tried(rig, id, 22, "retried")
    booted(rig, id)


def test_the_network_service_is_down_past_the_deadline(rig):
    """The server does not stay in its task state; what it has is given back once the service is there again."""
    id = rig.boot("never-a-network", metadata=late(22))
    with rig.without("network"):
        (server,) = rig.until_settled([id])
        assert server["status"] == "ERROR"
        fault = server["fault"]["message"]
        assert "tep 22" in fault and "failed on host compute" in fault and "can't be reached" in fault, fault
    failed(rig, id, "tep 22")


# --- volume ----------------------------------------------------------------------------------------


@pytest.fixture
def volume(rig):
    """A volume of 1 GiB; in the end it is free and removed."""
    made = rig.volume()
    yield made
    rig.delete_all()
    rig.remove_volume(made)


def test_a_server_boots_from_a_volume(rig, volume):
    booted(rig, rig.boot("from-volume", **rig.from_volume(volume)))


@pytest.mark.parametrize("step", [25, 27])
def test_the_volume_service_is_down_for_a_while(rig, volume, step):
    id = rig.boot(f"no-volume-service-{step}", metadata=late(step), **rig.from_volume(volume))
    at(rig, id, "block_device_mapping")
    with rig.without("volume"):
        tried(rig, id, step, "retried")
    booted(rig, id)


def test_the_volume_is_taken_by_another(rig, volume):
    booted(rig, rig.boot("holder", **rig.from_volume(volume)))
    answer = rig.demo.post(
        "compute",
        "/servers",
        {"server": {"name": "late", "flavorRef": "42", "networks": [{"uuid": rig.network}], **_body(rig, volume)}},
    )
    assert answer.status in (400, 409), answer.data
    assert checks.left_over(rig.admin, rig.state) == []


def _body(rig, volume):
    return {key: value for key, value in rig.from_volume(volume).items() if value is not None}


# --- host ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [19, 21, 22, 24, 25, 27, 28, 29])
def test_a_step_fails_on_every_host(rig, step):
    id = rig.boot(f"fault-{step}", metadata={"tinstack:fault": str(step)})
    message = failed(rig, id, f"tep {step}", "on host compute", "simulated")
    if step in (24, 27, 28):
        assert "compute1" in message and "compute2" in message, "both were tried"


@pytest.mark.parametrize("step", [24, 27, pytest.param(28, marks=pytest.mark.short)])
def test_an_alternate_host_takes_what_failed_on_the_first(rig, step):
    id = rig.boot(f"second-try-{step}", metadata={"tinstack:fault": f"{step}:1"})
    server = booted(rig, id)

    def both():
        events = trace(rig, id)
        outcomes = [(one["outcome"], one["host"]) for one in events if one["step"] == step]
        return outcomes if len(outcomes) == 2 else None

    (retried, first), (_, second) = checks.until(both, 10, "both tries are in the trace")
    assert (retried, second) == ("retried", server["OS-EXT-SRV-ATTR:host"])
    assert first != second
    checks.owned_by_someone(rig.admin, rig.state)


def test_the_config_drive_can_not_be_made(rig):
    metadata = {"tinstack:fault": "config-drive"}
    id = rig.boot("no-config-drive", config_drive=True, metadata=metadata)
    failed(rig, id, "tep 28", "on host compute1", "on host compute2", "config-drive")


@pytest.mark.short
def test_no_valid_host_names_every_host_and_what_each_filter_left(rig):
    (service,) = (
        one
        for one in checks.read(rig.admin, "compute", "/os-services", version="2.53")["services"]
        if one["host"] == "compute1" and one["binary"] == "nova-compute"
    )
    huge = {"name": "huge", "vcpus": 1, "ram": 1 << 30, "disk": 1, "id": f"huge-{uuid.uuid4().hex[:6]}"}
    flavor = rig.admin.post("compute", "/flavors", {"flavor": huge}).json["flavor"]["id"]
    path = f"/os-services/{service['id']}"
    assert rig.admin.put("compute", path, {"status": "disabled"}, version="2.53").status == 200
    try:
        id = rig.boot("nowhere", flavorRef=flavor)
        message = failed(rig, id, "No valid host was found.", "compute1: its compute service is disabled")
    finally:
        assert rig.admin.put("compute", path, {"status": "enabled"}, version="2.53").status == 200
        rig.admin.delete("compute", f"/flavors/{flavor}")
    assert "compute2: it has not enough" in message
    counted = re.search(r"Hosts left by each filter: (.*)\.$", message)
    assert counted and counted[1].startswith("RetryFilter 2 of 2, ComputeFilter 1 of 2, "), message
    assert counted[1].endswith("Placement 0 of 1"), message


@pytest.mark.short
def test_the_host_of_a_new_server_is_dead(rig):
    with rig.without("compute-1"):
        ids = [rig.boot(f"dead-host-{number}") for number in range(3)]
        servers = rig.until_settled(ids)
        assert [one["status"] for one in servers] == ["ACTIVE"] * 3, [one.get("fault") for one in servers]
        assert {one["OS-EXT-SRV-ATTR:host"] for one in servers} == {"compute2"}


def test_a_host_dies_in_the_middle_and_does_not_come_back_in_time(rig):
    """A boot and a stop under way there end at their deadlines; what they hold stays until the host can say that it has nothing."""
    zone = "nova:compute1"
    running = rig.boot("stopping", client=rig.admin, availability_zone=zone, networks="none")
    booted(rig, running)
    starting = rig.boot("starting", client=rig.admin, availability_zone=zone, networks="none", metadata=late(28, 5000))
    at(rig, starting, "spawning")
    with rig.without("compute-1"):
        assert rig.admin.post("compute", f"/servers/{running}/action", {"os-stop": None}).status == 202
        servers = rig.until_settled([running, starting])
        for server, verb in zip(servers, ("stop", "create"), strict=True):
            assert server["status"] == "ERROR"
            fault = server["fault"]["message"]
            assert f"The operation {verb} was not done by its deadline on host compute1." in fault, fault
            held = checks.read(rig.admin, "placement", f"/allocations/{server['id']}")["allocations"]
            assert held, "memory that may still be in use is not sold again"
