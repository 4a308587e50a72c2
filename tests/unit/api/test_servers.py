"""Servers: what a create request does and refuses, what lists and views show, what actions ask of hosts."""

import base64
from typing import Any

import pytest
from tests.unit.api.conftest import IMAGE, KEY, NETWORK, Lab, image, network

from tinstack.core.trace import TraceEvents
from tinstack.scheduler.rpc import SelectHost


async def create(lab: Lab, *, version: str = "2.1", token: str = "alice", **more: Any) -> Any:
    wanted = {"name": "web", "imageRef": IMAGE, "flavorRef": "1", **more}
    return await lab("POST", "/servers", {"server": wanted}, token=token, version=version)


async def test_a_created_server_is_on_record_before_the_answer_and_the_scheduler_is_asked(lab: Lab) -> None:
    made = await create(lab)
    assert made.status_code == 202
    server = made.json["server"]
    assert set(server) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert made.headers["location"].endswith(f"/v2.1/servers/{server['id']}")
    row = await lab.row(server["id"])
    assert (row.vm_state, row.task_state, row.audit_id) == ("building", "scheduling", "audit-alice")
    assert [port.network_id for port in row.ports] == [NETWORK]
    assert (await lab.told(SelectHost)).server_id == server["id"]


async def test_the_boot_survives_a_scheduler_that_can_not_be_asked(lab: Lab) -> None:
    lab.scheduler_works = False
    id = await lab.boot()
    await lab.told(SelectHost)
    assert (await lab.row(id)).vm_state == "building"


async def test_the_trace_has_steps_three_to_eight(lab: Lab) -> None:
    id = await lab.boot()
    await lab.told(SelectHost)
    await lab.compute.background.stop()
    await lab.compute.tracer.flush()
    batch = await lab.told(TraceEvents)
    assert [event.step for event in batch.events if event.server_id == id] == [3, 4, 5, 6, 7, 8]
    assert {event.step: event.outcome for event in batch.events}[4] == "cached"


@pytest.mark.parametrize(
    "more, status, words",
    [
        ({"flavorRef": "nope"}, 400, "Flavor nope could not be found"),
        ({"imageRef": "99999999-9999-4999-8999-999999999999"}, 400, "Image"),
        ({"imageRef": ""}, 400, "Invalid imageRef"),
        ({"key_name": "nope"}, 400, "Invalid key_name"),
        ({"name": ""}, 400, "name"),
        ({"name": "x" * 256}, 400, "name"),
        ({"min_count": 3, "max_count": 2}, 400, "min_count must be <= max_count"),
        ({"max_count": 11, "min_count": 11}, 403, "Quota exceeded for instances"),
        ({"user_data": "?"}, 400, "user_data"),
        ({"networks": [{"uuid": "99999999-9999-4999-8999-999999999999"}]}, 400, "Network"),
        ({"security_groups": [{"name": "nope"}]}, 400, "security_group"),
        ({"availability_zone": "mars"}, 400, "availability zone"),
        ({"availability_zone": "nova:compute1"}, 403, "forced_host"),
        ({"metadata": {"k": "v" * 256}}, 400, "k"),
        ({"what": 1}, 400, "what"),
    ],
)
async def test_a_bad_request_is_refused_and_nothing_is_made(lab: Lab, more: Any, status: int, words: str) -> None:
    made = await create(lab, **more)
    assert made.status_code == status, made.text
    assert words in made.json[{400: "badRequest", 403: "forbidden"}[status]]["message"]
    assert (await lab("GET", "/servers")).json == {"servers": []}


async def test_an_image_that_does_not_fit_or_belongs_to_others_is_refused(lab: Lab) -> None:
    bodies = lab.session.bodies
    for body, words in (
        (image(IMAGE, size=2 << 30), "disk is too small"),
        (image(IMAGE, min_ram=4096), "memory is too small"),
        (image(IMAGE, min_disk=5), "minimum size"),
        (image(IMAGE, status="queued"), "not active"),
        (image(IMAGE, visibility="private"), "could not be found"),
    ):
        bodies[f"image/v2/images/{IMAGE}"] = body
        made = await create(lab)
        assert made.status_code == 400
        assert words in made.json["badRequest"]["message"]


