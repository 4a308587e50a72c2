"""Flavors, key pairs, aggregates, groups, quotas, services, hypervisors: bodies and codes by microversion."""

from typing import Any

import pytest
from tests.unit.api.conftest import IMAGE, KEY, Lab

from tinstack.compute.rpc import ServerEvent
from tinstack.conductor.rpc import NetworkChanged

FLAVOR = {
    "id", "name", "ram", "disk", "vcpus", "swap", "links", "rxtx_factor", "OS-FLV-EXT-DATA:ephemeral",
    "OS-FLV-DISABLED:disabled", "os-flavor-access:is_public",
}  # fmt: skip


async def test_versions_list_v2_0_first_and_every_self_link_leads_to_itself(lab: Lab) -> None:
    found = (await lab("GET", "/", token=None)).json["versions"]
    assert [one["id"] for one in found] == ["v2.0", "v2.1"]
    assert (found[1]["min_version"], found[1]["version"]) == ("2.1", "2.96")
    for one in found:
        link = one["links"][0]["href"]
        document = await lab("GET", link.partition("falconframework.org")[2], token=None)
        assert document.json["version"]["links"][0]["href"] == link


async def test_microversions_are_echoed_and_bounded(lab: Lab) -> None:
    found = await lab("GET", "/servers", version="2.47")
    assert found.headers["openstack-api-version"] == "compute 2.47"
    assert found.headers["x-openstack-nova-api-version"] == "2.47"
    assert (await lab("GET", "/servers", version="latest")).headers["x-openstack-nova-api-version"] == "2.96"
    old = await lab("GET", "/servers", headers={"X-OpenStack-Nova-API-Version": "2.30"})
    assert old.headers["openstack-api-version"] == "compute 2.30"
    refused = await lab("GET", "/servers", version="2.97")
    assert refused.status_code == 406
    assert refused.json["computeFault"]["code"] == 406


async def test_v2_is_2_1_whatever_is_asked_for(lab: Lab) -> None:
    id = await lab.up()
    shown = await lab("GET", f"/v2/servers/{id}", version="2.96")
    assert "description" not in shown.json["server"]
    assert (await lab("GET", f"/v2/servers/{id}/tags")).status_code == 404


async def test_every_route_wants_a_token(lab: Lab) -> None:
    from tinstack.api.routes import ROUTES

    for route in ROUTES:
        version = str(route.first) if route.first else "2.1"
        path = route.path.replace("{", "").replace("}", "")
        refused = await lab(route.method, path, {}, token=None, version=version)
        assert refused.status_code == 401, f"{route.method} {route.path}"
        assert refused.json["error"]["code"] == 401
        assert (await lab(route.method, path, {}, token="nobody", version=version)).status_code == 401


async def test_every_policy_of_the_routes_has_a_default() -> None:
    from tinstack.api.policies import DEFAULTS
    from tinstack.api.routes import ROUTES

    assert {route.policy for route in ROUTES if route.policy} <= set(DEFAULTS)


async def test_flavors_show_the_keys_of_their_band(lab: Lab) -> None:
    keys = set(FLAVOR)
    assert set((await lab("GET", "/flavors/1")).json["flavor"]) == keys
    for version, more in (("2.55", "description"), ("2.61", "extra_specs")):
        keys |= {more}
        assert set((await lab("GET", "/flavors/1", version=version)).json["flavor"]) == keys
    assert (await lab("GET", "/flavors/1")).json["flavor"]["swap"] == ""
    assert (await lab("GET", "/flavors/1", version="2.75")).json["flavor"]["swap"] == 0
    assert set((await lab("GET", "/flavors")).json["flavors"][0]) == {"id", "name", "links"}
    assert (await lab("GET", "/flavors/nope")).status_code == 404


