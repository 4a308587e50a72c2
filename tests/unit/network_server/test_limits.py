"""QoS policies as hosts are told them, and who looks again when they change."""

from typing import Any

from tests.unit.network_server.test_filters import bound, looks

from tinstack.network import rpc


async def limits(rig: Any, host: str) -> tuple[list[rpc.WantedLimit], int | None]:
    (port,) = (await rig.state(host)).ports
    return port.limits, port.dscp_mark


async def rule(client: Any, policy: Any, kind: str, **said: Any) -> Any:
    made = await client.post(f"qos/policies/{policy['id']}/{kind}_rules", {f"{kind}_rule": said}, "admin")
    assert made.status_code == 201, made.text
    return made.json[f"{kind}_rule"]


async def test_a_port_is_limited_by_its_own_policy_or_its_networks(client: Any, rig: Any) -> None:
    for name in ("compute1", "compute2"):
        await rig.host(name)
    own, wide = [await client.make("policy", "admin", name=name, shared=True) for name in ("own", "wide")]
    net = await client.network(qos_policy_id=wide["id"])
    await bound(client, net, "compute1", qos_policy_id=own["id"])
    await bound(client, net, "compute2")
    slow: dict[str, Any] = {}

    async def limit() -> None:
        slow.update(await rule(client, own, "bandwidth_limit", max_kbps=1000, max_burst_kbps=100))

    assert await looks(rig, limit) == {"compute1"}
    said = [rpc.WantedLimit(direction="egress", rate=1000, burst=100)]
    assert await limits(rig, "compute1") == (said, None) and await limits(rig, "compute2") == ([], None)
    assert await looks(rig, lambda: rule(client, wide, "dscp_marking", dscp_mark=26)) == {"compute1", "compute2"}
    assert await limits(rig, "compute2") == ([], 26) and await limits(rig, "compute1") == (said, None)
    await rule(client, wide, "packet_rate_limit", max_kpps=3, direction="ingress")
    assert await limits(rig, "compute2") == ([rpc.WantedLimit(direction="ingress", packets=True, rate=3)], 26)
    path = f"qos/policies/{own['id']}/bandwidth_limit_rules/{slow['id']}"
    change = {"bandwidth_limit_rule": {"max_kbps": 2000}}
    assert "compute1" in await looks(rig, lambda: client.put(path, change, "admin"))
    assert (await limits(rig, "compute1"))[0][0].rate == 2000
    assert "compute1" in await looks(rig, lambda: client.delete(path, "admin"))
    assert await limits(rig, "compute1") == ([], None)
    assert (await client.put(f"networks/{net['id']}", {"network": {"qos_policy_id": None}})).status_code == 200
    assert await limits(rig, "compute2") == ([], None)