async def test_several_networks_and_none_named_is_a_conflict(lab: Lab) -> None:
    other = "33333333-3333-4333-8333-333333333333"
    lab.session.bodies["network/v2.0/networks"] = {"networks": [network(NETWORK), network(other)]}
    assert (await create(lab)).status_code == 409
    assert (await create(lab, version="2.37", networks="none")).status_code == 202
    assert (await create(lab, networks=[{"uuid": other}])).status_code == 400


async def test_networks_must_be_named_from_2_37_on(lab: Lab) -> None:
    assert (await create(lab, version="2.37")).status_code == 400
    assert (await create(lab, version="2.37", networks="auto")).status_code == 202


async def test_a_port_of_the_users_is_used_once(lab: Lab) -> None:
    port = "44444444-4444-4444-8444-444444444444"
    body = {"id": port, "network_id": NETWORK, "device_id": "", "fixed_ips": [{"ip_address": "10.1.1.5"}]}
    lab.session.bodies[f"network/v2.0/ports/{port}"] = {"port": body}
    id = (await create(lab, networks=[{"port": port}])).json["server"]["id"]
    ports = (await lab.row(id)).ports
    assert [(one.id, one.ours, one.fixed_ip) for one in ports] == [(port, False, "10.1.1.5")]
    body["device_id"] = "another"
    assert (await create(lab, networks=[{"port": port}])).status_code == 409
    assert (await create(lab, networks=[{"port": port}], min_count=2)).status_code == 400


async def test_several_servers_of_one_request_share_a_reservation(lab: Lab) -> None:
    made = await create(lab, min_count=2, return_reservation_id=True)
    assert made.status_code == 202
    assert set(made.json) == {"reservation_id"}
    names = {server["name"] for server in (await lab("GET", "/servers")).json["servers"]}
    assert names == {"web-1", "web-2"}


async def test_as_many_servers_as_the_quota_allows_are_made(lab: Lab) -> None:
    made = await create(lab, min_count=1, max_count=20)
    assert made.status_code == 202
    assert len((await lab("GET", "/servers")).json["servers"]) == 10


async def test_the_password_is_kept_only_for_a_config_drive(lab: Lab) -> None:
    plain = await lab.boot(adminPass="secret")
    drive = await lab.boot(adminPass="secret", config_drive=True)
    assert (await lab.row(plain)).admin_password is None
    assert (await lab.row(drive)).admin_password == "secret"