async def test_flavors_are_made_by_admin_alone(lab: Lab) -> None:
    body: Any = {"flavor": {"name": "big", "ram": 1024, "vcpus": 2, "disk": 3, "id": "big"}}
    assert (await lab("POST", "/flavors", body)).status_code == 403
    assert (await lab("POST", "/flavors", body, token="admin")).status_code == 200
    assert (await lab("POST", "/flavors", body, token="admin")).status_code == 409
    for key, value in (("ram", 0), ("ram", "x"), ("name", " "), ("vcpus", -1), ("id", "ü")):
        wrong = {"flavor": {**body["flavor"], key: value}}
        assert (await lab("POST", "/flavors", wrong, token="admin")).status_code == 400
    assert (await lab("DELETE", "/flavors/big", token="admin")).status_code == 202
    assert (await lab("DELETE", "/flavors/big", token="admin")).status_code == 404


async def test_a_private_flavor_is_for_the_projects_that_were_given_it(lab: Lab) -> None:
    private = {"name": "p", "id": "p", "ram": 1, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
    await lab("POST", "/flavors", {"flavor": private}, token="admin")
    assert (await lab("GET", "/flavors/p")).status_code == 404
    added = await lab("POST", "/flavors/p/action", {"addTenantAccess": {"tenant": "p1"}}, token="admin")
    assert added.json == {"flavor_access": [{"flavor_id": "p", "tenant_id": "p1"}]}
    assert (
        await lab("POST", "/flavors/p/action", {"addTenantAccess": {"tenant": "p1"}}, token="admin")
    ).status_code == 409
    assert (await lab("GET", "/flavors/p")).status_code == 200
    assert {one["id"] for one in (await lab("GET", "/flavors")).json["flavors"]} == {"1", "2", "p"}
    assert {one["id"] for one in (await lab("GET", "/flavors?is_public=None", token="admin")).json["flavors"]} == {
        "1",
        "2",
        "p",
    }
    await lab("POST", "/flavors/p/action", {"removeTenantAccess": {"tenant": "p1"}}, token="admin")
    assert (await lab("GET", "/flavors/p")).status_code == 404
    assert (await lab("GET", "/flavors/1/os-flavor-access", token="admin")).status_code == 404


async def test_extra_specs_are_set_one_by_one(lab: Lab) -> None:
    path = "/flavors/1/os-extra_specs"
    assert (await lab("POST", path, {"extra_specs": {"hw:a": "1", "b": "2"}}, token="admin")).status_code == 200
    assert (await lab("PUT", f"{path}/b", {"b": "3"}, token="admin")).json == {"b": "3"}
    assert (await lab("PUT", f"{path}/b", {"c": "3"}, token="admin")).status_code == 400
    assert (await lab("GET", path)).json == {"extra_specs": {"hw:a": "1", "b": "3"}}
    assert (await lab("DELETE", f"{path}/b", token="admin")).status_code == 200
    assert (await lab("GET", f"{path}/b")).status_code == 404


async def test_flavor_lists_are_filtered_sorted_and_paged(lab: Lab) -> None:
    assert [one["id"] for one in (await lab("GET", "/flavors?minRam=100")).json["flavors"]] == ["2"]
    assert [one["id"] for one in (await lab("GET", "/flavors?sort_dir=desc")).json["flavors"]] == ["2", "1"]
    page = (await lab("GET", "/flavors?limit=1")).json
    assert page["flavors_links"][0]["rel"] == "next"
    assert [one["id"] for one in (await lab("GET", "/flavors?limit=1&marker=1")).json["flavors"]] == ["2"]
    for query in ("minRam=x", "limit=-1", "marker=nope", "sort_key=nope"):
        assert (await lab("GET", f"/flavors?{query}")).status_code == 400


async def test_key_pairs_are_imported_or_made(lab: Lab) -> None:
    made = await lab("POST", "/os-keypairs", {"keypair": {"name": "made"}})
    assert made.status_code == 200
    assert made.json["keypair"]["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    brought = await lab("POST", "/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}}, version="2.2")
    assert brought.status_code == 201
    assert set(brought.json["keypair"]) == {"name", "type", "public_key", "fingerprint", "user_id"}
    assert (await lab("POST", "/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}})).status_code == 409
    assert (await lab("POST", "/os-keypairs", {"keypair": {"name": "none"}}, version="2.92")).status_code == 400
    for wrong in (
        {"name": "b", "public_key": "nonsense"},
        {"name": "a/b"},
        {"name": ""},
        {"name": "x", "public_key": ""},
    ):
        assert (await lab("POST", "/os-keypairs", {"keypair": wrong})).status_code == 400
    listed = (await lab("GET", "/os-keypairs", version="2.35")).json["keypairs"]
    assert [one["keypair"]["name"] for one in listed] == ["made", "mine"]
    page = (await lab("GET", "/os-keypairs?limit=1", version="2.35")).json
    assert "marker=made" in page["keypairs_links"][0]["href"]
    shown = (await lab("GET", "/os-keypairs/mine")).json["keypair"]
    assert shown["fingerprint"].count(":") == 15
    assert (await lab("GET", "/os-keypairs/mine", token="bob")).status_code == 404
    assert (await lab("DELETE", "/os-keypairs/mine")).status_code == 202
    assert (await lab("DELETE", "/os-keypairs/made", version="2.2")).status_code == 204


async def test_an_x509_pair_is_made(lab: Lab) -> None:
    body = {"keypair": {"name": "win", "type": "x509"}}
    made = (await lab("POST", "/os-keypairs", body, version="2.2")).json["keypair"]
    assert "BEGIN CERTIFICATE" in made["public_key"]
    assert "PRIVATE KEY" in made["private_key"]
    again = {"keypair": {"name": "win2", "type": "x509", "public_key": made["public_key"]}}
    assert (await lab("POST", "/os-keypairs", again, version="2.2")).json["keypair"]["fingerprint"] == made[
        "fingerprint"
    ]


async def test_only_admin_names_another_user_of_key_pairs(lab: Lab) -> None:
    body = {"keypair": {"name": "k", "public_key": KEY, "user_id": "bob"}}
    assert (await lab("POST", "/os-keypairs", body, version="2.10")).status_code == 403
    assert (await lab("POST", "/os-keypairs", body, version="2.10", token="admin")).status_code == 201
    assert (await lab("GET", "/os-keypairs/k?user_id=bob", version="2.10", token="admin")).status_code == 200
    assert len((await lab("GET", "/os-keypairs", token="bob")).json["keypairs"]) == 1


async def test_quota_sets_by_band_and_what_they_allow(lab: Lab) -> None:
    band = {"2.1": 14, "2.36": 10, "2.57": 7}
    for version, count in band.items():
        shown = (await lab("GET", "/os-quota-sets/p1", version=version)).json["quota_set"]
        assert len(shown) == count + 1
    await lab.boot()
    path, change = "/os-quota-sets/p1", {"quota_set": {"instances": 1, "cores": -1}}
    assert (await lab("PUT", path, change)).status_code == 403
    changed = await lab("PUT", path, change, token="admin")
    assert (changed.json["quota_set"]["instances"], changed.json["quota_set"]["cores"]) == (1, -1)
    refused = await lab("POST", "/servers", {"server": {"name": "x", "imageRef": IMAGE, "flavorRef": "1"}})
    assert refused.json["forbidden"]["message"] == (
        "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances"
    )
    detail = (await lab("GET", f"{path}/detail")).json["quota_set"]
    assert detail["instances"] == {"in_use": 1, "limit": 1, "reserved": 0}
    assert (await lab("PUT", path, {"quota_set": {"instances": 0}}, token="admin")).status_code == 400
    forced = {"quota_set": {"instances": 0, "force": True}}
    assert (await lab("PUT", path, forced, token="admin")).status_code == 200
    assert (await lab("PUT", path, {"quota_set": {"instances": -2}}, token="admin")).status_code == 400
    assert (await lab("GET", path, token="bob")).status_code == 403
    assert (await lab("DELETE", path, token="admin")).status_code == 202
    assert (await lab("GET", f"{path}/defaults")).json["quota_set"]["instances"] == 10


async def test_the_default_class_moves_the_defaults(lab: Lab) -> None:
    body = {"quota_class_set": {"instances": 3}}
    assert (await lab("PUT", "/os-quota-class-sets/default", body, token="admin")).status_code == 200
    assert (await lab("GET", "/os-quota-sets/p9", token="admin")).json["quota_set"]["instances"] == 3
    assert (await lab("GET", "/os-quota-class-sets/default")).status_code == 403


async def test_limits_by_band(lab: Lab) -> None:
    await lab.boot()
    for version, count in (("2.1", 19), ("2.36", 14), ("2.39", 13), ("2.57", 11)):
        shown = (await lab("GET", "/limits", version=version)).json["limits"]["absolute"]
        assert len(shown) == count, version
        assert (shown["totalInstancesUsed"], shown["totalRAMUsed"]) == (1, 64)
    assert (await lab("GET", "/limits?tenant_id=p2")).status_code == 403


async def test_server_groups_by_band(lab: Lab) -> None:
    old = {"server_group": {"name": "g", "policies": ["affinity"]}}
    made = (await lab("POST", "/os-server-groups", old)).json["server_group"]
    assert set(made) == {"id", "name", "policies", "members", "metadata"}
    new = {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}}
    made = (await lab("POST", "/os-server-groups", new, version="2.64")).json["server_group"]
    assert set(made) == {"id", "name", "policy", "rules", "members", "project_id", "user_id"}
    path = f"/os-server-groups/{made['id']}"
    hint = {"server": {"name": "x", "imageRef": IMAGE, "flavorRef": "1"}, "os:scheduler_hints": {"group": made["id"]}}
    id = (await lab("POST", "/servers", hint)).json["server"]["id"]
    assert (await lab("GET", path)).json["server_group"]["members"] == [id]
    assert (await lab("GET", f"/servers/{id}", version="2.71")).json["server"]["server_groups"] == [made["id"]]
    assert (await lab("GET", path, token="bob")).status_code == 404
    assert (
        await lab("POST", "/os-server-groups", {"server_group": {"name": "g", "policies": ["x"]}})
    ).status_code == 400
    assert (await lab("POST", "/os-server-groups", old, version="2.64")).status_code == 400
    assert (await lab("DELETE", path)).status_code == 204
    assert len((await lab("GET", "/os-server-groups")).json["server_groups"]) == 1


async def test_aggregates_make_zones(lab: Lab) -> None:
    def admin(method: str, path: str, body: Any = None) -> Any:
        return lab(method, path, body, token="admin")

    made = await admin("POST", "/os-aggregates", {"aggregate": {"name": "fast", "availability_zone": "z1"}})
    assert made.status_code == 200
    assert "hosts" not in made.json["aggregate"]
    id = made.json["aggregate"]["id"]
    assert (await admin("POST", "/os-aggregates", {"aggregate": {"name": "fast"}})).status_code == 409
    path = f"/os-aggregates/{id}"
    added = await admin("POST", f"{path}/action", {"add_host": {"host": "compute1"}})
    assert added.json["aggregate"]["hosts"] == ["compute1"]
    assert (await admin("POST", f"{path}/action", {"add_host": {"host": "nowhere"}})).status_code == 404
    assert (await admin("POST", f"{path}/action", {"add_host": {"host": "compute1"}})).status_code == 409
    zones = (await lab("GET", "/os-availability-zone")).json["availabilityZoneInfo"]
    assert [zone["zoneName"] for zone in zones] == ["nova", "z1"]
    meta = await admin("POST", f"{path}/action", {"set_metadata": {"metadata": {"ssd": "yes", "x": None}}})
    assert meta.json["aggregate"]["metadata"] == {"availability_zone": "z1", "ssd": "yes"}
    assert (await admin("DELETE", path)).status_code == 400
    assert (await admin("POST", f"{path}/action", {"remove_host": {"host": "compute1"}})).status_code == 200
    assert (await admin("PUT", path, {"aggregate": {"name": "slow"}})).json["aggregate"]["name"] == "slow"
    gone = await admin("DELETE", path)
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await admin("GET", path)).status_code == 404
    assert (await lab("GET", "/os-aggregates")).status_code == 403


