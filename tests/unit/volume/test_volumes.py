"""Volumes, snapshots, types, quotas: bodies, states, who may."""

import asyncio
from typing import Any

import pytest

IMAGE = "9b0f2a36-6f2e-4b7e-9d3e-0f4e5f6a7b8c"
NOBODY = "00000000-0000-0000-0000-000000000000"

BASE = {
    "attachments", "availability_zone", "bootable", "consistencygroup_id", "created_at", "description", "encrypted", "id", "links",
    "metadata", "multiattach", "name", "replication_status", "size", "snapshot_id", "source_volid", "status", "updated_at",
    "user_id", "volume_type",
}  # fmt: skip


def message(answer: Any) -> str:
    return str(next(iter(answer.json.values()))["message"])


async def test_versions(client: Any) -> None:
    root = await client("GET", "/", token="")
    assert root.status_code == 300
    assert (root.json["versions"][0]["min_version"], root.json["versions"][0]["version"]) == ("3.0", "3.70")
    assert (await client("GET", "/v3", token="")).status_code == 200
    assert (await client("GET", "/volumes", version="3.999")).status_code == 406
    answer = await client("GET", "/volumes", version="3.27")
    assert answer.headers["openstack-api-version"] == "volume 3.27"


async def test_a_volume_is_created_and_deleted(client: Any) -> None:
    made = await client("POST", "/volumes", {"volume": {"size": 2, "name": "data", "metadata": {"a": "b"}}})
    assert made.status_code == 202
    assert set(made.json["volume"]) == BASE
    assert made.json["volume"]["status"] == "creating"
    found = await client.wait(f"/volumes/{made.json['volume']['id']}", "available")
    assert set(found) == BASE | {"os-vol-tenant-attr:tenant_id"}
    assert (found["size"], found["volume_type"], found["bootable"], found["metadata"]) == (
        2,
        "lab1",
        "false",
        {"a": "b"},
    )
    assert found["links"][0]["href"].endswith(f"/v3/volumes/{found['id']}")
    assert (await client("DELETE", f"/volumes/{found['id']}")).status_code == 202
    await client.gone(f"/volumes/{found['id']}")


async def test_admins_see_the_host(client: Any) -> None:
    id = (await client.volume(volume_type="lab2"))["id"]
    shown = (await client("GET", f"/volumes/{id}", token="admin")).json["volume"]
    assert shown["os-vol-host-attr:host"] == "controller@lab2#lab2"
    newest = (await client("GET", f"/volumes/{id}", token="admin", version="3.70")).json["volume"]
    assert set(newest) - set(shown) == {
        "group_id", "provider_id", "service_uuid", "shared_targets", "cluster_name", "volume_type_id", "consumes_quota"
    }  # fmt: skip


async def test_the_project_may_stand_in_the_path(client: Any) -> None:
    id = (await client.volume())["id"]
    shown = await client("GET", f"/v3/p1/volumes/{id}")
    assert shown.json["volume"]["links"][0]["href"].endswith(f"/v3/p1/volumes/{id}")
    assert (await client("GET", f"/v3/p2/volumes/{id}")).status_code == 400


async def test_others_do_not_see_it(client: Any) -> None:
    id = (await client.volume())["id"]
    answer = await client("GET", f"/volumes/{id}", token="bob")
    assert (answer.status_code, list(answer.json)) == (404, ["itemNotFound"])
    assert (await client("GET", "/volumes", token="bob")).json == {"volumes": []}
    assert (await client("GET", "/volumes", token="admin")).json == {"volumes": []}
    assert len((await client("GET", "/volumes?all_tenants=1", token="admin")).json["volumes"]) == 1
    assert (await client("DELETE", f"/volumes/{id}", token="reader")).status_code == 403


@pytest.mark.parametrize(
    "body, status",
    [
        ({}, 400),
        ({"size": 0}, 400),
        ({"size": -1}, 400),
        ({"size": "#$%"}, 400),
        ({"size": 1, "name": "x" * 256}, 400),
        ({"size": 1, "metadata": {"k": "v" * 256}}, 400),
        ({"size": 1, "metadata": {"k": 5}}, 400),
        ({"size": 1, "availability_zone": "moon"}, 400),
        ({"size": 1, "volume_type": "none"}, 404),
        ({"size": 1, "snapshot_id": NOBODY}, 404),
        ({"size": 1, "source_volid": NOBODY}, 404),
        ({"size": 1, "imageRef": NOBODY}, 400),
        ({"size": 1, "imageRef": IMAGE}, 400),
        ({"size": 1, "imageRef": "../images"}, 400),
        ({"size": 1, "imageRef": " "}, 400),
        ({"size": "1"}, 202),
    ],
)
async def test_what_a_volume_may_be(client: Any, body: Any, status: int) -> None:
    assert (await client("POST", "/volumes", {"volume": body})).status_code == status


