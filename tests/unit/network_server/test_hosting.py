"""Routers and DHCP on agents: the L3 and DHCP agent schedulers, and what distributed and HA routers may be asked."""

from typing import Any

import pytest


@pytest.fixture
async def agents(client: Any, rig: Any) -> Any:
    """Two network hosts; the ids of their agents by host and role."""
    await rig.host("n1", "dhcp", "l3")
    await rig.host("n2", "dhcp", "l3")
    found = (await client.get("agents", "admin")).json["agents"]
    kinds = {"L3 agent": "l3", "DHCP agent": "dhcp"}
    return {
        (one["host"], kinds[one["agent_type"]]): one["id"] for one in found if one["agent_type"] in kinds
    }  # fmt: skip


async def _hosts(client: Any, path: str) -> list[str]:
    return [agent["host"] for agent in (await client.get(path, "admin")).json["agents"]]


async def test_a_router_moves_between_agents_by_hand_and_stays_off_when_taken_off(
    client: Any, rig: Any, agents: Any
) -> None:
    net = await client.network()
    router = await client.make("router")
    assert await _hosts(client, f"routers/{router['id']}/l3-agents") == []
    await client.put(f"routers/{router['id']}/add_router_interface", {"subnet_id": net["subnet"]["id"]})
    assert await _hosts(client, f"routers/{router['id']}/l3-agents") == ["n1"]
    first, second = f"agents/{agents['n1', 'l3']}/l3-routers", f"agents/{agents['n2', 'l3']}/l3-routers"
    refused = await client.post(second, {"router_id": router["id"]}, "admin")
    assert refused.status_code == 409 and refused.json["NeutronError"]["type"] == "RouterHostedByL3Agent"
    again = await client.post(first, {"router_id": router["id"]}, "admin")
    assert again.status_code == 201 and again.json is None
    assert (await client.delete(f"{first}/{router['id']}", "admin")).status_code == 204
    assert await _hosts(client, f"routers/{router['id']}/l3-agents") == []
    assert (await rig.state("n1")).routers == []
    await rig.reconciler.look()
    assert await _hosts(client, f"routers/{router['id']}/l3-agents") == []
    assert (await client.delete(f"{first}/{router['id']}", "admin")).status_code == 409
    assert (await client.post(second, {"router_id": router["id"]}, "admin")).status_code == 201
    assert [one["id"] for one in (await client.get(second, "admin")).json["routers"]] == [router["id"]]
    assert [one.id for one in (await rig.state("n2")).routers] == [router["id"]]


async def test_a_router_that_was_taken_off_comes_back_with_its_next_interface(
    client: Any, rig: Any, agents: Any
) -> None:
    net, other = await client.network(), await client.network("10.1.0.0/24")
    router = await client.make("router")
    path = f"routers/{router['id']}/add_router_interface"
    await client.put(path, {"subnet_id": net["subnet"]["id"]})
    await client.delete(f"agents/{agents['n1', 'l3']}/l3-routers/{router['id']}", "admin")
    await client.put(path, {"subnet_id": other["subnet"]["id"]})
    assert len(await _hosts(client, f"routers/{router['id']}/l3-agents")) == 1
    states = [await rig.state("n1"), await rig.state("n2")]
    assert [len(router.interfaces) for state in states for router in state.routers] == [2]


