"""Limits, endpoint filters, policy associations, domain configuration and federation."""

from typing import Any

import pytest
import sqlalchemy as sa

from tinstack.identity import tables

from .conftest import Rig


async def _service(rig: Rig, token: str) -> Any:
    service = await rig.make(token, "service", type="metering", name="m")
    url = {"service_id": service["id"], "interface": "public", "url": "http://m.example"}
    return service, await rig.make(token, "endpoint", **url)


# --- limits ---------------------------------------------------------------------------------------


async def _register(rig: Rig, token: str, service_id: str, name: str = "things") -> Any:
    wanted = {"service_id": service_id, "resource_name": name, "default_limit": 5}
    return await rig.send("POST", "/v3/registered_limits", {"registered_limits": [wanted]}, token)


async def test_a_limit_needs_a_registered_one_which_then_stays(rig: Rig) -> None:
    token = await rig.token()
    service, _ = await _service(rig, token)
    project = await rig.make(token, "project", name="p")
    limit = {"service_id": service["id"], "resource_name": "things", "resource_limit": 3, "project_id": project["id"]}
    assert (await rig.send("POST", "/v3/limits", {"limits": [limit]}, token)).status_code == 400
    registered = (await _register(rig, token, service["id"])).json["registered_limits"][0]
    assert registered["region_id"] is None
    assert (await _register(rig, token, service["id"])).status_code == 409
    made = await rig.send("POST", "/v3/limits", {"limits": [limit]}, token)
    assert made.status_code == 201
    assert (await rig.send("POST", "/v3/limits", {"limits": [limit]}, token)).status_code == 409
    path = f"/v3/registered_limits/{registered['id']}"
    assert (await rig.send("DELETE", path, token=token)).status_code == 403
    changed = await rig.send("PATCH", path, {"registered_limit": {"resource_name": "other"}}, token)
    assert changed.status_code == 403
    changed = await rig.send("PATCH", path, {"registered_limit": {"default_limit": 7}}, token)
    assert changed.json["registered_limit"]["default_limit"] == 7
    one = f"/v3/limits/{made.json['limits'][0]['id']}"
    assert (await rig.send("PATCH", one, {"limit": {"resource_limit": 4}}, token)).json["limit"]["resource_limit"] == 4
    assert (await rig.send("DELETE", one, token=token)).status_code == 204
    assert (await rig.send("DELETE", path, token=token)).status_code == 204


async def test_all_limits_of_a_request_are_made_or_none(rig: Rig) -> None:
    token = await rig.token()
    service, _ = await _service(rig, token)
    good = {"service_id": service["id"], "resource_name": "a", "default_limit": 5}
    bad = good | {"service_id": "unknown"}
    answer = await rig.send("POST", "/v3/registered_limits", {"registered_limits": [good, bad]}, token)
    assert answer.status_code == 400
    assert (await rig.send("GET", "/v3/registered_limits", token=token)).json["registered_limits"] == []


async def test_a_project_sees_its_own_limits(rig: Rig) -> None:
    admin = await rig.token()
    service, _ = await _service(rig, admin)
    await _register(rig, admin, service["id"])
    projects = [await rig.make(admin, "project", name=name) for name in ("one", "two")]
    base = {"service_id": service["id"], "resource_name": "things", "resource_limit": 3}
    body = {"limits": [base | {"project_id": one["id"]} for one in projects]}
    made = (await rig.send("POST", "/v3/limits", body, admin)).json["limits"]
    await rig.person(admin, "u", "reader", "projects", projects[0]["id"])
    token = await rig.token("u", "pw", project="one")
    assert [one["id"] for one in (await rig.send("GET", "/v3/limits", token=token)).json["limits"]] == [made[0]["id"]]
    assert (await rig.send("GET", f"/v3/limits/{made[0]['id']}", token=token)).status_code == 200
    assert (await rig.send("GET", f"/v3/limits/{made[1]['id']}", token=token)).status_code == 403
    assert (await rig.send("GET", "/v3/limits/model", token=token)).json["model"]["name"] == "flat"