async def test_services_are_listed_and_switched_in_both_bands(lab: Lab) -> None:
    old = (await lab("GET", "/os-services?binary=nova-compute", token="admin")).json["services"]
    assert [one["host"] for one in old] == ["compute1", "compute2"]
    assert (old[0]["state"], old[0]["status"], old[0]["zone"]) == ("up", "enabled", "nova")
    body = {"host": "compute1", "binary": "nova-compute", "disabled_reason": "paint"}
    done = await lab("PUT", "/os-services/disable-log-reason", body, token="admin")
    assert done.json["service"] == {**body, "status": "disabled"}
    new = (await lab("GET", "/os-services?host=compute1", token="admin", version="2.53")).json["services"][0]
    assert (new["disabled_reason"], len(new["id"])) == ("paint", 36)
    path = f"/os-services/{new['id']}"
    done = await lab("PUT", path, {"status": "enabled", "forced_down": True}, token="admin", version="2.53")
    assert (done.json["service"]["status"], done.json["service"]["state"]) == ("enabled", "down")
    assert (await lab("PUT", "/os-services/enable", body, token="admin", version="2.53")).status_code == 404
    assert (await lab("PUT", path, {}, token="admin", version="2.53")).status_code == 400
    assert (await lab("DELETE", path, token="admin", version="2.53")).status_code == 204
    assert (await lab("GET", "/os-services")).status_code == 403


