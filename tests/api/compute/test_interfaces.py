"""Ports of servers that run: plugged in and out through the API, with what the network service has of them afterwards."""

from typing import Any
from uuid import uuid4

import pytest
from tests.api.conftest import Client, TestCloud, send

from tinstack.core.guestdata import host_key, signature


@pytest.fixture
def server(cloud: TestCloud) -> Any:
    """A running server of demo's with one port that was made for it."""
    made = boot(cloud)
    yield made
    cloud.demo.delete("compute", f"/servers/{made}")
    cloud.demo.wait("compute", f"/servers/{made}", lambda answer: answer.status == 404)


def boot(cloud: TestCloud, **more: Any) -> str:
    body = {"name": "nics", "imageRef": cloud.image_id(), "flavorRef": "1", "networks": [{"uuid": cloud.network_id()}]}
    answer = cloud.demo.post("compute", "/servers", {"server": body | more})
    assert answer.status == 202, answer.data
    id = str(answer.json["server"]["id"])
    cloud.demo.wait("compute", f"/servers/{id}", lambda answer: answer.json["server"]["status"] == "ACTIVE")
    return id


def attach(client: Client, server: str, **wanted: Any) -> Any:
    return client.post("compute", f"/servers/{server}/os-interface", {"interfaceAttachment": wanted}, version="2.70")


def ports(cloud: TestCloud, server: str) -> list[str]:
    return [one["id"] for one in cloud.admin.get("network", f"/v2.0/ports?device_id={server}").json["ports"]]


def shown(cloud: TestCloud, server: str) -> set[str]:
    found = cloud.demo.get("compute", f"/servers/{server}").json["server"]["addresses"]
    return {one["addr"] for addresses in found.values() for one in addresses}


def told(cloud: TestCloud, server: str, file: str) -> Any:
    """What the metadata service tells the guest of itself."""
    host, port = "controller", cloud.cloud.ports["metadata"]
    url = f"http://127.0.0.1:{port}/openstack/latest/{file}"
    headers = {
        "X-Instance-ID": server,
        "X-Tenant-ID": cloud.demo.project_id,
        "X-Metadata-Host": host,
        "X-Instance-ID-Signature": signature(host_key(cloud.cloud.secrets.metadata, host), server),
    }
    return send("GET", url, headers=headers).json


def given_port(cloud: TestCloud) -> Any:
    body = {"port": {"network_id": cloud.network_id(), "name": "given"}}
    return cloud.demo.post("network", "/v2.0/ports", body).json["port"]


def detached(cloud: TestCloud, server: str, port: str) -> None:
    assert cloud.demo.delete("compute", f"/servers/{server}/os-interface/{port}").status == 202
    path = f"/servers/{server}/os-interface/{port}"
    cloud.demo.wait("compute", path, lambda answer: answer.status == 404)


def test_a_port_is_made_plugged_in_and_removed_with_its_detach(cloud: TestCloud, server: str) -> None:
    answer = attach(cloud.demo, server, net_id=cloud.network_id(), tag="second")
    assert answer.status == 200, answer.data
    nic = answer.json["interfaceAttachment"]
    assert nic["port_state"] == "ACTIVE" and nic["tag"] == "second" and nic["net_id"] == cloud.network_id()
    assert set(nic) == {"port_id", "net_id", "mac_addr", "port_state", "fixed_ips", "tag"}
    assert nic["fixed_ips"][0]["ip_address"] in shown(cloud, server)
    assert nic["port_id"] in ports(cloud, server) and len(ports(cloud, server)) == 2
    [device] = told(cloud, server, "meta_data.json")["devices"]
    assert device["tags"] == ["second"] and device["mac"] == nic["mac_addr"]
    assert nic["port_id"] in {link["vif_id"] for link in told(cloud, server, "network_data.json")["links"]}
    detached(cloud, server, nic["port_id"])
    cloud.demo.wait("network", f"/v2.0/ports/{nic['port_id']}", lambda answer: answer.status == 404)
    cloud.demo.wait(
        "compute", f"/servers/{server}", lambda _: nic["fixed_ips"][0]["ip_address"] not in shown(cloud, server)
    )
    actions = cloud.demo.get("compute", f"/servers/{server}/os-instance-actions").json["instanceActions"]
    assert [one["action"] for one in actions[:2]] == ["detach_interface", "attach_interface"]


