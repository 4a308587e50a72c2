"""Security groups as hosts are told them, and who looks again when they change."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.unit.network_server.test_sharing import share

from tinstack.network import rpc

SERVER = "5e54e400-0000-4000-8000-000000000001"
HOSTS = ("compute1", "compute2", "compute3")


async def bound(client: Any, net: Any, host: str, token: str = "alice", **given: Any) -> Any:
    place = {"device_id": SERVER, "device_owner": "compute:nova", "binding:host_id": host}
    project = {"alice": "p1", "bob": "p2"}[token]
    return await client.make("port", "nova", network_id=net["id"], project_id=project, **place, **given)


def ip(port: Any) -> str:
    return str(port["fixed_ips"][0]["ip_address"])


async def told(rig: Any, host: str) -> tuple[dict[str, rpc.WantedGroup], dict[str, list[str]]]:
    state = await rig.state(host)
    return {group.id: group for group in state.groups}, {one.id: one.addresses for one in state.addresses}


async def looks(rig: Any, doing: Callable[[], Awaitable[Any]]) -> set[str]:
    """The hosts that look again after that."""
    before = {name: await rig.generation(name) for name in rig.agents}
    await doing()
    return {name for name, generation in before.items() if await rig.generation(name) > generation}


async def hosts(rig: Any) -> None:
    for name in HOSTS:
        await rig.host(name)


async def test_a_host_is_told_the_groups_of_its_ports_with_the_members_of_those_that_rules_speak_of(
    client: Any, rig: Any
) -> None:
    await hosts(rig)
    net = await client.network()
    pair = {"ip_address": "10.9.0.7/24", "mac_address": "00:00:5E:00:01:01"}
    one = await bound(client, net, "compute1", allowed_address_pairs=[pair])
    two = await bound(client, net, "compute2")
    (default,) = one["security_groups"]
    groups, addresses = await told(rig, "compute1")
    assert groups[default].stateful
    assert {(rule.direction, rule.ip_version, rule.remote) for rule in groups[default].rules} == {
        ("egress", 4, None),
        ("egress", 6, None),
        ("ingress", 4, default),
        ("ingress", 6, default),
    }
    assert addresses == {default: [*sorted([ip(one), ip(two)]), "10.9.0.0/24"]}
    (port,) = (await rig.state("compute1")).ports
    assert port.groups == [default] and port.pairs == [("10.9.0.0/24", "00:00:5e:00:01:01")] and port.port_security
    assert await told(rig, "compute3") == ({}, {})


async def test_a_port_without_port_security_has_no_groups(client: Any, rig: Any) -> None:
    await hosts(rig)
    await bound(client, await client.network(), "compute1", port_security_enabled=False)
    (port,) = (await rig.state("compute1")).ports
    assert not port.port_security and await told(rig, "compute1") == ({}, {})


async def test_rules_have_numbers_and_no_host_bits(client: Any, rig: Any) -> None:
    await hosts(rig)
    group = await client.make("security_group", name="web")
    said = {"security_group_id": group["id"], "direction": "ingress"}
    await client.make(
        "security_group_rule",
        **said,
        protocol="tcp",
        port_range_min=80,
        port_range_max=81,
        remote_ip_prefix="10.1.2.3/8",
    )
    await client.make("security_group_rule", **said, ethertype="IPv6", protocol="ipv6-icmp", port_range_min=128)
    await client.make("security_group_rule", **said, protocol="112")
    await bound(client, await client.network(), "compute1", security_groups=[group["id"]])
    groups, _ = await told(rig, "compute1")
    found = {
        (rule.protocol, rule.first, rule.last, rule.prefix)
        for rule in groups[group["id"]].rules
        if rule.direction == "ingress"
    }
    assert found == {(6, 80, 81, "10.0.0.0/8"), (58, 128, None, None), (112, None, None, None)}


async def test_who_has_a_group_looks_when_its_rules_change(client: Any, rig: Any) -> None:
    await hosts(rig)
    net, group = await client.network(), await client.make("security_group", name="web")
    await bound(client, net, "compute1", security_groups=[group["id"]])
    await bound(client, net, "compute2")
    rule: dict[str, Any] = {}

    async def add() -> None:
        rule.update(await client.make("security_group_rule", security_group_id=group["id"], direction="ingress"))

    assert await looks(rig, add) == {"compute1"}
    assert await looks(rig, lambda: client.delete(f"security-group-rules/{rule['id']}")) == {"compute1"}


async def test_who_knows_a_groups_members_looks_when_one_comes_changes_or_goes(client: Any, rig: Any) -> None:
    await hosts(rig)
    net, other = await client.network(), await client.network("10.5.0.0/24")
    members, web = await client.make("security_group", name="m"), await client.make("security_group", name="web")
    said = {"security_group_id": web["id"], "direction": "ingress", "remote_group_id": members["id"]}
    await client.make("security_group_rule", **said)
    await bound(client, net, "compute1", security_groups=[web["id"]])
    port: dict[str, Any] = {}

    async def come() -> None:
        port.update(await bound(client, other, "compute2", security_groups=[members["id"]]))

    def change(**given: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: client.put(f"ports/{port['id']}", {"port": given}, "nova")

    both = {"compute1", "compute2"}
    assert await looks(rig, come) == both
    assert (await told(rig, "compute1"))[1] == {members["id"]: [ip(port)]}
    assert await looks(rig, change(fixed_ips=[{"ip_address": "10.5.0.77"}])) == both
    assert await looks(rig, change(allowed_address_pairs=[{"ip_address": "10.6.0.1"}])) == both
    assert (await told(rig, "compute1"))[1] == {members["id"]: ["10.5.0.77", "10.6.0.1"]}
    assert await looks(rig, change(security_groups=[])) == both
    assert await looks(rig, change(name="quiet")) == {"compute2"}
    assert await looks(rig, change(security_groups=[members["id"]])) == both
    assert await looks(rig, lambda: client.delete(f"ports/{port['id']}", "nova")) == both
    assert (await told(rig, "compute1"))[1] == {members["id"]: []}
    assert await looks(rig, lambda: client.delete(f"security-groups/{members['id']}")) == {"compute1"}
    assert (await told(rig, "compute1"))[1] == {}


async def test_who_has_a_rule_with_an_address_group_looks_when_that_changes(client: Any, rig: Any) -> None:
    await hosts(rig)
    web = await client.make("security_group", name="web")
    some = await client.make("address_group", name="some", addresses=["10.0.0.9/24"])
    said = {"security_group_id": web["id"], "direction": "ingress", "remote_address_group_id": some["id"]}
    await client.make("security_group_rule", **said)
    await bound(client, await client.network(), "compute1", security_groups=[web["id"]])
    assert (await told(rig, "compute1"))[1] == {some["id"]: ["10.0.0.0/24"]}
    more = {"addresses": ["192.0.2.1/32"]}
    assert await looks(rig, lambda: client.put(f"address-groups/{some['id']}/add_addresses", more)) == {"compute1"}
    assert (await told(rig, "compute1"))[1] == {some["id"]: ["10.0.0.0/24", "192.0.2.1"]}


async def test_a_group_that_another_project_shares_holds_for_who_uses_it(client: Any, rig: Any) -> None:
    await hosts(rig)
    web = await client.make("security_group", name="web")
    await share(client, "security_group", web["id"], "p2")
    net = await client.network(token="bob")
    made = await bound(client, net, "compute3", "bob", security_groups=[web["id"]])
    assert made["security_groups"] == [web["id"]] and list((await told(rig, "compute3"))[0]) == [web["id"]]
    rule = {"security_group_id": web["id"], "direction": "ingress", "protocol": "icmp"}
    assert await looks(rig, lambda: client.make("security_group_rule", **rule)) == {"compute3"}
