"""What hosts are told: their wanted state, its generation, and what becomes of their reports."""

from typing import Any

import pytest
from msgspec import structs

from tinstack.core.bus.interface import RemoteFailure
from tinstack.core.guestdata import host_key
from tinstack.network import rpc
from tinstack.network.agent import fake

SERVER = "5e54e400-0000-4000-8000-000000000001"


async def _bound(client: Any, net: Any, host: str) -> Any:
    place = {"device_id": SERVER, "device_owner": "compute:nova", "binding:host_id": host, "project_id": "p1"}
    return await client.make("port", "nova", network_id=net["id"], **place)


async def test_a_host_sees_its_ports_networks_and_peers(client: Any, rig: Any) -> None:
    for name in ("compute1", "compute2"):
        await rig.host(name)
    net = await client.network()
    one, two = await _bound(client, net, "compute1"), await _bound(client, net, "compute2")
    state = await rig.state("compute1")
    assert [port.id for port in state.ports] == [one["id"]]
    port, network = state.ports[0], state.networks[0]
    assert port.device == "tap" + one["id"][:11] and port.mac == one["mac_address"] and port.device_id == SERVER
    assert [(held.ip, held.prefix) for held in port.addresses] == [(one["fixed_ips"][0]["ip_address"], 24)]
    assert (network.kind, network.segment, network.mtu) == ("vxlan", 1, 1450) and network.peers == ["127.0.0.1"]
    assert network.dhcp_port is None and state.dhcp_hosts == [] and state.routers == []
    assert state.metadata_key == host_key("secret", "compute1")
    assert [port.id for port in (await rig.state("compute2")).ports] == [two["id"]]


async def test_dhcp_is_made_on_a_host_that_serves_it_and_knows_every_port(client: Any, rig: Any) -> None:
    await rig.host("controller", "dhcp", "l3")
    await rig.host("compute1")
    net = await client.network()
    ports = (await client.get(f"ports?network_id={net['id']}")).json["ports"]
    assert [(port["device_owner"], port["device_id"]) for port in ports] == [
        ("network:dhcp", f"dhcpcontroller-{net['id']}")
    ]
    guest = await _bound(client, net, "compute1")
    unbound = await client.make("port", network_id=net["id"])
    state = await rig.state("controller")
    assert state.networks[0].dhcp_port == ports[0]["id"]
    assert state.ports[0].device == "tap" + ports[0]["id"][:11] and state.ports[0].project_id == "p1"
    leases = {lease.port_id: lease for lease in state.dhcp_hosts}
    assert set(leases) == {guest["id"], unbound["id"]}
    lease = leases[guest["id"]]
    assert lease.hostname == "host-" + lease.ip.replace(".", "-") and lease.device_id == SERVER
    assert lease.project_id == "p1"
    subnet = f"subnets/{net['subnet']['id']}"
    await client.put(subnet, {"subnet": {"enable_dhcp": False}})
    assert (await rig.state("controller")).ports == []
    await client.put(subnet, {"subnet": {"enable_dhcp": True}})
    assert len((await rig.state("controller")).ports) == 1


async def test_a_router_comes_with_its_ports_floating_ips_and_routes(client: Any, rig: Any) -> None:
    await rig.host("controller", "dhcp", "l3")
    await rig.host("compute1")
    public, net = await client.external(), await client.network()
    router = await client.make("router", external_gateway_info={"network_id": public["id"]})
    await client.put(f"routers/{router['id']}/add_router_interface", {"subnet_id": net["subnet"]["id"]})
    guest = await _bound(client, net, "compute1")
    floating = await client.make("floatingip", floating_network_id=public["id"], port_id=guest["id"])
    route = {"destination": "10.50.0.0/16", "nexthop": "10.0.0.9"}
    await client.put(f"routers/{router['id']}", {"router": {"routes": [route]}})
    state = await rig.state("controller")
    wanted = state.routers[0]
    devices = {port.id: port.device for port in state.ports}
    assert devices[wanted.gateway_port] == "qg-" + wanted.gateway_port[:11]
    assert [devices[id] for id in wanted.interfaces] == ["qr-" + wanted.interfaces[0][:11]]
    assert wanted.gateway_next_hop == "203.0.113.1" and wanted.enable_snat
    assert [(one.floating_ip, one.fixed_ip) for one in wanted.floating] == [
        (floating["floating_ip_address"], guest["fixed_ips"][0]["ip_address"])
    ]
    assert wanted.routes == [("10.50.0.0/16", "10.0.0.9")]
    assert {network.kind for network in state.networks} == {"flat", "vxlan"}
    flat = next(network for network in state.networks if network.kind == "flat")
    assert flat.physical_network == "physnet1" and flat.peers == []
    await client.put(f"routers/{router['id']}", {"router": {"admin_state_up": False}})
    down = await rig.state("controller")
    assert down.routers == [] and all(port.device.startswith("tap") for port in down.ports)


