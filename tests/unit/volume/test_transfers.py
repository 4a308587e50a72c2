"""A volume changes hands by an offer and its key."""

from typing import Any

import pytest

OLD, NEW = "/os-volume-transfer", "/volume-transfers"


async def offer(client: Any, volume: str, path: str = OLD, **more: Any) -> Any:
    version = "3.0" if path == OLD else "3.57"
    made = await client("POST", path, {"transfer": {"volume_id": volume, "name": " gift ", **more}}, version=version)
    assert made.status_code == 202, made.text
    return made.json["transfer"]


async def accept(client: Any, made: Any, key: str, path: str = OLD, token: str = "bob") -> Any:
    body = {"accept": {"auth_key": key}}
    version = "3.0" if path == OLD else "3.57"
    return await client("POST", f"{path}/{made['id']}/accept", body, token=token, version=version)


@pytest.mark.parametrize("path", [OLD, NEW])
async def test_who_has_the_key_has_the_volume(client: Any, path: str) -> None:
    volume = await client.volume(1)
    made = await offer(client, volume["id"], path)
    assert (made["name"], made["volume_id"], len(made["auth_key"])) == ("gift", volume["id"], 16)
    assert (await client("GET", f"/volumes/{volume['id']}")).json["volume"]["status"] == "awaiting-transfer"
    assert (await accept(client, made, "0" * 16, path)).status_code == 400
    assert (await client("GET", f"/volumes/{volume['id']}", token="bob")).status_code == 404
    taken = await accept(client, made, made["auth_key"], path)
    assert taken.status_code == 202, taken.text
    assert taken.json["transfer"].keys() == {"id", "name", "volume_id", "links"}
    shown = (await client("GET", f"/volumes/{volume['id']}", token="bob")).json["volume"]
    assert (shown["status"], shown["os-vol-tenant-attr:tenant_id"], shown["user_id"]) == ("available", "p2", "bob")
    assert (await client("GET", f"/volumes/{volume['id']}")).status_code == 404
    assert (await accept(client, made, made["auth_key"], path)).status_code == 404


async def test_offers_are_shown_to_who_made_them(client: Any) -> None:
    volume = await client.volume(1)
    made = await offer(client, volume["id"])
    [short] = (await client("GET", OLD)).json["transfers"]
    assert short.keys() == {"id", "volume_id", "name", "links"}
    [long] = (await client("GET", f"{NEW}/detail", version="3.57")).json["transfers"]
    assert (long["id"], long["source_project_id"], long["accepted"]) == (made["id"], "p1", False)
    assert "auth_key" not in (await client("GET", f"{OLD}/{made['id']}")).json["transfer"]
    assert (await client("GET", OLD, token="bob")).json["transfers"] == []
    assert (await client("GET", f"{OLD}/{made['id']}", token="bob")).status_code == 404
    assert (await client("DELETE", f"{OLD}/{made['id']}", token="bob")).status_code == 404
    assert (await client("GET", NEW, version="3.54")).status_code == 404
    assert (await client("GET", f"{OLD}?all_tenants=1", token="admin")).json["transfers"][0]["id"] == made["id"]


async def test_an_offer_is_withdrawn(client: Any) -> None:
    volume = await client.volume(1)
    made = await offer(client, volume["id"])
    assert (await client("DELETE", f"/volumes/{volume['id']}")).status_code == 400
    again = {"transfer": {"volume_id": volume["id"]}}
    assert (await client("POST", OLD, again)).status_code == 400
    assert (await client("DELETE", f"{OLD}/{made['id']}")).status_code == 202
    assert (await client("GET", f"/volumes/{volume['id']}")).json["volume"]["status"] == "available"
    assert (await accept(client, made, made["auth_key"])).status_code == 404


@pytest.mark.parametrize("path, without, follows", [(NEW, False, True), (NEW, True, False), (OLD, None, False)])
async def test_snapshots_follow_where_they_are_wanted(
    client: Any, path: str, without: bool | None, follows: bool
) -> None:
    volume = await client.volume(1)
    snapshot = (await client("POST", "/snapshots", {"snapshot": {"volume_id": volume["id"]}})).json["snapshot"]["id"]
    await client.wait(f"/snapshots/{snapshot}", "available")
    made = await offer(client, volume["id"], path, **({} if without is None else {"no_snapshots": without}))
    assert (await accept(client, made, made["auth_key"], path)).status_code == 202
    assert (await client("GET", f"/snapshots/{snapshot}", token="bob")).status_code == (200 if follows else 404)
    assert (await client("GET", f"/snapshots/{snapshot}")).status_code == (404 if follows else 200)


async def test_what_does_not_fit_into_the_quota_is_not_taken(client: Any) -> None:
    volume = await client.volume(2)
    body = {"quota_set": {"gigabytes": 1}}
    assert (await client("PUT", "/os-quota-sets/p2", body, token="admin")).status_code == 200
    made = await offer(client, volume["id"])
    assert (await accept(client, made, made["auth_key"])).status_code == 413
    assert (await client("GET", f"/volumes/{volume['id']}")).json["volume"]["status"] == "awaiting-transfer"


async def test_a_volume_that_is_removed_by_force_takes_its_offer_with_it(client: Any) -> None:
    volume = await client.volume(1)
    await offer(client, volume["id"])
    assert (await client.action(volume["id"], "os-force_delete", token="admin")).status_code == 202
    await client.gone(f"/volumes/{volume['id']}")
    assert (await client("GET", OLD)).json["transfers"] == []
