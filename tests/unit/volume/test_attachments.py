"""Attachments: reserved, connected, in use; hosts with launch tokens; the older actions."""

from typing import Any

import pytest

SERVER = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
CONNECTOR = {"connector": {"host": "compute1", "ip": "10.0.0.1"}}
V = "3.54"


@pytest.fixture
async def volume(client: Any) -> str:
    return str((await client.volume())["id"])


async def reserve(client: Any, volume: str, *, token: str = "service", **more: Any) -> Any:
    body = {"attachment": {"volume_uuid": volume, "instance_uuid": SERVER, **more}}
    return await client("POST", "/attachments", body, token=token, version=V)


async def status(client: Any, volume: str) -> str:
    return str((await client("GET", f"/volumes/{volume}")).json["volume"]["status"])


async def test_below_3_27_there_are_no_attachments(client: Any) -> None:
    assert (await client("GET", "/attachments", version="3.26")).status_code == 404


async def test_the_life_of_an_attachment(client: Any, volume: str) -> None:
    made = (await reserve(client, volume)).json["attachment"]
    assert (made["status"], made["connection_info"]) == ("reserved", {})
    assert await status(client, volume) == "reserved"
    path = f"/attachments/{made['id']}"
    connected = (await client("PUT", path, {"attachment": CONNECTOR}, token="service", version=V)).json["attachment"]
    assert connected["connection_info"]["driver_volume_type"] == "fake"
    assert await status(client, volume) == "attaching"
    done = await client("POST", f"{path}/action", {"os-complete": {}}, token="service", version=V)
    assert (done.status_code, done.content) == (204, b"")
    shown = (await client("GET", f"/volumes/{volume}")).json["volume"]
    assert shown["status"] == "in-use"
    attached = shown["attachments"][0]
    assert (attached["server_id"], attached["attachment_id"], attached["host_name"]) == (SERVER, made["id"], "compute1")
    assert (await client("DELETE", f"/volumes/{volume}")).status_code == 400
    gone = await client("DELETE", path, token="service", version=V)
    assert (gone.status_code, gone.json) == (200, {"attachments": []})
    assert await status(client, volume) == "available"


async def test_an_id_chosen_before_reserves_once(client: Any, volume: str) -> None:
    id = "aaaaaaaa-2222-3333-4444-555555555555"
    assert (await reserve(client, volume, attachment_id=id, token="alice")).status_code == 400
    for _ in range(2):
        assert (await reserve(client, volume, attachment_id=id)).json["attachment"]["id"] == id
    assert (await reserve(client, volume)).status_code == 400


async def test_a_host_reaches_its_servers_volumes_and_nothing_else(client: Any, volume: str, parts: Any) -> None:
    made = (await reserve(client, volume)).json["attachment"]
    mine, others = f"host:{SERVER}", f"host:{OTHER}"
    listed = (await client("GET", f"/attachments?instance_id={SERVER}", token=mine, version=V)).json["attachments"]
    assert [row["id"] for row in listed] == [made["id"]]
    assert [(e.step, e.server_id, e.outcome) for e in parts.tracer._waiting] == [(26, SERVER, "ok")]
    path = f"/attachments/{made['id']}"
    connected = await client("PUT", path, {"attachment": CONNECTOR}, token=mine, version=V)
    assert connected.json["attachment"]["connection_info"]["data"]["volume_id"] == volume
    assert (
        await client("PUT", path, {"attachment": {"connector": {"host": "compute2"}}}, token=mine, version=V)
    ).status_code == 403
    assert (await client("POST", f"{path}/action", {"os-complete": {}}, token=others, version=V)).status_code == 403
    assert (await client("POST", f"{path}/action", {"os-complete": {}}, token=mine, version=V)).status_code == 204
    assert (await client("GET", f"/attachments?instance_id={SERVER}", token=others, version=V)).status_code == 403
    assert (await client("GET", "/attachments", token=others, version=V)).json == {"attachments": []}
    assert (await client("PUT", path, {"attachment": CONNECTOR}, token=others, version=V)).status_code == 403
    assert (await client("DELETE", path, token=mine, version=V)).status_code == 403
    assert (await client("GET", "/volumes", token=mine)).status_code == 403
    assert (await client("GET", f"/volumes/{volume}", token=mine)).status_code == 403
    assert (await client("POST", "/volumes", {"volume": {"size": 1}}, token=mine)).status_code == 403


async def test_users_do_not_take_away_what_compute_has(client: Any, volume: str, elsewhere: Any) -> None:
    made = (await reserve(client, volume)).json["attachment"]
    elsewhere.attached[volume] = made["id"]
    path = f"/attachments/{made['id']}"
    answer = await client("DELETE", path, version=V)
    assert (answer.status_code, list(answer.json)) == (409, ["conflictingRequest"])
    await client("POST", f"{path}/action", {"os-complete": {}}, token="service", version=V)
    assert (await client.action(volume, "os-detach")).status_code == 409
    assert (await client("DELETE", path, token="service", version=V)).status_code == 200


async def test_users_do_not_see_how_hosts_reach_it(client: Any, volume: str) -> None:
    made = (await reserve(client, volume, **CONNECTOR)).json["attachment"]
    path = f"/attachments/{made['id']}"
    assert (await client("GET", path, version=V)).json["attachment"]["connection_info"] == {}
    assert (await client("GET", path, token="service", version=V)).json["attachment"]["connection_info"] != {}
    assert (await client("GET", path, token="bob", version=V)).status_code == 404


async def test_a_multiattach_volume_is_reserved_twice(client: Any) -> None:
    body = {"volume_type": {"name": "multi", "extra_specs": {"multiattach": "<is> True"}}}
    await client("POST", "/types", body, token="admin")
    id = (await client.volume(volume_type="multi"))["id"]
    for _ in range(2):
        assert (await reserve(client, id)).status_code == 200


async def test_the_older_way_of_attaching(client: Any, volume: str) -> None:
    attach = {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"}
    assert (await client.action(volume, "os-attach", attach)).status_code == 202
    shown = (await client("GET", f"/volumes/{volume}")).json["volume"]
    assert (shown["status"], shown["attachments"][0]["device"]) == ("in-use", "/dev/vdb")
    assert (await client.action(volume, "os-begin_detaching")).status_code == 202
    assert (await client.action(volume, "os-detach")).status_code == 202
    assert await status(client, volume) == "available"


async def test_attaching_after_reserving(client: Any, volume: str) -> None:
    assert (await client.action(volume, "os-reserve")).status_code == 202
    attach = {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"}
    assert (await client.action(volume, "os-attach", attach)).status_code == 202
    assert await status(client, volume) == "in-use"


async def test_connections_without_attachments(client: Any, volume: str) -> None:
    answer = await client.action(volume, "os-initialize_connection", CONNECTOR)
    assert answer.json["connection_info"]["driver_volume_type"] == "fake"
    assert (await client.action(volume, "os-terminate_connection", CONNECTOR)).status_code == 202