async def test_a_volume_from_an_image(client: Any) -> None:
    found = await client.volume(2, imageRef=IMAGE)
    assert found["bootable"] == "true"
    assert found["volume_image_metadata"]["image_id"] == IMAGE
    assert found["volume_image_metadata"]["hw_x"] == "1"


async def test_volumes_from_volumes_and_snapshots(client: Any) -> None:
    first = await client.volume(2)
    snapshot = await client("POST", "/snapshots", {"snapshot": {"volume_id": first["id"], "name": "s"}})
    assert snapshot.status_code == 202
    id = snapshot.json["snapshot"]["id"]
    found = await client.wait(f"/snapshots/{id}", "available")
    assert (found["size"], found["os-extended-snapshot-attributes:progress"]) == (2, "100%")
    copy = await client.volume(None, snapshot_id=id)
    assert (copy["size"], copy["snapshot_id"]) == (2, id)
    assert (await client.volume(3, source_volid=first["id"]))["source_volid"] == first["id"]
    assert (await client("POST", "/volumes", {"volume": {"size": 1, "source_volid": first["id"]}})).status_code == 400
    assert (await client("DELETE", f"/volumes/{first['id']}")).status_code == 400
    assert (await client("DELETE", f"/volumes/{first['id']}?cascade=true")).status_code == 202
    await client.gone(f"/volumes/{first['id']}")
    assert (await client("GET", f"/snapshots/{id}")).status_code == 404


async def test_lists(client: Any) -> None:
    for name in ("a", "b", "c"):
        await client.volume(name=name, metadata={"n": name})

    async def names(query: str) -> list[str]:
        return [row["name"] for row in (await client("GET", f"/volumes/detail?{query}")).json["volumes"]]

    assert await names("") == ["c", "b", "a"]
    assert await names("sort=name:asc") == ["a", "b", "c"]
    assert await names("sort_key=name&sort_dir=desc") == ["c", "b", "a"]
    assert await names("name=b") == ["b"]
    assert await names("metadata=%7B%27n%27%3A%27b%27%7D") == ["b"]
    assert await names("status=error") == []
    assert await names("bootable=false&availability_zone=nova") == ["c", "b", "a"]
    page = (await client("GET", "/volumes?limit=2&sort=name:asc")).json
    assert [row["name"] for row in page["volumes"]] == ["a", "b"]
    href = page["volumes_links"][0]["href"]
    rest = (await client("GET", href[href.index("/v3") :])).json
    assert [row["name"] for row in rest["volumes"]] == ["c"]
    assert "volumes_links" not in rest
    assert await names("limit=0") == []
    assert (await client("GET", "/volumes?limit=-1")).status_code == 400
    assert (await client("GET", f"/volumes?marker={NOBODY}")).status_code == 404
    assert (await client("GET", "/volumes/summary", version="3.12")).json == {
        "volume-summary": {"total_count": 3, "total_size": 3}
    }
    assert (await client("GET", "/volumes?limit=1&with_count=true", version="3.45")).json["count"] == 3


async def test_metadata(client: Any) -> None:
    path = f"/volumes/{(await client.volume(metadata={'a': '1'}))['id']}/metadata"
    assert (await client("POST", path, {"metadata": {"b": "2"}})).json == {"metadata": {"a": "1", "b": "2"}}
    assert (await client("GET", f"{path}/b")).json == {"meta": {"b": "2"}}
    assert (await client("PUT", f"{path}/b", {"meta": {"b": "3"}})).json == {"meta": {"b": "3"}}
    assert (await client("PUT", f"{path}/b", {"meta": {"c": "3"}})).status_code == 400
    assert (await client("DELETE", f"{path}/b")).status_code == 200
    assert (await client("DELETE", f"{path}/b")).status_code == 404
    assert (await client("PUT", path, {"metadata": {"z": "9"}})).json == {"metadata": {"z": "9"}}
    assert (await client("GET", path)).json == {"metadata": {"z": "9"}}