async def test_a_key_and_user_data_are_kept_with_the_server(lab: Lab) -> None:
    await lab("POST", "/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}})
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    row = await lab.row(await lab.boot(key_name="mine", user_data=data, metadata={"a": "b"}))
    assert (row.key_name, row.public_key, row.user_data, row.metadata) == ("mine", KEY, data, {"a": "b"})


async def test_other_projects_servers_are_not_there(lab: Lab) -> None:
    id = await lab.up()
    for method, path, body in (
        ("GET", f"/servers/{id}", None),
        ("DELETE", f"/servers/{id}", None),
        ("GET", f"/servers/{id}/metadata", None),
        ("POST", f"/servers/{id}/action", {"os-stop": None}),
        ("GET", f"/servers/{id}/tinstack-trace", None),
    ):
        assert (await lab(method, path, body, token="bob")).status_code == 404
    assert (await lab("GET", "/servers", token="bob")).json == {"servers": []}
    assert (await lab("GET", f"/servers/{id}", token="admin")).status_code == 200


async def test_a_reader_reads_and_changes_nothing(lab: Lab) -> None:
    id = await lab.up()
    assert (await lab("GET", f"/servers/{id}", token="reader")).status_code == 200
    for method, path, body in (
        ("DELETE", f"/servers/{id}", None),
        ("POST", f"/servers/{id}/action", {"os-stop": None}),
        ("PUT", f"/servers/{id}", {"server": {"name": "x"}}),
        ("POST", "/servers", {"server": {"name": "web", "imageRef": IMAGE, "flavorRef": "1"}}),
    ):
        assert (await lab(method, path, body, token="reader")).status_code == 403


BASE = {
    "id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor", "created", "updated", "addresses",
    "accessIPv4", "accessIPv6", "links", "OS-DCF:diskConfig", "progress", "OS-EXT-AZ:availability_zone", "config_drive",
    "key_name", "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at", "security_groups", "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state", "OS-EXT-STS:power_state", "os-extended-volumes:volumes_attached",
}  # fmt: skip
LATER = {
    "2.9": {"locked"},
    "2.19": {"description"},
    "2.26": {"tags"},
    "2.63": {"trusted_image_certificates"},
    "2.71": {"server_groups"},
    "2.73": {"locked_reason"},
    "2.90": {"OS-EXT-SRV-ATTR:hostname"},
    "2.96": {"pinned_availability_zone"},
}


async def test_a_server_shows_exactly_the_keys_of_each_microversion(lab: Lab) -> None:
    id = await lab.up()
    keys = set(BASE)
    assert set((await lab("GET", f"/servers/{id}")).json["server"]) == keys
    for version, more in LATER.items():
        keys |= more
        shown = await lab("GET", f"/servers/{id}", version=version)
        assert set(shown.json["server"]) == keys, version
        detail = await lab("GET", "/servers/detail", version=version)
        assert set(detail.json["servers"][0]) == keys - {"server_groups"}, version


async def test_admin_sees_hosts_too(lab: Lab) -> None:
    id = await lab.up()
    shown = (await lab("GET", f"/servers/{id}", token="admin", version="2.16")).json["server"]
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute1"
    assert shown["OS-EXT-SRV-ATTR:instance_name"] == "instance-00000001"
    assert shown["host_status"] == "UP"


async def test_the_flavor_is_embedded_from_2_47_on(lab: Lab) -> None:
    id = await lab.up()
    old = (await lab("GET", f"/servers/{id}", version="2.46")).json["server"]["flavor"]
    new = (await lab("GET", f"/servers/{id}", version="2.47")).json["server"]["flavor"]
    assert set(old) == {"id", "links"}
    assert new["original_name"] == "m1.tiny"
    assert set(new) == {"original_name", "vcpus", "ram", "disk", "ephemeral", "swap", "extra_specs"}


@pytest.mark.parametrize(
    "query, names",
    [
        ("", {"web", "db-1", "db-2"}),
        ("name=db", {"db-1", "db-2"}),
        ("name=^db-1$", {"db-1"}),
        ("status=ACTIVE", {"web"}),
        ("status=BUILD", {"db-1", "db-2"}),
        ("status=NONSENSE", set()),
        (f"image={IMAGE}", {"web", "db-1", "db-2"}),
        ("image=nope", set()),
        ("flavor=2", {"db-2"}),
        ("ip=10.1.1", {"web"}),
        ("changes-since=2020-01-01T00:00:00Z", {"web", "db-1", "db-2"}),
        ("changes-since=2099-01-01T00:00:00Z", set()),
        ("host=elsewhere", {"web", "db-1", "db-2"}),
        ("limit=0", set()),
    ],
)
async def test_lists_are_filtered(lab: Lab, query: str, names: set[str]) -> None:
    from tinstack.computedb.rows import Address, Interface

    web = await lab.up("web")
    cache = [
        Interface(
            port_id="p", network_id=NETWORK, network_name="n", mac="m", addresses=[Address(ip="10.1.1.9", version=4)]
        )
    ]
    await lab.set(web, network_info=cache)
    await lab.boot("db-1")
    await lab.boot("db-2", flavorRef="2")
    for path in ("/servers", "/servers/detail"):
        found = await lab("GET", f"{path}?{query}")
        assert {server["name"] for server in found.json["servers"]} == names


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "marker=nope", "changes-since=x", "name=%5B", "sort_key=nope", "all_tenants=maybe"]
)
async def test_nonsense_in_a_list_query_is_refused(lab: Lab, query: str) -> None:
    assert (await lab("GET", f"/servers/detail?{query}")).status_code == 400