async def test_dhcp_is_served_by_the_agents_that_are_asked_for(client: Any, rig: Any, agents: Any) -> None:
    net = await client.make("network")
    path = f"networks/{net['id']}/dhcp-agents"
    first, second = f"agents/{agents['n1', 'dhcp']}/dhcp-networks", f"agents/{agents['n2', 'dhcp']}/dhcp-networks"
    assert (await client.post(second, {"network_id": net["id"]}, "admin")).status_code == 201
    assert await _hosts(client, path) == ["n2"]
    again = await client.post(second, {"network_id": net["id"]}, "admin")
    assert again.status_code == 409 and again.json["NeutronError"]["type"] == "NetworkHostedByDHCPAgent"
    await client.make("subnet", network_id=net["id"], ip_version=4, cidr="10.0.0.0/24")
    assert (await client.post(first, {"network_id": net["id"]}, "admin")).status_code == 201
    ports = (await client.get(f"ports?network_id={net['id']}&device_owner=network:dhcp", "admin")).json["ports"]
    assert {port["binding:host_id"] for port in ports} == {"n1", "n2"}
    for host in ("n1", "n2"):
        assert (await rig.state(host)).networks[0].dhcp_port
    assert [one["id"] for one in (await client.get(first, "admin")).json["networks"]] == [net["id"]]
    for collection in (first, second):
        assert (await client.delete(f"{collection}/{net['id']}", "admin")).status_code == 204
    assert (await client.delete(f"{first}/{net['id']}", "admin")).status_code == 409
    await rig.reconciler.look()
    await client.make("subnet", network_id=net["id"], ip_version=4, cidr="10.1.0.0/24")
    assert await _hosts(client, path) == []
    assert (await client.get(f"ports?network_id={net['id']}")).json["ports"] == []
    assert (await client.delete(f"networks/{net['id']}")).status_code == 204


async def test_schedulers_refuse_wrong_agents_and_other_callers(client: Any, agents: Any) -> None:
    router = await client.make("router")
    wrong = await client.post(f"agents/{agents['n1', 'dhcp']}/l3-routers", {"router_id": router["id"]}, "admin")
    assert wrong.status_code == 404 and wrong.json["NeutronError"]["type"] == "InvalidL3Agent"
    await client.put(f"agents/{agents['n1', 'l3']}", {"agent": {"admin_state_up": False}}, "admin")
    path = f"agents/{agents['n1', 'l3']}/l3-routers"
    assert (await client.post(path, {"router_id": router["id"]}, "admin")).status_code == 404
    assert (await client.post(path, {}, "admin")).status_code == 400
    assert (await client.get(path)).status_code == 403
    assert (await client.get(f"routers/{router['id']}/l3-agents")).status_code == 403
    assert (await client.get(f"networks/{agents['n1', 'l3']}/dhcp-agents", "admin")).status_code == 404


async def test_lists_of_agents_are_filtered_sorted_and_paged(client: Any, agents: Any) -> None:
    l3 = (await client.get("agents?agent_type=l3%20agent&alive=true", "admin")).json["agents"]
    assert [agent["host"] for agent in l3] == ["n1", "n2"]
    page = (await client.get("agents?sort_key=host&sort_dir=desc&limit=2&fields=host", "admin")).json
    assert page["agents"] == [{"host": "n2"}, {"host": "n2"}]
    assert (await client.get("agents?colour=red", "admin")).status_code == 400
    assert (await client.get("agents?sort_key=colour", "admin")).status_code == 400
    first = (await client.get("agents?limit=4", "admin")).json
    assert [link["rel"] for link in first["agents_links"]] == ["next"]
    query = first["agents_links"][0]["href"].partition("?")[2]
    second = (await client.get(f"agents?{query}", "admin")).json
    assert len(second["agents"]) == 2 and [link["rel"] for link in second["agents_links"]] == ["previous"]


async def test_only_admins_ask_for_distributed_and_ha_routers(client: Any, rig: Any) -> None:
    plain = await client.make("router")
    assert "distributed" not in plain and "ha" not in plain
    assert (await client.post("routers", {"router": {"distributed": True}})).status_code == 403
    made = await client.make("router", "admin", distributed=True, ha=False)
    assert made["distributed"] is True and made["ha"] is False
    path = f"routers/{made['id']}"
    central = await client.put(path, {"router": {"distributed": False}}, "admin")
    assert central.status_code == 400 and "admin_state_up" in central.json["NeutronError"]["message"]
    changed = await client.put(path, {"router": {"distributed": False, "admin_state_up": False}}, "admin")
    assert changed.json["router"]["distributed"] is False
    assert (await client.put(path, {"router": {"ha": True}}, "admin")).json["router"]["ha"] is True
    assert [one["id"] for one in (await client.get("routers?ha=true", "admin")).json["routers"]] == [made["id"]]
