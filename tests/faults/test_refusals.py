"""Another scheduler is faster, a host lacks a network, the volume backend or the database is away: each ends as it should, and says why."""

import contextlib
import http.client
import json
import threading
import uuid

import pytest

from faults import checks
from faults.test_causes import booted, failed, trace, tried
from faults.test_volumes import attach, detach, free, volumes_of
from tinstack.core.guestdata import host_key, signature


@pytest.fixture(autouse=True)
def _clean(rig):
    yield
    rig.delete_all()


# --- a claim that is lost in mid-decision ----------------------------------------------------------


def fill(rig, host):
    """Take all that is left of a host's CPUs, as other schedulers' servers would; who holds it."""
    (provider,) = checks.read(rig.admin, "placement", f"/resource_providers?name={host}")["resource_providers"]
    path = f"/resource_providers/{provider['uuid']}"
    stock = checks.read(rig.admin, "placement", f"{path}/inventories")["inventories"]["VCPU"]
    used = checks.read(rig.admin, "placement", f"{path}/usages")["usages"]["VCPU"]
    left, claims = int((stock["total"] - stock["reserved"]) * stock["allocation_ratio"]) - used, {}
    owner = {"project_id": rig.demo.project_id, "user_id": rig.demo.user_id, "consumer_type": "OTHER"}
    while left > 0:
        amount = min(left, stock["max_unit"])
        resources = {provider["uuid"]: {"resources": {"VCPU": amount}}}
        claims[str(uuid.uuid4())] = {"allocations": resources, "consumer_generation": None, **owner}
        left -= amount
    assert rig.admin.post("placement", "/allocations", claims, version="1.38").status == 204
    return claims


def second_choice(rig):
    """Boot where the best host is filled between the look at hosts and the claim; the server, and how often hosts were looked at."""
    held = {}
    try:
        with rig.stopping("scheduler", "before-11") as marker:
            id = rig.boot("second-choice", networks="none")
            checks.until(marker.exists, 10, "the scheduler has looked, and has not claimed")
            held = fill(rig, "compute1")
        server = booted(rig, id)
    finally:
        for consumer in held:
            assert rig.admin.delete("placement", f"/allocations/{consumer}").status == 204
    tried(rig, id, 11, "ok")
    return server, sum(one["step"] == 10 for one in trace(rig, id))


def test_a_claim_that_another_was_faster_with_goes_to_the_next_host(rig):
    """The host looked best when the scheduler asked who has room, and is full when it claims: it does not look anew."""
    zone = "nova:compute2"
    booted(rig, rig.boot("makes-compute1-the-best", client=rig.admin, availability_zone=zone, networks="none"))
    for _ in range(3):
        server, looks = second_choice(rig)
        assert server["OS-EXT-SRV-ATTR:host"] == "compute2"
        if looks == 1:  # else its lease ran out meanwhile, and another decision was made
            return
        rig.delete(server["id"])
    raise AssertionError("the scheduler stood still for longer than its lease")


# --- a binding that no host can make ---------------------------------------------------------------


def test_a_network_that_no_host_is_wired_to(rig):
    body = {"name": "far", "provider:network_type": "flat", "provider:physical_network": "physnet2", "shared": True}
    network = rig.admin.post("network", "/v2.0/networks", {"network": body}).json["network"]["id"]
    subnet = {"network_id": network, "cidr": "10.9.8.0/24", "ip_version": 4}
    assert rig.admin.post("network", "/v2.0/subnets", {"subnet": subnet}).status == 201
    try:
        id = rig.boot("unwireable", networks=[{"uuid": network}])
        failed(rig, id, "tep 22", "host compute1", "host compute2", "can't be bound")
    finally:
        rig.delete_all()
        checks.until(lambda: rig.admin.delete("network", f"/v2.0/networks/{network}").status == 204, 10, "removed")


# --- the metadata service --------------------------------------------------------------------------


