"""Logs of security groups."""

from typing import Any


async def test_a_log_lives_as_long_as_its_group_and_port(client: Any) -> None:
    net, group = await client.network(), await client.make("security_group", name="web")
    port = await client.make("port", network_id=net["id"], security_groups=[])
    wanted = {"name": "l", "resource_type": "security_group", "resource_id": group["id"], "target_id": port["id"]}
    assert (await client.post("log/logs", {"log": wanted})).status_code == 403
    made = (await client.post("log/logs", {"log": wanted}, "admin")).json["log"]
    assert made["event"] == "ALL" and made["enabled"] is True
    path = f"log/logs/{made['id']}"
    changed = (await client.put(path, {"log": {"enabled": False, "description": "d"}}, "admin")).json["log"]
    assert (changed["enabled"], changed["description"], changed["revision_number"]) == (False, "d", 2)
    assert [one["id"] for one in (await client.get("log/logs?enabled=false", "admin")).json["logs"]] == [made["id"]]
    assert (await client.get("log/logs")).json == {"logs": []}
    assert (await client.delete(f"ports/{port['id']}")).status_code == 204
    assert (await client.get(path, "admin")).status_code == 404
    again = (await client.post("log/logs", {"log": {**wanted, "target_id": None}}, "admin")).json["log"]
    assert (await client.delete(f"security-groups/{group['id']}")).status_code == 204
    assert (await client.get(f"log/logs/{again['id']}", "admin")).status_code == 404


async def test_logs_are_of_what_is_there(client: Any) -> None:
    nothing = "00000000-0000-4000-8000-000000000009"
    for wrong, code in (
        ({"resource_type": "router"}, 400),
        ({"resource_type": "security_group", "resource_id": nothing}, 404),
        ({"resource_type": "security_group", "target_id": nothing}, 404),
        ({"resource_type": "security_group", "event": "SOME"}, 400),
        ({}, 400),
    ):
        assert (await client.post("log/logs", {"log": wrong}, "admin")).status_code == code, wrong
    types = (await client.get("log/loggable-resources", "admin")).json["loggable_resources"]
    assert types == [{"type": "security_group"}]