async def test_actions(client: Any) -> None:
    id = (await client.volume())["id"]
    assert (await client.action(id, "os-extend", {"new_size": 3})).status_code == 202
    assert (await client.wait(f"/volumes/{id}", "available"))["size"] == 3
    assert (await client.action(id, "os-extend", {"new_size": 3})).status_code == 400
    assert (await client.action(id, "os-set_bootable", {"bootable": True})).status_code == 200
    assert (await client.action(id, "os-update_readonly_flag", {"readonly": True})).status_code == 202
    shown = (await client("GET", f"/volumes/{id}")).json["volume"]
    assert (shown["bootable"], shown["metadata"]) == ("true", {"readonly": "True"})
    assert (await client.action(id, "os-reset_status", {"status": "error"})).status_code == 403
    assert (await client.action(id, "os-reset_status", {"status": "error"}, token="admin")).status_code == 202
    assert (await client.action(id, "os-reset_status", {"status": "odd"}, token="admin")).status_code == 400
    assert (await client.action(id, "os-reserve")).status_code == 400
    await client.action(id, "os-reset_status", {"status": "available"}, token="admin")
    assert (await client.action(id, "os-reserve")).status_code == 202
    assert (await client("GET", f"/volumes/{id}")).json["volume"]["status"] == "attaching"
    assert (await client.action(id, "os-unreserve")).status_code == 202
    assert (await client.action(id, "os-none")).status_code == 400


async def test_image_metadata(client: Any) -> None:
    id = (await client.volume())["id"]
    set_one = await client.action(id, "os-set_image_metadata", {"metadata": {"a": "1"}})
    assert (set_one.status_code, set_one.json) == (200, {"metadata": {"a": "1"}})
    assert (await client.action(id, "os-show_image_metadata")).json == {"metadata": {"a": "1"}}
    assert (await client.action(id, "os-unset_image_metadata", {"key": "a"})).status_code == 200