def test_a_given_port_is_free_after_its_detach(cloud: TestCloud, server: str) -> None:
    port = given_port(cloud)
    assert attach(cloud.demo, server, port_id=port["id"]).json["interfaceAttachment"]["port_id"] == port["id"]
    assert attach(cloud.demo, server, port_id=port["id"]).status == 409
    detached(cloud, server, port["id"])
    free = cloud.demo.wait(
        "network", f"/v2.0/ports/{port['id']}", lambda answer: not answer.json["port"]["device_id"]
    ).json["port"]
    assert free["status"] == "DOWN" and free["device_owner"] == ""
    assert cloud.demo.delete("network", f"/v2.0/ports/{port['id']}").status == 204


def test_a_port_whose_plugging_fails_leaves_nothing(cloud: TestCloud) -> None:
    server, port = boot(cloud, metadata={"tinstack:fault": "attach_interface:2"}), given_port(cloud)
    before = ports(cloud, server)
    failed = attach(cloud.demo, server, net_id=cloud.network_id())
    assert failed.status == 500 and "Failed to attach network adapter device" in failed.json["computeFault"]["message"]
    assert ports(cloud, server) == before
    assert attach(cloud.demo, server, port_id=port["id"]).status == 500
    assert cloud.demo.get("network", f"/v2.0/ports/{port['id']}").json["port"]["device_id"] == ""
    detail = cloud.demo.get("compute", f"/servers/{server}").json["server"]
    assert detail["status"] == "ACTIVE" and "fault" not in detail
    action = cloud.demo.get("compute", f"/servers/{server}/os-instance-actions").json["instanceActions"][0]
    assert action["action"] == "attach_interface" and action["message"] == "Error"
    assert attach(cloud.demo, server, port_id=port["id"]).status == 200
    cloud.demo.delete("compute", f"/servers/{server}")
    cloud.demo.wait("compute", f"/servers/{server}", lambda answer: answer.status == 404)
    assert cloud.demo.get("network", f"/v2.0/ports/{port['id']}").json["port"]["device_id"] == ""
    assert cloud.demo.delete("network", f"/v2.0/ports/{port['id']}").status == 204


def test_a_port_that_is_deleted_is_unplugged(cloud: TestCloud, server: str) -> None:
    port = given_port(cloud)
    assert attach(cloud.demo, server, port_id=port["id"]).status == 200
    assert cloud.demo.delete("network", f"/v2.0/ports/{port['id']}").status == 204
    path = f"/servers/{server}/os-instance-actions"
    cloud.demo.wait("compute", path, lambda answer: answer.json["instanceActions"][0]["action"] == "detach_interface")
    cloud.demo.wait("compute", f"/servers/{server}", lambda _: len(shown(cloud, server)) == 1)


def test_what_can_not_be_attached_is_refused_and_changes_nothing(cloud: TestCloud, server: str) -> None:
    net, port = cloud.network_id(), given_port(cloud)
    [held] = cloud.admin.get("network", f"/v2.0/ports?device_id={server}").json["ports"]
    used = held["fixed_ips"][0]["ip_address"]
    external = cloud.admin.get("network", "/v2.0/networks?router:external=True").json["networks"][0]["id"]
    for status, wanted in (
        (400, {"net_id": net, "port_id": port["id"]}),
        (400, {"fixed_ips": [{"ip_address": "192.168.200.9"}]}),
        (400, {"net_id": net, "fixed_ips": [{"ip_address": "203.0.113.9"}]}),
        (409, {"net_id": net, "fixed_ips": [{"ip_address": used}]}),
        (404, {"net_id": str(uuid4())}),
        (404, {"port_id": str(uuid4())}),
        (409, {"port_id": held["id"]}),
        (403, {"net_id": external}),
        (400, {"net_id": "nonsense"}),
        (400, {"net_id": net, "tag": "a,b"}),
        (400, {"net_id": net, "fixed_ips": [{"ip_address": "here"}]}),
    ):
        answer = attach(cloud.demo, server, **wanted)
        assert answer.status == status, (wanted, answer.status, answer.data)
    assert ports(cloud, server) == [held["id"]]
    assert cloud.demo.delete("compute", f"/servers/{server}/os-interface/{port['id']}").status == 404
    assert cloud.demo.delete("compute", f"/servers/{uuid4()}/os-interface/{port['id']}").status == 404
    cloud.demo.delete("network", f"/v2.0/ports/{port['id']}")