@pytest.mark.parametrize("whose", [{}, {"project_id": "p", "domain_id": "default"}])
async def test_a_limit_is_of_a_project_or_of_a_domain(rig: Rig, whose: dict[str, str]) -> None:
    limit = {"service_id": "s", "resource_name": "things", "resource_limit": 3, **whose}
    assert (await rig.send("POST", "/v3/limits", {"limits": [limit]}, await rig.token())).status_code == 400


# --- endpoint filters -----------------------------------------------------------------------------


async def test_a_project_with_named_endpoints_has_only_these_in_its_catalog(rig: Rig) -> None:
    admin = await rig.token()
    _, endpoint = await _service(rig, admin)
    project = await rig.make(admin, "project", name="p")
    await rig.person(admin, "u", "member", "projects", project["id"])

    async def types() -> set[str]:
        token = await rig.sign_in("u", "pw", {"project": {"id": project["id"]}})
        return {entry["type"] for entry in token.json["token"]["catalog"]}

    assert "compute" in await types()
    path = f"/v3/OS-EP-FILTER/projects/{project['id']}/endpoints/{endpoint['id']}"
    assert (await rig.send("GET", path, token=admin)).status_code == 404
    for _ in range(2):
        assert (await rig.send("PUT", path, token=admin)).status_code == 204
    assert (await rig.send("HEAD", path, token=admin)).status_code == 204
    assert await types() == {"metering"}
    group = {"name": "g", "filters": {"interface": "public", "service_id": "nothing"}}
    made = await rig.send("POST", "/v3/OS-EP-FILTER/endpoint_groups", {"endpoint_group": group}, admin)
    one = f"/v3/OS-EP-FILTER/endpoint_groups/{made.json['endpoint_group']['id']}"
    assert (await rig.send("PUT", f"{one}/projects/{project['id']}", token=admin)).status_code == 204
    assert await types() == {"metering"}
    changed = {"endpoint_group": {"filters": {"interface": "public"}}}
    assert (await rig.send("PATCH", one, changed, admin)).status_code == 200
    assert {"metering", "identity"} <= await types()
    assert (await rig.send("DELETE", one, token=admin)).status_code == 204
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204
    assert "compute" in await types()


async def test_endpoints_are_filtered_by_known_words_only(rig: Rig) -> None:
    group = {"endpoint_group": {"name": "g", "filters": {"colour": "red"}}}
    answer = await rig.send("POST", "/v3/OS-EP-FILTER/endpoint_groups", group, await rig.token())
    assert answer.status_code == 400


# --- policy associations --------------------------------------------------------------------------


async def test_the_most_special_document_counts_for_an_endpoint(rig: Rig) -> None:
    token = await rig.token()
    service, endpoint = await _service(rig, token)
    made = [
        (await rig.send("POST", "/v3/policies", {"policy": {"blob": "{}", "type": "t"}}, token)).json["policy"]["id"]
        for _ in range(2)
    ]
    counts = f"/v3/endpoints/{endpoint['id']}/OS-ENDPOINT-POLICY/policy"
    assert (await rig.send("GET", counts, token=token)).status_code == 404
    by_service = f"/v3/policies/{made[0]}/OS-ENDPOINT-POLICY/services/{service['id']}"
    by_endpoint = f"/v3/policies/{made[1]}/OS-ENDPOINT-POLICY/endpoints/{endpoint['id']}"
    assert (await rig.send("PUT", by_service, token=token)).status_code == 204
    assert (await rig.send("GET", counts, token=token)).json["policy"]["id"] == made[0]
    assert (await rig.send("PUT", by_endpoint, token=token)).status_code == 204
    assert (await rig.send("GET", counts, token=token)).json["policy"]["id"] == made[1]
    listed = [
        len((await rig.send("GET", f"/v3/policies/{id}/OS-ENDPOINT-POLICY/endpoints", token=token)).json["endpoints"])
        for id in made
    ]
    assert listed == [0, 1]
    assert (await rig.send("GET", by_endpoint, token=token)).status_code == 204
    assert (await rig.send("DELETE", by_endpoint, token=token)).status_code == 204
    assert (await rig.send("GET", by_endpoint, token=token)).status_code == 404