def metadata_of(rig, server):
    """The status and the body of what the metadata service says to the server's host."""
    host = server["OS-EXT-SRV-ATTR:host"]
    headers = {
        "X-Instance-ID": server["id"],
        "X-Tenant-ID": server["tenant_id"],
        "X-Metadata-Host": host,
        "X-Instance-ID-Signature": signature(host_key(rig.cloud.secrets.metadata, host), server["id"]),
    }
    connection = http.client.HTTPConnection("127.0.0.1", rig.cloud.ports["metadata"], timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/openstack/latest/meta_data.json", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_metadata_service_without_its_database_says_so_and_is_back_with_it(rig):
    server = booted(rig, rig.boot("asks-for-itself"))
    status, body = metadata_of(rig, server)
    assert status == 200 and json.loads(body)["uuid"] == server["id"]
    rig.backends.stop_one("MariaDB")
    try:
        status, body = metadata_of(rig, server)
        assert status == 503 and b"Traceback" not in body, body
    finally:
        rig.backends.start_mariadb()
    checks.until(lambda: metadata_of(rig, server)[0] == 200, 20, "it answers again")


def test_a_boot_does_not_need_the_metadata_service(rig):
    """The api serves metadata too, and is gone while the guest is made. What the guest is told is there once it is back."""
    id = rig.boot("nobody-to-ask", metadata={"tinstack:delay": "22:1000"})
    with rig.without("api"):
        checks.until(lambda: any(checks.guest(rig.state, host, id) for host in rig.hosts), 20, "the guest is made")
    server = booted(rig, id)
    assert metadata_of(rig, server)[0] == 200


# --- volumes ---------------------------------------------------------------------------------------


@pytest.fixture
def volume(rig):
    """A volume of 1 GiB; in the end it is free and removed."""
    made = rig.volume()
    yield made
    rig.delete_all()
    rig.remove_volume(made)


def test_the_volume_service_is_down_when_a_volume_is_attached(rig, volume):
    id = rig.boot("attached-late")
    booted(rig, id)
    answers = {}
    with rig.without("volume"):
        attach(rig, id, volume, answers)
        assert answers.get(id, 503) in (500, 502, 503, 504), answers
    checks.owned_by_someone(rig.admin, rig.state)
    assert free(rig, volume) == ("in-use" if volumes_of(rig, id) else "available")
    if not volumes_of(rig, id):
        attach(rig, id, volume, answers)
        assert answers[id] == 200
    checks.owned_by_someone(rig.admin, rig.state)
    assert volumes_of(rig, id) == [volume] and free(rig, volume) == "in-use"


def test_the_volume_service_goes_down_while_a_volume_is_attached(rig, volume):
    """The host asks again until it is there; the volume is attached, or free again with a reason."""
    id = rig.boot("attached-in-between", metadata={"tinstack:delay": "attach_volume:1500"})
    booted(rig, id)
    answers = {}
    asking = threading.Thread(target=attach, args=(rig, id, volume, answers))
    asking.start()
    checks.until(lambda: free(rig, volume) != "available", 10, "it is reserved")
    with rig.without("volume"):
        threading.Event().wait(3)
    asking.join(70)
    checks.owned_by_someone(rig.admin, rig.state)
    assert free(rig, volume) == ("in-use" if volumes_of(rig, id) else "available"), answers


def test_the_volume_service_goes_down_while_a_volume_is_detached(rig, volume):
    """The host lets go of it; it is free once the service is there again."""
    id = rig.boot("detached-in-between", metadata={"tinstack:delay": "detach_volume:1500"})
    booted(rig, id)
    attach(rig, id, volume, {})
    checks.owned_by_someone(rig.admin, rig.state)
    assert rig.admin.delete("compute", f"/servers/{id}/os-volume_attachments/{volume}").status == 202
    with rig.without("volume"):
        threading.Event().wait(3)
    checks.owned_by_someone(rig.admin, rig.state)
    if volumes_of(rig, id):  # it outlasted the deadline: it is in use as before
        assert free(rig, volume) == "in-use"
        detach(rig, id, volume)
    assert free(rig, volume) == "available"