async def test_a_port_is_bound_once_its_host_has_the_wire(
    client: Any, rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "PHYSICAL_NETWORKS", {})
    agent = await rig.host("compute1")
    public = await client.external()
    wanted = {"network_id": public["id"], "binding:host_id": "compute1", "device_owner": "compute:nova"}
    port = (await client.post("ports", {"port": wanted}, "admin")).json["port"]
    assert port["binding:vif_type"] == "binding_failed"
    monkeypatch.setattr(fake, "PHYSICAL_NETWORKS", {"physnet1": "eth1"})
    await agent.report()
    shown = (await client.get(f"ports/{port['id']}", "admin")).json["port"]
    assert shown["binding:vif_type"] == "tap"


async def test_only_hosts_that_a_change_concerns_look_again(client: Any, rig: Any) -> None:
    await rig.host("controller", "dhcp")
    for name in ("compute1", "compute2", "compute3"):
        await rig.host(name)
    net = await client.network()
    first = await _bound(client, net, "compute1")

    async def generations() -> dict[str, int]:
        return {name: await rig.generation(name) for name in rig.agents}

    before = await generations()
    await _bound(client, net, "compute1")
    after = await generations()
    assert {name for name in before if after[name] > before[name]} == {"controller", "compute1"}
    before = after
    second = await _bound(client, net, "compute2")
    after = await generations()
    assert {name for name in before if after[name] > before[name]} == {"controller", "compute1", "compute2"}
    before = after
    await client.delete(f"ports/{second['id']}", "nova")
    after = await generations()
    assert {name for name in before if after[name] > before[name]} == {"controller", "compute1", "compute2"}
    assert (await rig.state("compute1")).networks[0].peers == ["127.0.0.1"]
    before = after
    await client.put(f"networks/{net['id']}", {"network": {"mtu": 1400}})
    after = await generations()
    assert {name for name in before if after[name] > before[name]} == {"controller", "compute1"}
    assert first["id"] in {port.id for port in (await rig.state("compute1")).ports}


async def test_peers_of_a_host_whose_agents_are_removed_are_told(client: Any, rig: Any) -> None:
    for name in ("compute1", "compute2", "compute3"):
        await rig.host(name)
    net = await client.network()
    for name in ("compute1", "compute2"):
        await _bound(client, net, name)
    before = {name: await rig.generation(name) for name in rig.agents}
    rig.parts.agents.config = structs.replace(rig.parts.agents.config, agent_down_seconds=-1.0)
    agent = (await client.get("agents?host=compute2", "admin")).json["agents"][0]
    assert (await client.delete(f"agents/{agent['id']}", "admin")).status_code == 204
    assert await rig.generation("compute1") > before["compute1"]
    assert await rig.generation("compute3") == before["compute3"]
    assert (await rig.state("compute1")).networks[0].peers == []


async def test_a_port_is_active_when_its_host_has_wired_it_and_compute_is_told(client: Any, rig: Any) -> None:
    await rig.host("compute1")
    await rig.host("compute2")
    net = await client.network()
    port = await _bound(client, net, "compute1")
    path = f"ports/{port['id']}"
    assert port["status"] == "DOWN" and port["binding:vif_type"] == "tap"
    await rig.apply("compute1")
    assert (await client.get(path)).json["port"]["status"] == "ACTIVE"
    assert rig.told.names(port["id"]) == ["network-vif-plugged"]
    await rig.apply("compute1")
    assert rig.told.names(port["id"]) == ["network-vif-plugged"]
    await client.put(path, {"port": {"binding:host_id": "compute2"}}, "nova")
    assert (await client.get(path)).json["port"]["status"] == "DOWN"
    await rig.apply("compute2")
    assert (await client.get(path)).json["port"]["status"] == "ACTIVE"
    await client.put(path, {"port": {"admin_state_up": False}})
    assert (await client.get(path)).json["port"]["status"] == "DOWN"


async def test_a_report_of_an_older_state_says_nothing_about_a_port_that_came_after_it(client: Any, rig: Any) -> None:
    agent = await rig.host("compute1")
    net = await client.network()
    port = await _bound(client, net, "compute1")
    path, place = f"ports/{port['id']}", {"port": {"binding:host_id": "compute1"}}
    await rig.apply("compute1")
    old = agent.generation
    await client.put(path, {"port": {"binding:host_id": ""}}, "nova")
    await client.put(path, place, "nova")
    await agent.bus.cast(rpc.TOPIC, rpc.Applied(host="compute1", generation=old, up=[port["id"]]))
    await rig.state("compute1")
    assert (await client.get(path)).json["port"]["status"] == "DOWN"
    await rig.apply("compute1")
    assert (await client.get(path)).json["port"]["status"] == "ACTIVE"