# --- domain configuration -------------------------------------------------------------------------


async def test_a_domains_secret_is_kept_sealed_and_never_shown(rig: Rig) -> None:
    token = await rig.token()
    path = "/v3/domains/default/config"
    config = {"ldap": {"url": "ldap://x", "password": "very secret"}, "identity": {"driver": "ldap"}}
    made = await rig.send("PUT", path, {"config": config}, token)
    assert made.status_code == 201
    assert made.json["config"] == {"ldap": {"url": "ldap://x"}, "identity": {"driver": "ldap"}}
    assert (await rig.send("GET", f"{path}/ldap/password", token=token)).status_code == 404
    kept = await rig.database.scalar(
        sa.select(tables.domain_options.c.value).where(tables.domain_options.c.name == "password")
    )
    assert "very secret" not in kept
    assert (await rig.send("PUT", path, {"config": config}, token)).status_code == 200
    assert (await rig.send("DELETE", f"{path}/identity/driver", token=token)).status_code == 204
    assert (await rig.send("GET", f"{path}/identity", token=token)).status_code == 404
    assert (await rig.send("DELETE", path, token=token)).status_code == 204
    assert (await rig.send("GET", path, token=token)).status_code == 404


@pytest.mark.parametrize("config", [{}, {"ldap": {}}, {"colour": {"red": 1}}, {"ldap": {"colour": "red"}}])
async def test_a_configuration_that_can_not_be_is_403(rig: Rig, config: Any) -> None:
    answer = await rig.send("PUT", "/v3/domains/default/config", {"config": config}, await rig.token())
    assert answer.status_code == 403


# --- federation -----------------------------------------------------------------------------------


async def test_enabled_service_providers_stand_in_tokens(rig: Rig) -> None:
    token = await rig.token()
    given = {"auth_url": "https://far.example/v3", "sp_url": "https://far.example/sp", "enabled": True}
    path = "/v3/OS-FEDERATION/service_providers/far"
    made = await rig.send("PUT", path, {"service_provider": given}, token)
    assert made.json["service_provider"]["relay_state_prefix"] == "ss:mem:"
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    shown = (await rig.sign_in(scope=scope)).json["token"]["service_providers"]
    assert shown == [{"id": "far", "auth_url": given["auth_url"], "sp_url": given["sp_url"]}]
    await rig.send("PATCH", path, {"service_provider": {"enabled": False}}, token)
    assert "service_providers" not in (await rig.sign_in(scope=scope)).json["token"]


async def test_a_protocol_names_a_mapping_that_is_there(rig: Rig) -> None:
    token = await rig.token()
    idp = "/v3/OS-FEDERATION/identity_providers/idp"
    made = await rig.send("PUT", idp, {"identity_provider": {"remote_ids": ["a"]}}, token)
    assert made.status_code == 201
    assert made.json["identity_provider"]["domain_id"]
    assert (await rig.send("PUT", idp, {"identity_provider": {}}, token)).status_code == 409
    other = {"identity_provider": {"remote_ids": ["a"]}}
    assert (await rig.send("PUT", f"{idp}2", other, token)).status_code == 409
    protocol = {"protocol": {"mapping_id": "m"}}
    assert (await rig.send("PUT", f"{idp}/protocols/saml2", protocol, token)).status_code == 400
    rules = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]}]
    mapping = "/v3/OS-FEDERATION/mappings/m"
    assert (await rig.send("PUT", mapping, {"mapping": {"rules": []}}, token)).status_code == 400
    assert (await rig.send("PUT", mapping, {"mapping": {"rules": rules}}, token)).status_code == 201
    assert (await rig.send("PUT", f"{idp}/protocols/saml2", protocol, token)).status_code == 201
    assert (await rig.send("DELETE", idp, token=token)).status_code == 204
    assert (await rig.send("GET", f"{idp}/protocols/saml2", token=token)).status_code == 404