async def test_pages_follow_each_other(lab: Lab) -> None:
    for number in range(5):
        await lab.boot(f"s{number}")
    seen: list[str] = []
    path = "/v2.1/servers/detail?limit=2&sort_key=display_name&sort_dir=asc"
    while path:
        page = (await lab("GET", path)).json
        seen += [server["name"] for server in page["servers"]]
        links = page.get("servers_links", [])
        path = links[0]["href"].partition("falconframework.org")[2] if links else ""
    assert seen == ["s0", "s1", "s2", "s3", "s4"]


async def test_only_admin_lists_all_projects(lab: Lab) -> None:
    await lab.boot()
    assert (await lab("GET", "/servers?all_tenants=1")).status_code == 403
    assert len((await lab("GET", "/servers?all_tenants=1", token="admin")).json["servers"]) == 1
    assert (await lab("GET", "/servers", token="admin")).json["servers"] == []
    assert (await lab("GET", "/servers?all_tenants=1&project_id=p2", token="admin")).json["servers"] == []


async def test_a_server_is_renamed_and_described(lab: Lab) -> None:
    id = await lab.up()
    body = {"server": {"name": "neu", "accessIPv4": "1.2.3.4", "description": None}}
    changed = await lab("PUT", f"/servers/{id}", body, version="2.19")
    assert changed.status_code == 200
    assert "OS-EXT-STS:vm_state" not in changed.json["server"]
    shown = (await lab("GET", f"/servers/{id}", version="2.19")).json["server"]
    assert (shown["name"], shown["accessIPv4"], shown["description"]) == ("neu", "1.2.3.4", None)


async def test_metadata_is_merged_replaced_and_removed(lab: Lab) -> None:
    id = await lab.up(metadata={"a": "1"})
    path = f"/servers/{id}/metadata"
    assert (await lab("POST", path, {"metadata": {"b": "2"}})).json == {"metadata": {"a": "1", "b": "2"}}
    assert (await lab("PUT", path, {"metadata": {"c": "3"}})).json == {"metadata": {"c": "3"}}
    assert (await lab("PUT", f"{path}/d", {"meta": {"d": "4"}})).json == {"meta": {"d": "4"}}
    assert (await lab("PUT", f"{path}/d", {"meta": {"e": "4"}})).status_code == 400
    assert (await lab("GET", f"{path}/d")).json == {"meta": {"d": "4"}}
    gone = await lab("DELETE", f"{path}/d")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await lab("GET", f"{path}/d")).status_code == 404


async def test_tags_are_there_from_2_26_on(lab: Lab) -> None:
    id = await lab.up()
    path = f"/servers/{id}/tags"
    assert (await lab("GET", path, version="2.25")).status_code == 404
    assert (await lab("PUT", f"{path}/blue", version="2.26")).status_code == 201
    assert (await lab("PUT", f"{path}/blue", version="2.26")).status_code == 204
    assert (await lab("GET", f"{path}/blue", version="2.26")).status_code == 204
    assert (await lab("PUT", path, {"tags": ["x", "y"]}, version="2.26")).json == {"tags": ["x", "y"]}
    assert (await lab("PUT", path, {"tags": ["a,b"]}, version="2.26")).status_code == 400
    assert (await lab("GET", "/servers?tags=x,y", version="2.26")).json["servers"][0]["id"] == id
    assert (await lab("GET", "/servers?not-tags=x", version="2.26")).json["servers"] == []
    assert (await lab("DELETE", f"{path}/x", version="2.26")).status_code == 204
    assert (await lab("DELETE", f"{path}/x", version="2.26")).status_code == 404
    assert (await lab("DELETE", path, version="2.26")).status_code == 204


async def test_what_cannot_be_promised_is_refused(lab: Lab) -> None:
    files = [{"path": "/etc/motd", "contents": "aGk="}]
    assert (await create(lab, personality=files)).status_code == 501
    assert (await create(lab, version="2.63", networks="auto", trusted_image_certificates=["x"])).status_code == 400


async def test_unknown_filters_are_refused_from_2_75_on(lab: Lab) -> None:
    assert (await lab("GET", "/servers?what=1", version="2.74")).status_code == 200
    assert (await lab("GET", "/servers?what=1", version="2.75")).status_code == 400
