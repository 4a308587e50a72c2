"""The APIs of other services that the compute API still has at its oldest microversions, and what it has no more."""

from typing import Any
from uuid import uuid4

import pytest
from tests.api.conftest import TestCloud


def test_networks_are_shown_and_end_with_2_35(cloud: TestCloud) -> None:
    net = cloud.network_id()
    for path, keys in (("/os-networks", 11), ("/os-tenant-networks", 3)):
        listed = cloud.demo.get("compute", path).json["networks"]
        assert net in {one["id"] for one in listed} and {len(one) for one in listed} == {keys}
        assert cloud.demo.get("compute", f"{path}/{net}").json["network"]["label"] == "demo-net"
        assert cloud.demo.get("compute", f"{path}/{uuid4()}").status == 404
        assert cloud.demo.get("compute", f"{path}/x").status == 404
        assert cloud.demo.get("compute", path, version="2.36").status == 404


def test_floating_ips_come_from_pools(cloud: TestCloud) -> None:
    [pool] = cloud.demo.get("compute", "/os-floating-ip-pools").json["floating_ip_pools"]
    made = cloud.demo.post("compute", "/os-floating-ips", {"pool": pool["name"]})
    assert made.status == 200, made.data
    one = made.json["floating_ip"]
    assert one == {"id": one["id"], "ip": one["ip"], "pool": pool["name"], "fixed_ip": None, "instance_id": None}
    assert cloud.demo.get("compute", f"/os-floating-ips/{one['id']}").json["floating_ip"] == one
    assert one in cloud.demo.get("compute", "/os-floating-ips").json["floating_ips"]
    assert cloud.demo.post("compute", "/os-floating-ips", {"pool": "none"}).status == 404
    deleted = cloud.demo.delete("compute", f"/os-floating-ips/{one['id']}")
    assert deleted.status == 202 and not deleted.data
    assert cloud.demo.delete("compute", f"/os-floating-ips/{one['id']}").status == 404
    assert cloud.demo.get("compute", "/os-floating-ips", version="2.36").status == 404


def test_volumes_and_their_snapshots(cloud: TestCloud) -> None:
    made = cloud.demo.post(
        "compute", "/os-volumes", {"volume": {"size": "1", "display_name": "old", "metadata": {"a": "b"}}}
    )
    assert made.status == 200, made.data
    path = f"/os-volumes/{made.json['volume']['id']}"
    cloud.demo.wait("compute", path, lambda answer: answer.json["volume"]["status"] == "available")
    shown = cloud.demo.get("compute", path).json["volume"]
    assert shown["displayName"] == "old" and shown["size"] == 1 and shown["attachments"] == [{}]
    assert shown["metadata"] == {"a": "b"}
    listed = cloud.demo.get("compute", "/os-volumes/detail?limit=1").json["volumes"]
    assert len(listed) == 1
    assert cloud.demo.get("compute", "/os-volumes?limit=-1").status == 400
    taken = cloud.demo.post("compute", "/os-snapshots", {"snapshot": {"volume_id": shown["id"], "display_name": "s"}})
    assert taken.status == 200, taken.data
    one = f"/os-snapshots/{taken.json['snapshot']['id']}"
    cloud.demo.wait("compute", one, lambda answer: answer.json["snapshot"]["status"] == "available")
    assert cloud.demo.get("compute", one).json["snapshot"]["volumeId"] == shown["id"]
    assert cloud.demo.delete("compute", path).status == 400
    assert cloud.demo.delete("compute", one).status == 202
    cloud.demo.wait("compute", one, lambda answer: answer.status == 404)
    assert cloud.demo.delete("compute", path).status == 202
    cloud.demo.wait("compute", path, lambda answer: answer.status == 404)
    assert cloud.demo.post("compute", "/os-volumes", {"volume": {"size": 0}}).status == 400
    assert cloud.demo.get("compute", "/os-volumes", version="2.36").status == 404