async def test_a_service_with_servers_is_not_deleted(lab: Lab) -> None:
    await lab.up()
    id = (await lab("GET", "/os-services?host=compute1", token="admin")).json["services"][0]["id"]
    assert (await lab("DELETE", f"/os-services/{id}", token="admin")).status_code == 409


async def test_hypervisors_in_their_bands(lab: Lab) -> None:
    server = await lab.up()
    one = (await lab("GET", "/os-hypervisors/detail", token="admin")).json["hypervisors"][0]
    assert (one["vcpus_used"], one["memory_mb_used"], one["running_vms"]) == (1, 64, 1)
    assert isinstance(one["cpu_info"], str)
    two = (await lab("GET", "/os-hypervisors/detail", token="admin", version="2.28")).json["hypervisors"][0]
    assert two["cpu_info"] == {"arch": "x86_64"}
    page = (await lab("GET", "/os-hypervisors?limit=1", token="admin", version="2.33")).json
    assert len(page["hypervisors"]) == 1
    assert page["hypervisors_links"][0]["rel"] == "next"
    new = (await lab("GET", "/os-hypervisors?with_servers=true", token="admin", version="2.53")).json["hypervisors"]
    assert [row.get("servers") for row in new] == [[{"name": "web", "uuid": server}], None]
    last = (await lab("GET", f"/os-hypervisors/{new[0]['id']}", token="admin", version="2.88")).json["hypervisor"]
    assert "vcpus" not in last
    assert last["uptime"] is None
    assert (await lab("GET", "/os-hypervisors/statistics", token="admin")).json["hypervisor_statistics"]["count"] == 2
    assert (await lab("GET", "/os-hypervisors/statistics", token="admin", version="2.88")).status_code == 404
    found = (await lab("GET", "/os-hypervisors/compute1/servers", token="admin")).json["hypervisors"]
    assert found[0]["servers"] == [{"name": "web", "uuid": server}]
    assert (await lab("GET", "/os-hypervisors/nope/search", token="admin")).status_code == 404
    assert (await lab("GET", "/os-hypervisors/99", token="admin")).status_code == 404
    assert (await lab("GET", "/os-hypervisors/99", token="admin", version="2.53")).status_code == 400