def test_a_locked_or_suspended_server_keeps_its_ports(cloud: TestCloud, server: str) -> None:
    [held] = ports(cloud, server)
    path = f"/servers/{server}"
    assert cloud.demo.post("compute", f"{path}/action", {"lock": None}).status == 202
    assert attach(cloud.demo, server, net_id=cloud.network_id()).status == 409
    assert cloud.demo.delete("compute", f"{path}/os-interface/{held}").status == 409
    assert cloud.demo.post("compute", f"{path}/action", {"unlock": None}).status == 202
    assert cloud.demo.post("compute", f"{path}/action", {"suspend": None}).status == 202
    cloud.demo.wait("compute", path, lambda answer: answer.json["server"]["status"] == "SUSPENDED")
    assert attach(cloud.demo, server, net_id=cloud.network_id()).status == 409


def test_two_requests_at_once_are_done_one_after_the_other(cloud: TestCloud, server: str) -> None:
    nics = [attach(cloud.demo, server, net_id=cloud.network_id()).json["interfaceAttachment"] for _ in range(2)]
    for nic in nics:
        answer = cloud.demo.delete("compute", f"/servers/{server}/os-interface/{nic['port_id']}")
        assert answer.status == 202, answer.data
    cloud.demo.wait("network", f"/v2.0/ports?device_id={server}", lambda answer: len(answer.json["ports"]) == 1)


def test_fixed_addresses_come_and_go_below_2_44(cloud: TestCloud, server: str) -> None:
    action = f"/servers/{server}/action"
    before = shown(cloud, server)
    answer = cloud.demo.post("compute", action, {"addFixedIp": {"networkId": cloud.network_id()}}, version="2.43")
    assert answer.status == 202 and not answer.data
    cloud.demo.wait("compute", f"/servers/{server}", lambda _: len(shown(cloud, server)) == 2)
    [more] = shown(cloud, server) - before
    assert cloud.demo.post("compute", action, {"removeFixedIp": {"address": more}}).status == 202
    cloud.demo.wait("compute", f"/servers/{server}", lambda _: shown(cloud, server) == before)
    assert cloud.demo.post("compute", action, {"removeFixedIp": {"address": more}}).status == 400
    assert cloud.demo.post("compute", action, {"addFixedIp": {"networkId": str(uuid4())}}).status == 404
    late = cloud.demo.post("compute", action, {"addFixedIp": {"networkId": cloud.network_id()}}, version="2.44")
    assert late.status == 404


def test_floating_addresses_come_and_go_below_2_44(cloud: TestCloud, server: str) -> None:
    action = f"/servers/{server}/action"
    external = cloud.admin.get("network", "/v2.0/networks?router:external=True").json["networks"][0]["id"]
    made = cloud.demo.post("network", "/v2.0/floatingips", {"floatingip": {"floating_network_id": external}})
    address = made.json["floatingip"]["floating_ip_address"]
    assert cloud.demo.post("compute", action, {"removeFloatingIp": {"address": address}}).status == 409
    assert cloud.demo.post("compute", action, {"addFloatingIp": {"address": address}}).status == 202
    cloud.demo.wait("compute", f"/servers/{server}", lambda _: address in shown(cloud, server))
    wrong = {"address": address, "fixed_address": "192.0.2.1"}
    assert cloud.demo.post("compute", action, {"addFloatingIp": wrong}).status == 400
    assert cloud.demo.post("compute", action, {"addFloatingIp": {"address": "192.0.2.200"}}).status == 404
    assert cloud.demo.post("compute", action, {"removeFloatingIp": {"address": address}}).status == 202
    cloud.demo.wait("compute", f"/servers/{server}", lambda _: address not in shown(cloud, server))
    cloud.demo.delete("network", f"/v2.0/floatingips/{made.json['floatingip']['id']}")