def test_images_and_their_metadata(cloud: TestCloud) -> None:
    body = {"name": "old", "disk_format": "raw", "container_format": "bare", "visibility": "private", "colour": "red"}
    id = cloud.demo.post("image", "/v2/images", body).json["id"]
    path = f"/images/{id}"
    shown = cloud.demo.get("compute", path).json["image"]
    assert shown["status"] == "SAVING" and shown["progress"] == 25 and shown["metadata"] == {"colour": "red"}
    assert {link["rel"] for link in shown["links"]} == {"self", "bookmark", "alternate"}
    assert id in {one["id"] for one in cloud.demo.get("compute", "/images").json["images"]}
    queued = cloud.demo.get("compute", "/images/detail?status=SAVING&name=old").json["images"]
    assert [one["id"] for one in queued] == [id]
    page = cloud.demo.get("compute", "/images?limit=1").json
    assert len(page["images"]) == 1 and page["images_links"][0]["rel"] == "next"
    assert cloud.demo.get("compute", f"/images?marker={uuid4()}").status == 400
    assert cloud.demo.get("compute", "/images?changes-since=nonsense").status == 400
    metadata = f"{path}/metadata"
    assert cloud.demo.post("compute", metadata, {"metadata": {"size": "big"}}).status == 400
    added = cloud.demo.post("compute", metadata, {"metadata": {"shape": "round"}})
    assert added.status == 200 and added.json == {"metadata": {"colour": "red", "shape": "round"}}
    assert cloud.demo.put("compute", f"{metadata}/shape", {"meta": {"shape": "flat"}}).json == {
        "meta": {"shape": "flat"}
    }
    assert cloud.demo.put("compute", f"{metadata}/shape", {"meta": {"colour": "flat"}}).status == 400
    assert cloud.demo.get("compute", f"{metadata}/shape").json == {"meta": {"shape": "flat"}}
    assert cloud.demo.delete("compute", f"{metadata}/shape").status == 204
    assert cloud.demo.delete("compute", f"{metadata}/shape").status == 404
    assert cloud.demo.put("compute", metadata, {"metadata": {"a": "b"}}, version="2.38").json == {
        "metadata": {"a": "b"}
    }
    assert cloud.demo.get("image", f"/v2/images/{id}").json.get("colour") is None
    assert cloud.demo.get("compute", metadata, version="2.39").status == 404
    assert cloud.demo.get("compute", path, version="2.36").status == 404
    assert cloud.demo.delete("compute", path).status == 204
    assert cloud.demo.get("compute", path).status == 404


@pytest.mark.parametrize("path", ["/os-agents", "/os-cells", "/os-cloudpipe", "/os-certificates/root", "/os-fping"])
def test_what_is_gone_is_410_at_every_microversion(cloud: TestCloud, path: str) -> None:
    for version in ("2.1", "2.96"):
        answer = cloud.demo.get("compute", path, version=version)
        assert answer.status == 410 and answer.json["computeFault"]["code"] == 410


def test_the_project_may_stand_in_the_path(cloud: TestCloud) -> None:
    own, foreign = cloud.demo.project_id, cloud.admin.project_id
    assert cloud.demo.get("compute", f"/{own}/servers").status == 200
    assert cloud.demo.get("compute", f"/{own}/os-quota-sets/{own}").status == 200
    answer = cloud.demo.get("compute", f"/{foreign}/servers")
    assert answer.status == 400 and "Malformed request URL" in answer.json["badRequest"]["message"]
    assert cloud.demo.get("compute", "/servers/servers/x").status == 404


def test_hosts_say_how_long_they_run(cloud: TestCloud) -> None:
    hypervisors = cloud.admin.get("compute", "/os-hypervisors").json["hypervisors"]
    id = hypervisors[0]["id"]
    assert " load average: " in cloud.admin.get("compute", f"/os-hypervisors/{id}/uptime").json["hypervisor"]["uptime"]
    shown: Any = cloud.admin.get("compute", "/os-hypervisors/detail", version="2.88").json["hypervisors"]
    assert all(" up " in one["uptime"] for one in shown)
    assert cloud.admin.get("compute", f"/os-hypervisors/{shown[0]['id']}/uptime", version="2.88").status == 404