async def test_usage_counts_the_time_that_servers_ran(lab: Lab) -> None:
    from tinstack.core.clock import SECOND, now_us

    id = await lab.up()
    await lab.set(id, launched_at=now_us() - 3600 * SECOND)
    usage = (await lab("GET", "/os-simple-tenant-usage/p1")).json["tenant_usage"]
    assert usage["total_hours"] == pytest.approx(1, abs=0.01)
    assert usage["server_usages"][0]["instance_id"] == id
    assert (await lab("GET", "/os-simple-tenant-usage/p1", token="bob")).status_code == 403
    everything = (await lab("GET", "/os-simple-tenant-usage?detailed=1", token="admin")).json["tenant_usages"]
    assert [one["tenant_id"] for one in everything] == ["p1"]
    assert (await lab("GET", "/os-simple-tenant-usage?start=x", token="admin")).status_code == 400


async def test_external_events_reach_the_host_and_the_conductor(lab: Lab) -> None:
    id, nowhere = await lab.up(), "99999999-9999-4999-8999-999999999999"
    plugged = {"name": "network-vif-plugged", "server_uuid": id, "tag": "port"}
    changed = {"name": "network-changed", "server_uuid": id}
    body: Any = {"events": [plugged, changed]}
    assert (await lab("POST", "/os-server-external-events", body)).status_code == 403
    told = await lab("POST", "/os-server-external-events", body, token="service")
    assert told.status_code == 200
    assert told.json["events"] == [{**one, "status": "completed", "code": 200} for one in (plugged, changed)]
    assert (await lab.told(ServerEvent)).tag == "port"
    assert (await lab.told(NetworkChanged)).server_id == id
    missing = {"name": "network-changed", "server_uuid": nowhere}
    mixed = await lab("POST", "/os-server-external-events", {"events": [plugged, missing]}, token="service")
    assert mixed.status_code == 207
    assert [event["code"] for event in mixed.json["events"]] == [200, 404]
    none = await lab("POST", "/os-server-external-events", {"events": [missing]}, token="service")
    assert none.status_code == 404