async def test_a_floating_ip_is_active_when_its_router_is_made(client: Any, rig: Any) -> None:
    await rig.host("controller", "l3")
    public, net = await client.external(), await client.network()
    router = await client.make("router", external_gateway_info={"network_id": public["id"]})
    await client.put(f"routers/{router['id']}/add_router_interface", {"subnet_id": net["subnet"]["id"]})
    port = await client.make("port", network_id=net["id"], device_id=SERVER, device_owner="compute:nova")
    made = await client.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    assert made["status"] == "DOWN" and rig.told.names(port["id"]) == ["network-changed"]
    await rig.apply("controller")
    shown = (await client.get(f"floatingips/{made['id']}")).json["floatingip"]
    assert shown["status"] == "ACTIVE"
    interface = (await client.get("ports?device_owner=network:router_interface")).json["ports"][0]
    assert interface["status"] == "ACTIVE"


async def test_a_host_speaks_for_itself_alone(rig: Any) -> None:
    one, two = await rig.host("compute1"), await rig.host("compute2")
    with pytest.raises(RemoteFailure, match="does not speak for"):
        await one.bus.call(rpc.TOPIC, rpc.AskHostState(host=two.host), rpc.HostNetworkState)


async def test_agents_are_listed_alive_and_can_be_disabled(client: Any, rig: Any) -> None:
    await rig.host("controller", "dhcp", "l3", "metadata")
    await rig.host("compute1")
    agents = (await client.get("agents", "admin")).json["agents"]
    assert sorted(agent["agent_type"] for agent in agents if agent["host"] == "controller") == [
        "DHCP agent",
        "L3 agent",
        "Linux bridge agent",
        "Metadata agent",
    ]
    assert all(agent["alive"] and agent["admin_state_up"] for agent in agents)
    assert len((await client.get("agents?host=compute1", "admin")).json["agents"]) == 1
    assert (await client.get("agents")).json == {"agents": []}
    dhcp = next(agent for agent in agents if agent["agent_type"] == "DHCP agent")
    path = f"agents/{dhcp['id']}"
    changed = (await client.put(path, {"agent": {"admin_state_up": False, "description": "d"}}, "admin")).json["agent"]
    assert changed["admin_state_up"] is False and changed["description"] == "d"
    net = await client.network()
    assert (await client.get(f"ports?network_id={net['id']}")).json["ports"] == []
    assert (await client.delete(path, "admin")).status_code == 409
    zones = (await client.get("availability_zones")).json["availability_zones"]
    assert {(zone["resource"], zone["state"]) for zone in zones} == {
        ("network", "unavailable"),
        ("router", "available"),
    }


async def test_dhcp_and_routers_wait_for_a_host_and_leave_a_dead_one(
    client: Any, rig: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, net = await client.external(), await client.network()
    router = await client.make("router", external_gateway_info={"network_id": public["id"]})
    await client.put(f"routers/{router['id']}/add_router_interface", {"subnet_id": net["subnet"]["id"]})
    assert len((await client.get("ports", "admin")).json["ports"]) == 2
    await rig.host("first", "dhcp", "l3")
    await rig.reconciler.look()
    state = await rig.state("first")
    assert len(state.routers) == 1 and sum(bool(network.dhcp_port) for network in state.networks) == 1
    await rig.host("second", "dhcp", "l3")
    await rig.reconciler.look()
    assert (await rig.state("second")).ports == []
    await _silence(rig, "first")
    await rig.reconciler.look()
    moved = await rig.state("second")
    assert len(moved.routers) == 1 and len(moved.ports) == 3
    assert (await rig.state("first")).ports == []
    dhcp = (await client.get("ports?device_owner=network:dhcp", "admin")).json["ports"][0]
    assert dhcp["device_id"] == f"dhcpsecond-{net['id']}" and dhcp["binding:host_id"] == "second"


async def _silence(rig: Any, host: str) -> None:
    """The host was last heard of long ago."""
    from sqlalchemy import update

    from tinstack.network.server import tables

    async def work(tx: Any) -> None:
        await tx.run(update(tables.hosts).where(tables.hosts.c.host == host).values(heartbeat_at=1))

    await rig.parts.db.transact(work)


async def test_a_host_is_told_of_ipv6_and_of_options_that_ports_ask_for(client: Any, rig: Any) -> None:
    await rig.host("controller", "dhcp", "l3")
    public, net = await client.external("2001:db8:9::/64"), await client.network()
    modes = {"ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
    await client.make("subnet", network_id=net["id"], ip_version=6, cidr="2001:db8:1::/64", **modes)
    await client.make("router", external_gateway_info={"network_id": public["id"]})
    options = [
        {"opt_name": "tftp-server", "opt_value": "10.0.0.9"},
        {"opt_name": "23", "opt_value": "::1", "ip_version": 6},
    ]
    await client.make("port", network_id=net["id"], extra_dhcp_opts=options)
    state = await rig.state("controller")
    assert (state.routers[0].gateway_next_hop, state.routers[0].gateway_next_hop6) == (None, "2001:db8:9::1")
    six = next(one for network in state.networks for one in network.subnets if one.cidr == "2001:db8:1::/64")
    assert (six.ra_mode, six.address_mode) == ("dhcpv6-stateful", "dhcpv6-stateful")
    assert {tuple(one.options) for one in state.dhcp_hosts} == {(("tftp-server", "10.0.0.9", 4), ("23", "::1", 6))}
