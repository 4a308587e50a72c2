"""The compute API of a whole cloud, as its users meet it: what other services have a part in."""

import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tinstack.core.guestdata import host_key, signature

NEWEST = "2.96"


class Servers:
    """Servers of one test, gone when it ends."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.made: list[str] = []

    def create(self, **more: Any) -> Any:
        body = {
            "name": f"api-{uuid.uuid4().hex[:8]}",
            "imageRef": self.cloud.image_id(),
            "flavorRef": "1",
            "networks": [{"uuid": self.cloud.network_id()}],
            **more,
        }
        answer = self.cloud.demo.post("compute", "/servers", {"server": body}, version=NEWEST)
        if answer.status == 202 and "server" in answer.json:
            self.made.append(answer.json["server"]["id"])
        return answer

    def active(self, **more: Any) -> str:
        id: str = self.create(**more).json["server"]["id"]
        self.until(id, "ACTIVE")
        return id

    def until(self, id: str, status: str) -> Any:
        def there(answer: Any) -> bool:
            server = answer.json["server"]
            return server["status"] == status and server["OS-EXT-STS:task_state"] is None

        return self.cloud.demo.wait("compute", f"/servers/{id}", there, version=NEWEST).json["server"]


@pytest.fixture
def servers(cloud: Any) -> Iterator[Servers]:
    made = Servers(cloud)
    yield made
    for id in made.made:
        cloud.demo.delete("compute", f"/servers/{id}")
        cloud.demo.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404)


def test_the_catalogs_compute_endpoint_is_the_versions_document_of_itself(cloud: Any) -> None:
    document = cloud.demo.get("compute", "/").json["version"]
    assert document["links"][0]["href"].rstrip("/") == cloud.demo.urls["compute"].rstrip("/")
    assert (document["min_version"], document["version"]) == ("2.1", "2.96")


def test_a_server_is_stopped_started_rebooted_and_deleted(servers: Servers) -> None:
    demo = servers.cloud.demo
    id = servers.active()
    for action, status in (
        ({"os-stop": None}, "SHUTOFF"),
        ({"os-start": None}, "ACTIVE"),
        ({"reboot": {"type": "SOFT"}}, "ACTIVE"),
        ({"reboot": {"type": "HARD"}}, "ACTIVE"),
        ({"pause": None}, "PAUSED"),
        ({"unpause": None}, "ACTIVE"),
        ({"suspend": None}, "SUSPENDED"),
        ({"resume": None}, "ACTIVE"),
    ):
        assert demo.post("compute", f"/servers/{id}/action", action).status == 202, action
        servers.until(id, status)
    actions = demo.get("compute", f"/servers/{id}/os-instance-actions").json["instanceActions"]
    assert [one["action"] for one in actions][-1] == "create"
    assert {one["action"] for one in actions} >= {"create", "stop", "start", "reboot", "pause", "suspend"}


def test_the_console_log_comes_from_the_host(servers: Servers) -> None:
    id = servers.active()
    answer = servers.cloud.demo.post("compute", f"/servers/{id}/action", {"os-getConsoleOutput": {"length": 5}})
    assert answer.status == 200
    assert isinstance(answer.json["output"], str)


def test_a_floating_ip_is_seen_with_the_server(servers: Servers) -> None:
    cloud = servers.cloud
    id = servers.active()
    [port] = cloud.demo.get("network", f"/v2.0/ports?device_id={id}").json["ports"]
    body = {"floatingip": {"floating_network_id": cloud.network_id("public"), "port_id": port["id"]}}
    made = cloud.demo.post("network", "/v2.0/floatingips", body)
    assert made.status == 201, made.data
    address = made.json["floatingip"]["floating_ip_address"]
    try:

        def shown(answer: Any) -> bool:
            found = [one for many in answer.json["server"]["addresses"].values() for one in many]
            return (address, "floating") in {(one["addr"], one["OS-EXT-IPS:type"]) for one in found}

        cloud.demo.wait("compute", f"/servers/{id}", shown)
    finally:
        cloud.demo.delete("network", f"/v2.0/floatingips/{made.json['floatingip']['id']}")


def test_a_port_of_the_users_is_used_and_kept(servers: Servers) -> None:
    cloud = servers.cloud
    port = cloud.demo.post("network", "/v2.0/ports", {"port": {"network_id": cloud.network_id()}}).json["port"]
    try:
        id = servers.active(networks=[{"port": port["id"]}])
        assert servers.create(networks=[{"port": port["id"]}]).status == 409
        [interface] = cloud.demo.get("compute", f"/servers/{id}/os-interface").json["interfaceAttachments"]
        assert (interface["port_id"], interface["mac_addr"]) == (port["id"], port["mac_address"])
        cloud.demo.delete("compute", f"/servers/{id}")
        cloud.demo.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404)
        assert cloud.demo.get("network", f"/v2.0/ports/{port['id']}").json["port"]["device_id"] == ""
    finally:
        cloud.demo.delete("network", f"/v2.0/ports/{port['id']}")


def test_security_groups_are_resolved_and_changed(servers: Servers) -> None:
    cloud = servers.cloud
    body = {"security_group": {"name": f"sg-{uuid.uuid4().hex[:8]}"}}
    group = cloud.demo.post("network", "/v2.0/security-groups", body).json["security_group"]
    try:
        id = servers.active(security_groups=[{"name": group["name"]}])
        [port] = cloud.demo.get("network", f"/v2.0/ports?device_id={id}").json["ports"]
        assert port["security_groups"] == [group["id"]]
        path = f"/servers/{id}/action"
        assert cloud.demo.post("compute", path, {"addSecurityGroup": {"name": "default"}}).status == 202
        names = {one["name"] for one in cloud.demo.get("compute", f"/servers/{id}").json["server"]["security_groups"]}
        assert names == {group["name"], "default"}
        assert cloud.demo.post("compute", path, {"removeSecurityGroup": {"name": group["name"]}}).status == 202
        assert cloud.demo.post("compute", path, {"removeSecurityGroup": {"name": group["name"]}}).status == 404
        [port] = cloud.demo.get("network", f"/v2.0/ports?device_id={id}").json["ports"]
        assert group["id"] not in port["security_groups"]
        assert servers.create(security_groups=[{"name": "no-such-group"}]).status == 400
    finally:
        for id in servers.made:
            cloud.demo.delete("compute", f"/servers/{id}")
            cloud.demo.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404)
        cloud.demo.delete("network", f"/v2.0/security-groups/{group['id']}")


def test_security_groups_are_the_network_services_up_to_2_35(cloud: Any) -> None:
    body = {"security_group": {"name": f"sg-{uuid.uuid4().hex[:8]}", "description": "d"}}
    group = cloud.demo.post("compute", "/os-security-groups", body).json["security_group"]
    path = f"/os-security-groups/{group['id']}"
    try:
        assert group["rules"] == []
        tcp = {"parent_group_id": group["id"], "ip_protocol": "tcp", "from_port": 22, "to_port": "22"}
        made = cloud.demo.post("compute", "/os-security-group-rules", {"security_group_rule": tcp})
        rule = made.json["security_group_rule"]
        assert made.status == 200
        assert (rule["from_port"], rule["to_port"], rule["ip_range"]) == (22, 22, {"cidr": "0.0.0.0/0"})
        assert cloud.demo.post("compute", "/os-security-group-rules", {"security_group_rule": tcp}).status == 400
        own = {"parent_group_id": group["id"], "group_id": group["id"]}
        made = cloud.demo.post("compute", "/os-security-group-rules", {"security_group_rule": own})
        assert made.json["security_group_rule"]["group"] == {"tenant_id": cloud.demo.project_id, "name": group["name"]}
        for wrong in ({"ip_protocol": "999"}, {"from_port": 23}, {"from_port": None}, {"to_port": 70000}):
            refused = cloud.demo.post("compute", "/os-security-group-rules", {"security_group_rule": tcp | wrong})
            assert refused.status == 400, wrong
        icmp = tcp | {"ip_protocol": "icmp", "from_port": -1, "to_port": -1}
        made = cloud.demo.post("compute", "/os-security-group-rules", {"security_group_rule": icmp})
        assert (made.json["security_group_rule"]["from_port"], made.json["security_group_rule"]["to_port"]) == (-1, -1)
        assert len(cloud.demo.get("compute", path).json["security_group"]["rules"]) == 3
        assert cloud.demo.delete("compute", f"/os-security-group-rules/{rule['id']}").status == 202
        changed = cloud.demo.put("compute", path, {"security_group": {"name": " renamed ", "description": ""}})
        assert changed.json["security_group"]["name"] == " renamed "
        listed = cloud.demo.get("compute", "/os-security-groups").json["security_groups"]
        assert group["id"] in [one["id"] for one in listed]
        assert cloud.demo.get("compute", path, version="2.36").status == 404
    finally:
        assert cloud.demo.delete("compute", path).status == 202
    assert cloud.demo.get("compute", path).status == 404
    assert cloud.demo.get("compute", "/os-security-groups/no-id").status == 400


def test_admin_boots_a_server_on_another_projects_network(cloud: Any) -> None:
    body = {
        "name": "elsewhere",
        "imageRef": cloud.image_id(),
        "flavorRef": "1",
        "networks": [{"uuid": cloud.network_id()}],
    }
    id = cloud.admin.post("compute", "/servers", {"server": body}).json["server"]["id"]
    try:
        shown = cloud.admin.wait(
            "compute", f"/servers/{id}", lambda answer: answer.json["server"]["status"] in ("ACTIVE", "ERROR")
        )
        assert shown.json["server"]["status"] == "ACTIVE", shown.json["server"].get("fault")
        [port] = cloud.admin.get("network", f"/v2.0/ports?device_id={id}").json["ports"]
        assert port["project_id"] == cloud.admin.project_id
    finally:
        cloud.admin.delete("compute", f"/servers/{id}")
        cloud.admin.wait("compute", f"/servers/{id}", lambda answer: answer.status == 404)


def test_access_addresses_are_shown_in_one_form(servers: Servers) -> None:
    id = servers.create(accessIPv6="0000:0000:0000:0000:0000:babe:220.12.22.2").json["server"]["id"]
    assert servers.cloud.demo.get("compute", f"/servers/{id}").json["server"]["accessIPv6"] == "::babe:dc0c:1602"
    changed = servers.cloud.demo.put("compute", f"/servers/{id}", {"server": {"accessIPv6": "2001:DB8:0::1"}})
    assert changed.json["server"]["accessIPv6"] == "2001:db8::1"


def test_admin_sees_which_hosts_there_are_and_what_they_hold(servers: Servers) -> None:
    admin = servers.cloud.admin
    id = servers.active()
    host = admin.get("compute", f"/servers/{id}").json["server"]["OS-EXT-SRV-ATTR:host"]
    services = admin.get("compute", "/os-services?binary=nova-compute").json["services"]
    assert {one["host"] for one in services} == set(servers.cloud.cloud.hosts)
    assert {one["state"] for one in services} == {"up"}
    rows = admin.get("compute", "/os-hypervisors?with_servers=true", version="2.53").json["hypervisors"]
    on = {row["hypervisor_hostname"]: [one["uuid"] for one in row.get("servers", [])] for row in rows}
    assert id in on[host]
    zones = servers.cloud.demo.get("compute", "/os-availability-zone").json["availabilityZoneInfo"]
    assert ("nova", True) in {(zone["zoneName"], zone["zoneState"]["available"]) for zone in zones}


def test_a_private_image_of_another_project_is_not_found(servers: Servers) -> None:
    admin = servers.cloud.admin
    body = {"name": "hidden", "disk_format": "raw", "container_format": "bare", "visibility": "private"}
    image = admin.post("image", "/v2/images", body).json
    try:
        refused = servers.create(imageRef=image["id"])
        assert refused.status == 400
        assert "could not be found" in refused.json["badRequest"]["message"]
    finally:
        admin.delete("image", f"/v2/images/{image['id']}")


def test_the_metadata_service_knows_the_server_that_a_host_asks_for(servers: Servers) -> None:
    cloud = servers.cloud
    id = servers.active(metadata={"colour": "blue"})
    compute = urllib.parse.urlsplit(cloud.demo.urls["compute"])
    url = f"http://{compute.hostname}:{(compute.port or 0) + 1}/openstack/latest/meta_data.json"
    host = cloud.admin.get("compute", f"/servers/{id}").json["server"]["OS-EXT-SRV-ATTR:host"]
    headers = {
        "X-Instance-ID": id,
        "X-Tenant-ID": cloud.demo.project_id,
        "X-Metadata-Host": host,
        "X-Instance-ID-Signature": signature(host_key(cloud.cloud.secrets.metadata, host), id),
    }
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        text = answer.read().decode()
    assert f'"uuid":"{id}"' in text
    assert '"colour":"blue"' in text