async def test_instance_actions_show_the_steps_as_events(lab: Lab) -> None:
    from tinstack.computedb import actions
    from tinstack.core.trace import TraceEvent

    id = await lab.boot()
    found = (await lab("GET", f"/servers/{id}/os-instance-actions")).json["instanceActions"]
    assert [one["action"] for one in found] == ["create"]
    request = found[0]["request_id"]

    def event(step: int, **more: Any) -> TraceEvent:
        common = {"service": "compute", "host": "compute1", "start": step * 1000, "duration": 500, "outcome": "ok"}
        return TraceEvent(**{"step": step, "request_id": request, **common, **more})

    async def work(tx: Any) -> None:
        failed = event(28, server_id=id, outcome="failed", message="no room")
        await actions.add_events(tx, [event(1, audit_id="audit-alice", service="identity", request_id="x"), failed])

    await lab.compute.db.transact(work)
    path = f"/servers/{id}/os-instance-actions/{request}"
    assert "events" not in (await lab("GET", path)).json["instanceAction"]
    events = (await lab("GET", path, version="2.62")).json["instanceAction"]["events"]
    assert [one["event"] for one in events] == ["identity_step_01_authenticate", "compute_step_28_render_and_start"]
    assert [(one["result"], one["traceback"]) for one in events] == [("Success", None), ("Error", None)]
    whole = (await lab("GET", path, version="2.84", token="admin")).json["instanceAction"]["events"][1]
    assert (whole["traceback"], whole["host"], whole["details"]) == ("no room", "compute1", "no room")
    trace = (await lab("GET", f"/servers/{id}/tinstack-trace")).json["trace"]
    assert [(one["step"], one["name"]) for one in trace] == [(1, "authenticate"), (28, "render and start")]
    assert (await lab("GET", f"/servers/{id}/os-instance-actions/nope")).status_code == 404


async def test_ports_and_volumes_of_a_server(lab: Lab) -> None:
    id = await lab.up()
    port = {"id": "p", "network_id": "n", "mac_address": "m", "status": "ACTIVE", "fixed_ips": []}
    lab.session.bodies["network/v2.0/ports"] = {"ports": [port]}
    shown = (await lab("GET", f"/servers/{id}/os-interface")).json["interfaceAttachments"]
    assert shown == [{"port_id": "p", "net_id": "n", "mac_addr": "m", "port_state": "ACTIVE", "fixed_ips": []}]
    assert "tag" in (await lab("GET", f"/servers/{id}/os-interface/p", version="2.70")).json["interfaceAttachment"]
    assert (await lab("GET", f"/servers/{id}/os-interface/q")).status_code == 404
    assert (await lab("GET", f"/servers/{id}/os-volume_attachments")).json == {"volumeAttachments": []}
    assert (await lab("GET", f"/servers/{id}/os-volume_attachments/x")).status_code == 404
