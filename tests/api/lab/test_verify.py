"""`./lab verify` on a whole cloud: all well, then what nobody owns is planted, named, removed."""

import json
import shutil
from uuid import uuid4

import pytest
from click.testing import CliRunner
from tests.api.conftest import running

from tinstack.dev.cloud import clouds_yaml
from tinstack.lab import verify as verifying
from tinstack.lab.cli import lab

SWEEP_SECONDS = 12.0
"""Longer than two looks of `verify` take, so that they see what the conductor's sweep puts right."""


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory):
    """Whose conductor looks at claims more often than usual."""
    with running(tmp_path_factory.mktemp("own-cloud"), {"conductor": {"sweep_seconds": SWEEP_SECONDS}}) as made:
        yield made


@pytest.fixture
def verify(own_cloud, monkeypatch):
    """Run the verb; its exit code and what it printed."""
    made = own_cloud.cloud
    (made.state / "clouds.yaml").write_bytes(clouds_yaml(made.auth_url, made.secrets.admin, made.secrets.demo))
    monkeypatch.setattr(verifying, "CONFIRM_SECONDS", 0.2)

    def run(*options):
        result = CliRunner().invoke(lab, ["verify", "--state", str(made.state), "--json", *options])
        return result.exit_code, json.loads(result.stdout)

    return run


def plant_allocation(cloud):
    (provider,) = cloud.admin.get("placement", "/resource_providers?name=compute1").json["resource_providers"]
    consumer = str(uuid4())
    body = {
        "allocations": {provider["uuid"]: {"resources": {"VCPU": 1}}},
        "project_id": cloud.demo.project_id,
        "user_id": cloud.demo.user_id,
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }
    assert cloud.admin.put("placement", f"/allocations/{consumer}", body, version="1.38").status == 204
    return "allocation", consumer, "compute1"


def provider(cloud, host):
    (found,) = cloud.admin.get("placement", f"/resource_providers?name={host}").json["resource_providers"]
    return found["uuid"]


def test_claims_beside_their_servers_are_named_and_put_right(own_cloud, verify):
    server, file = boot(own_cloud, "moved")
    there, path = file.parent.name, f"/allocations/{server}"
    other = "compute2" if there == "compute1" else "compute1"
    held = own_cloud.admin.get("placement", path, version="1.38").json
    resources = held["allocations"][provider(own_cloud, there)]["resources"]
    body = {name: held[name] for name in ("project_id", "user_id", "consumer_generation", "consumer_type")}
    body["allocations"] = {provider(own_cloud, other): {"resources": resources}}
    assert own_cloud.admin.put("placement", path, body, version="1.38").status == 204
    code, said = verify()
    wanted = {("misplaced", server, other), ("unclaimed", server, there)}
    assert code == 1 and {(one["kind"], one["name"], one["host"]) for one in said["orphans"]} == wanted
    code, said = verify("--repair")
    assert code == 0 and all(one["repaired"] for one in said["orphans"]), said
    held = own_cloud.admin.get("placement", path).json["allocations"]
    assert {id: one["resources"] for id, one in held.items()} == {provider(own_cloud, there): resources}
    assert own_cloud.demo.delete("compute", f"/servers/{server}").status == 204
    own_cloud.demo.wait("compute", f"/servers/{server}", lambda it: it.status == 404)


def test_an_allocation_of_another_kind_of_consumer_is_information(own_cloud, verify):
    consumer = str(uuid4())
    body = {
        "allocations": {provider(own_cloud, "compute1"): {"resources": {"VCPU": 1}}},
        "project_id": own_cloud.demo.project_id,
        "user_id": own_cloud.demo.user_id,
        "consumer_generation": None,
        "consumer_type": "RESERVATION",
    }
    assert own_cloud.admin.put("placement", f"/allocations/{consumer}", body, version="1.38").status == 204
    code, said = verify()
    assert code == 0 and said["orphans"] == []
    (check,) = [one for one in said["checks"] if one["name"] == "foreign allocations"]
    assert check["ok"] and f"{consumer} (RESERVATION) on compute1" in check["message"]
    assert own_cloud.admin.delete("placement", f"/allocations/{consumer}").status == 204


def test_a_project_without_quota_is_a_finding(own_cloud, verify):
    path = f"/os-quota-sets/{own_cloud.demo.project_id}"
    assert own_cloud.admin.put("compute", path, {"quota_set": {"instances": 0, "force": True}}).status == 200
    code, said = verify()
    (check,) = [one for one in said["checks"] if one["name"] == "boot"]
    assert code == 1 and check["ok"] is False and "uota" in check["message"]
    assert own_cloud.admin.delete("compute", path).status == 202


def plant_port(cloud, name=""):
    network = cloud.demo.get("network", "/v2.0/networks?name=demo-net").json["networks"][0]["id"]
    body = {
        "network_id": network,
        "name": name,
        "device_id": str(uuid4()),
        "device_owner": "compute:nova",
        "binding:host_id": "compute2",
        "project_id": cloud.demo.project_id,
    }
    answer = cloud.admin.post("network", "/v2.0/ports", {"port": body})
    assert answer.status == 201, answer.data
    return "port", answer.json["port"]["id"], "compute2"


