"""Networks and servers together: what only shows where the compute service, hosts and the network service meet."""

from typing import Any

import pytest


@pytest.fixture
def server(cloud: Any) -> Any:
    """A server of the demo project, removed afterwards."""
    flavor = next(one for one in cloud.demo.get("compute", "/flavors").json["flavors"] if one["name"] == "m1.tiny")
    wanted = {
        "name": "networked",
        "imageRef": cloud.image_id(),
        "flavorRef": flavor["id"],
        "networks": [{"uuid": cloud.network_id()}],
    }
    made = cloud.demo.post("compute", "/servers", {"server": wanted})
    assert made.status == 202, made.data
    path = f"/servers/{made.json['server']['id']}"
    shown = cloud.demo.wait("compute", path, lambda got: got.json["server"]["status"] in ("ACTIVE", "ERROR"))
    assert shown.json["server"]["status"] == "ACTIVE", shown.json["server"].get("fault")
    yield shown.json["server"]
    cloud.demo.delete("compute", path)
    cloud.demo.wait("compute", path, lambda got: got.status == 404)


def _port(cloud: Any, server: Any) -> Any:
    return cloud.demo.get("network", f"/v2.0/ports?device_id={server['id']}").json["ports"][0]


def test_a_servers_port_is_bound_to_its_host_and_wired(cloud: Any, server: Any) -> None:
    port = _port(cloud, server)
    assert port["status"] == "ACTIVE" and port["device_owner"] == "compute:nova"
    seen = cloud.admin.get("network", f"/v2.0/ports/{port['id']}").json["port"]
    assert seen["binding:host_id"].startswith("compute") and seen["binding:vif_type"] == "tap"
    addresses = server["addresses"]["demo-net"]
    assert [one["addr"] for one in addresses] == [port["fixed_ips"][0]["ip_address"]]
    assert addresses[0]["OS-EXT-IPS-MAC:mac_addr"] == port["mac_address"]


def test_a_port_made_for_a_server_goes_with_it(cloud: Any, server: Any) -> None:
    port = _port(cloud, server)
    cloud.demo.delete("compute", f"/servers/{server['id']}")
    cloud.demo.wait("compute", f"/servers/{server['id']}", lambda got: got.status == 404)
    cloud.demo.wait("network", f"/v2.0/ports/{port['id']}", lambda got: got.status == 404)


def test_a_floating_ip_shows_among_the_servers_addresses(cloud: Any, server: Any) -> None:
    wanted = {"floating_network_id": cloud.network_id("public"), "port_id": _port(cloud, server)["id"]}
    made = cloud.demo.post("network", "/v2.0/floatingips", {"floatingip": wanted}).json["floatingip"]
    path = f"/v2.0/floatingips/{made['id']}"
    cloud.demo.wait("network", path, lambda got: got.json["floatingip"]["status"] == "ACTIVE")

    def both(got: Any) -> bool:
        shown = got.json["server"]["addresses"].get("demo-net", [])
        return {one["OS-EXT-IPS:type"] for one in shown} == {"fixed", "floating"}

    shown = cloud.demo.wait("compute", f"/servers/{server['id']}", both).json["server"]["addresses"]["demo-net"]
    assert made["floating_ip_address"] in {one["addr"] for one in shown}
    assert cloud.demo.delete("network", path).status == 204
    cloud.demo.wait("compute", f"/servers/{server['id']}", lambda got: not both(got))


def test_agents_of_every_host_are_alive(cloud: Any) -> None:
    hosts = {"controller", "compute1", "compute2"}
    agents = [one for one in cloud.admin.get("network", "/v2.0/agents").json["agents"] if one["host"] in hosts]
    assert all(agent["alive"] for agent in agents)
    assert {agent["host"] for agent in agents} == hosts
    kinds = {agent["agent_type"] for agent in agents if agent["host"] == "controller"}
    assert {"DHCP agent", "L3 agent", "Metadata agent"} <= kinds
    assert cloud.demo.get("network", "/v2.0/agents").json == {"agents": []}


def test_the_demo_network_has_dhcp_and_a_router(cloud: Any) -> None:
    def settled(got: Any) -> bool:
        ports = got.json["ports"]
        owners = {port["device_owner"] for port in ports if port["status"] == "ACTIVE"}
        return {"network:dhcp", "network:router_interface"} <= owners

    cloud.demo.wait("network", f"/v2.0/ports?network_id={cloud.network_id()}", settled)


def test_projects_are_apart(cloud: Any) -> None:
    made = cloud.admin.post("network", "/v2.0/networks", {"network": {"name": "only admin's"}}).json["network"]
    path = f"/v2.0/networks/{made['id']}"
    assert cloud.demo.get("network", path).status == 404
    assert cloud.admin.delete("network", path).status == 204