async def test_the_quota_is_exact(client: Any) -> None:
    limits = {"quota_set": {"volumes": 3}}
    assert (await client("PUT", "/os-quota-sets/p1", limits)).status_code == 403
    assert (await client("PUT", "/os-quota-sets/p1", limits, token="admin")).json["quota_set"]["volumes"] == 3
    answers = await asyncio.gather(*(client("POST", "/volumes", {"volume": {"size": 1}}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [413] * 3
    refused = next(answer for answer in answers if answer.status_code == 413)
    assert list(refused.json) == ["overLimit"]
    assert "exceeded" in message(refused)
    shown = (await client("GET", "/os-quota-sets/p1?usage=true")).json["quota_set"]
    assert shown["volumes"] == {"limit": 3, "in_use": 3, "reserved": 0}
    assert shown["gigabytes_lab1"]["in_use"] == 3
    absolute = (await client("GET", "/limits")).json["limits"]["absolute"]
    assert (absolute["maxTotalVolumes"], absolute["totalVolumesUsed"], absolute["totalGigabytesUsed"]) == (3, 3, 3)
    assert (await client("GET", "/os-quota-sets/p2")).status_code == 403
    assert (await client("DELETE", "/os-quota-sets/p1", token="admin")).status_code == 200
    assert (await client("GET", "/os-quota-sets/p1")).json["quota_set"]["volumes"] == 10


async def test_gigabytes_and_sizes_have_quotas(client: Any) -> None:
    await client("PUT", "/os-quota-sets/p1", {"quota_set": {"gigabytes": 4, "per_volume_gigabytes": 3}}, token="admin")
    assert (await client("POST", "/volumes", {"volume": {"size": 4}})).status_code == 413
    id = (await client.volume(2))["id"]
    assert (await client.action(id, "os-extend", {"new_size": 4})).status_code == 413
    assert (await client("POST", "/volumes", {"volume": {"size": 3}})).status_code == 413
    assert (await client("PUT", "/os-quota-sets/p1", {"quota_set": {"none": 1}}, token="admin")).status_code == 400


async def test_types(client: Any) -> None:
    shown = (await client("GET", "/types")).json["volume_types"]
    assert {row["name"] for row in shown} == {"lab1", "lab2"}
    assert (await client("GET", "/types/default")).json["volume_type"]["name"] == "lab1"
    body = {
        "volume_type": {
            "name": "fast",
            "extra_specs": {"multiattach": "<is> True"},
            "os-volume-type-access:is_public": False,
        }
    }
    assert (await client("POST", "/types", body)).status_code == 403
    made = (await client("POST", "/types", body, token="admin")).json["volume_type"]
    assert set(made) == {"id", "name", "description", "is_public", "os-volume-type-access:is_public", "extra_specs"}
    assert (await client("POST", "/types", body, token="admin")).status_code == 409
    path = f"/types/{made['id']}"
    assert (await client("GET", path)).status_code == 404
    assert (
        await client("POST", f"{path}/action", {"addProjectAccess": {"project": "p1"}}, token="admin")
    ).status_code == 202
    assert (await client("GET", path)).json["volume_type"]["name"] == "fast"
    access = (await client("GET", f"{path}/os-volume-type-access", token="admin")).json["volume_type_access"]
    assert {row["project_id"] for row in access} == {"p0", "p1"}
    assert (await client("POST", f"{path}/extra_specs", {"extra_specs": {"k": "v"}}, token="admin")).json == {
        "extra_specs": {"k": "v"}
    }
    assert (await client("GET", f"{path}/extra_specs/k", token="admin")).json == {"k": "v"}
    assert (await client("DELETE", f"{path}/extra_specs/k", token="admin")).status_code == 202
    assert (await client.volume(volume_type="fast"))["multiattach"] is True
    assert (await client("DELETE", path, token="admin")).status_code == 400
    changed = await client("PUT", path, {"volume_type": {"name": "faster"}}, token="admin")
    assert changed.json["volume_type"]["name"] == "faster"
    for name in ("", "  "):
        assert (await client("PUT", path, {"volume_type": {"name": name}}, token="admin")).status_code == 400
    assert (await client("GET", path)).json["volume_type"]["name"] == "faster"


async def test_what_the_ledger_says_of_what_is_not_there(client: Any) -> None:
    made = await client.volume()
    answer = await client("POST", f"/volumes/{made['id']}/action", {"os-migrate_volume": {"host": "x"}}, token="admin")
    assert answer.status_code == 400
    kind = (await client("GET", "/types/default")).json["volume_type"]["id"]
    assert (await client("POST", f"/types/{kind}/encryption", {"encryption": {}}, token="admin")).status_code == 405


async def test_a_type_without_a_backend_gives_an_error(client: Any) -> None:
    body = {"volume_type": {"name": "odd", "extra_specs": {"volume_backend_name": "none"}}}
    assert (await client("POST", "/types", body, token="admin")).status_code == 200
    made = await client("POST", "/volumes", {"volume": {"size": 1, "volume_type": "odd"}})
    await client.wait(f"/volumes/{made.json['volume']['id']}", "error")
    assert (await client("DELETE", f"/volumes/{made.json['volume']['id']}")).status_code == 202
    await client.gone(f"/volumes/{made.json['volume']['id']}")


async def test_what_operators_see(client: Any) -> None:
    assert (await client("GET", "/os-services")).status_code == 403
    rows = (await client("GET", "/os-services", token="admin")).json["services"]
    assert [(row["binary"], row["host"], row["state"]) for row in rows] == [
        ("cinder-scheduler", "controller", "up"),
        ("cinder-volume", "controller@lab1", "up"),
        ("cinder-volume", "controller@lab2", "up"),
    ]
    body = {"binary": "cinder-volume", "host": "controller@lab2", "disabled_reason": "cables"}
    assert (await client("PUT", "/os-services/disable-log-reason", body, token="admin")).json["status"] == "disabled"
    rows = (await client("GET", "/os-services?host=controller@lab2", token="admin")).json["services"]
    assert [(row["status"], row["disabled_reason"]) for row in rows] == [("disabled", "cables")]
    pools = (await client("GET", "/scheduler-stats/get_pools?detail=true", token="admin")).json["pools"]
    assert pools[1]["name"] == "controller@lab2#lab2"
    assert pools[1]["capabilities"]["volume_backend_name"] == "lab2"
    assert (await client("GET", "/capabilities/controller@lab1", token="admin")).json["volume_backend_name"] == "lab1"
    assert (await client("GET", "/os-availability-zone")).json["availabilityZoneInfo"][0]["zoneName"] == "nova"
    assert len((await client("GET", "/extensions")).json["extensions"]) > 10
    assert len((await client("GET", "/os-hosts", token="admin")).json["hosts"]) == 3
    assert (await client("GET", "/os-hosts/controller@lab1", token="admin")).json["host"][0]["resource"][
        "project"
    ] == "(total)"


async def test_what_an_earlier_process_began_is_finished(client: Any, assemble: Any, database: Any, parts: Any) -> None:
    held = asyncio.Event()

    async def never(*_: object) -> None:
        held.set()
        await asyncio.Event().wait()

    parts.drivers["lab1"].create = never
    made = await client("POST", "/volumes", {"volume": {"size": 1}})
    await held.wait()
    await parts.volumes.work.stop()
    assert (await client("GET", f"/volumes/{made.json['volume']['id']}")).json["volume"]["status"] == "creating"
    await assemble()
    await client.wait(f"/volumes/{made.json['volume']['id']}", "available")


async def test_what_the_driver_refuses_shows_as_error(client: Any, parts: Any) -> None:
    async def broken(*_: object) -> None:
        raise OSError("no space")

    parts.drivers["lab1"].extend = broken
    id = (await client.volume(2))["id"]
    assert (await client.action(id, "os-extend", {"new_size": 5})).status_code == 202
    assert (await client.wait(f"/volumes/{id}", "error_extending"))["size"] == 2