def test_hosts_are_switched_off_for_new_servers(cloud: TestCloud) -> None:
    assert cloud.admin.put("compute", "/os-hosts/compute1", {"status": "Disable"}).json == {
        "host": "compute1",
        "status": "disabled",
    }
    [service] = cloud.admin.get("compute", "/os-services?host=compute1").json["services"]
    assert service["status"] == "disabled"
    assert cloud.admin.put("compute", "/os-hosts/compute1", {"status": "enable"}).status == 200
    assert cloud.admin.put("compute", "/os-hosts/compute1", {}).status == 400
    assert cloud.admin.put("compute", "/os-hosts/compute1", {"status": "off"}).status == 400
    assert cloud.admin.put("compute", "/os-hosts/none", {"status": "enable"}).status == 404
    assert cloud.admin.get("compute", "/os-hosts/none/startup").status == 404
    assert cloud.demo.get("compute", "/os-hosts/compute1/reboot").status == 403


def test_no_host_has_run_an_audit(cloud: TestCloud) -> None:
    log = cloud.admin.get("compute", "/os-instance_usage_audit_log").json["instance_usage_audit_logs"]
    assert log["num_hosts"] == log["num_hosts_not_run"] == 2
    then = cloud.admin.get("compute", "/os-instance_usage_audit_log/2026-03-05%2010:00:00").json
    assert then["instance_usage_audit_log"]["period_beginning"] == "2026-02-01 00:00:00"
    assert cloud.admin.get("compute", "/os-instance_usage_audit_log/nonsense").status == 400


def test_extra_specs_are_checked_from_2_86(cloud: TestCloud) -> None:
    body = {"flavor": {"name": f"specs-{uuid4().hex[:6]}", "ram": 64, "vcpus": 1, "disk": 1}}
    id = cloud.admin.post("compute", "/flavors", body).json["flavor"]["id"]
    path = f"/flavors/{id}/os-extra_specs"
    for name, value, status in (
        ("hw:cpu_policy", "dedicated", 200),
        ("hw:cpu_policy", "sometimes", 400),
        ("hw:numa_nodes", "0", 400),
        ("hw:numa_cpus.0", "0-3,^2", 200),
        ("hw:nonsense", "1", 400),
        ("resources:VCPU", "2", 200),
        ("trait:HW_CPU_X86_AVX", "maybe", 400),
        ("mine:nonsense", "1", 200),
        ("plain", "1", 200),
    ):
        answer = cloud.admin.post("compute", path, {"extra_specs": {name: value}}, version="2.86")
        assert answer.status == status, (name, value, answer.data)
        assert cloud.admin.put("compute", f"{path}/{name}", {name: value}, version="2.86").status == status
    assert cloud.admin.post("compute", path, {"extra_specs": {"hw:nonsense": "1"}}, version="2.85").status == 200
    cloud.admin.delete("compute", f"/flavors/{id}")


def test_a_refused_microversion_is_named_in_the_answer(cloud: TestCloud) -> None:
    for asked, status, told in (("2.9999", 406, "2.9999"), ("nonsense", 400, "2.1")):
        answer = cloud.demo.get("compute", "/servers", version=asked)
        assert answer.status == status
        assert answer.headers["openstack-api-version"] == f"compute {told}"
        assert answer.headers["x-openstack-nova-api-version"] == told
        assert "OpenStack-API-Version" in answer.headers["vary"]


def test_identity_answers_head_where_it_answers_get(cloud: TestCloud) -> None:
    for path in ("/users", "/projects", f"/projects/{cloud.demo.project_id}"):
        answer = cloud.admin.request("HEAD", "identity", path)
        assert answer.status == 200 and not answer.data, path
    assert cloud.admin.request("HEAD", "compute", "/flavors").status == 405