def plant_attachment(cloud):
    volume = cloud.demo.post("block-storage", "/volumes", {"volume": {"size": 1, "name": "lonely"}}).json["volume"][
        "id"
    ]
    cloud.demo.wait("block-storage", f"/volumes/{volume}", lambda it: it.json["volume"]["status"] == "available")
    body = {"attachment": {"volume_uuid": volume, "instance_uuid": str(uuid4())}}
    answer = cloud.admin.post("block-storage", "/attachments", body, version="3.27")
    assert answer.status == 200, answer.data
    return "attachment", answer.json["attachment"]["id"], None


def boot(cloud, name):
    image = cloud.demo.get("image", "/v2/images?name=tiny").json["images"][0]["id"]
    network = cloud.demo.get("network", "/v2.0/networks?name=demo-net").json["networks"][0]["id"]
    body = {"name": name, "flavorRef": "42", "imageRef": image, "networks": [{"uuid": network}]}
    server = cloud.demo.post("compute", "/servers", {"server": body}).json["server"]["id"]
    cloud.demo.wait("compute", f"/servers/{server}", lambda it: it.json["server"]["status"] == "ACTIVE")
    (file,) = (cloud.cloud.state / "instances").glob(f"*/{server}.json")
    return server, file


def plant_guest(cloud):
    _, file = boot(cloud, "to-be-copied")
    stray = str(uuid4())
    shutil.copy(file, file.parents[1] / "compute1" / f"{stray}.json")
    return "guest", stray, "compute1"


def test_a_whole_cloud_is_healthy(verify):
    code, said = verify()
    assert code == 0, said
    assert said["healthy"] and said["orphans"] == []
    names = [check["name"] for check in said["checks"]]
    assert {"identity", "compute", "placement", "image", "network", "volume", "metadata", "bus", "boot"} <= set(names)
    assert "nova-compute on compute2" in names
    assert all(check["ok"] for check in said["checks"])


def test_what_nobody_owns_is_named_and_removed(own_cloud, verify):
    planted = [plant(own_cloud) for plant in (plant_allocation, plant_port, plant_attachment, plant_guest)]
    code, said = verify()
    assert code == 1 and not said["healthy"]
    assert {(one["kind"], one["name"], one["host"]) for one in said["orphans"]} == set(planted)
    for one in said["orphans"]:
        assert one["name"] in one["reason"] and one["repaired"] is None
        assert one["reason"].count(".") <= 2 and one["reason"].endswith(".")

    code, said = verify("--repair")
    assert code == 0, said
    assert {(one["kind"], one["name"], one["host"]) for one in said["orphans"]} == set(planted)
    assert all(one["repaired"] for one in said["orphans"])

    code, said = verify()
    assert (code, said["healthy"], said["orphans"]) == (0, True, [])


def test_a_port_that_somebody_named_is_freed_and_stays(own_cloud, verify):
    _, port, _ = plant_port(own_cloud, name="mine")
    code, said = verify("--repair")
    assert code == 0, said
    left = own_cloud.demo.get("network", f"/v2.0/ports/{port}").json["port"]
    assert (left["device_id"], left["device_owner"]) == ("", "")


def test_a_server_without_a_guest_is_named(own_cloud, verify):
    server, file = boot(own_cloud, "lost")
    file.unlink()
    code, said = verify()
    assert code == 1
    (one,) = said["orphans"]
    assert (one["kind"], one["name"], one["host"]) == ("server", server, file.parent.name)
    assert own_cloud.demo.delete("compute", f"/servers/{server}").status == 204
    own_cloud.demo.wait("compute", f"/servers/{server}", lambda it: it.status == 404)


def test_a_boot_under_way_is_no_orphan(own_cloud, verify):
    image = own_cloud.demo.get("image", "/v2/images?name=tiny").json["images"][0]["id"]
    body = {"name": "slow", "flavorRef": "42", "imageRef": image, "networks": "none"}
    body["metadata"] = {"tinstack:delay": "28:20000"}
    server = own_cloud.demo.post("compute", "/servers", {"server": body}, version="2.37").json["server"]["id"]
    code, said = verify()
    assert own_cloud.demo.get("compute", f"/servers/{server}").json["server"]["status"] == "BUILD"
    assert code == 0, said
    assert own_cloud.demo.delete("compute", f"/servers/{server}").status == 204


def test_a_boot_that_fails_says_at_which_step(own_cloud, verify, monkeypatch):
    from tinstack.lab.client import Client

    send = Client.send

    def faulty(self, method, service, path, body=None, **options):
        if path == "/servers":
            body["server"]["metadata"] = {"tinstack:fault": "22"}
        return send(self, method, service, path, body, **options)

    monkeypatch.setattr(Client, "send", faulty)
    code, said = verify()
    (boot_check,) = [check for check in said["checks"] if check["name"] == "boot"]
    assert code == 1 and not boot_check["ok"]
    assert "Step 22 of 29 (allocate the network) failed on compute" in boot_check["message"]


def test_running_operations_are_the_admins_to_see(own_cloud):
    assert own_cloud.demo.get("compute", "/tinstack-operations").status == 403
    running = own_cloud.admin.get("compute", "/tinstack-operations").json["operations"]
    assert not [one for one in running if one["overdue"]]
