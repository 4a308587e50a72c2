"""Identity as the other services and any client see it."""

import uuid
from typing import Any

import pytest

USERS, PROJECTS, ROLES, TOKENS = "/users", "/projects", "/roles", "/auth/tokens"


def _name(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def member(cloud: Any) -> Any:
    """A new user with the role member on a new project: (client's class and arguments, ids)."""
    admin = cloud.admin
    project = admin.post("identity", PROJECTS, {"project": {"name": _name("project")}}).json["project"]
    user = admin.post("identity", USERS, {"user": {"name": _name("user"), "password": "pw"}}).json["user"]
    role_id = admin.get("identity", f"{ROLES}?name=member").json["roles"][0]["id"]
    grant = f"{PROJECTS}/{project['id']}/users/{user['id']}/roles/{role_id}"
    assert admin.put("identity", grant).status == 204
    client = type(admin)(cloud.auth_url, user["name"], "pw", project["name"])
    yield client, user, project, grant
    admin.delete("identity", f"{USERS}/{user['id']}")
    admin.delete("identity", f"{PROJECTS}/{project['id']}")


def test_the_catalog_names_every_service(cloud: Any) -> None:
    assert {"identity", "compute", "image", "network", "placement", "block-storage", "volumev3"} <= set(cloud.demo.urls)


def test_a_new_member_is_known_to_the_other_services_at_once(member: Any) -> None:
    client, _, project, _ = member
    assert client.project_id == project["id"]
    assert client.get("image", "/v2/images").status == 200


@pytest.mark.parametrize(
    "how", ["token deleted", "role removed", "user disabled", "project disabled", "password changed"]
)
def test_every_service_refuses_a_token_at_once_when(cloud: Any, member: Any, how: str) -> None:
    client, user, project, grant = member
    assert client.get("image", "/v2/images").status == 200
    assert client.get("image", "/v2/images").status == 200
    disabled = {"enabled": False}
    done = {
        "token deleted": lambda: client.delete("identity", TOKENS, headers={"X-Subject-Token": client.token}),
        "role removed": lambda: cloud.admin.delete("identity", grant),
        "user disabled": lambda: cloud.admin.patch("identity", f"{USERS}/{user['id']}", {"user": disabled}),
        "project disabled": lambda: cloud.admin.patch("identity", f"{PROJECTS}/{project['id']}", {"project": disabled}),
        "password changed": lambda: cloud.admin.patch(
            "identity", f"{USERS}/{user['id']}", {"user": {"password": "new"}}
        ),
    }[how]()
    assert done.status in (200, 204)
    assert client.get("image", "/v2/images").status == 401


def test_errors_have_the_form_of_the_identity_api(cloud: Any) -> None:
    answer = cloud.admin.get("identity", f"{USERS}/nobody")
    assert answer.status == 404
    assert answer.json["error"]["code"] == 404
    assert answer.json["error"]["title"] == "Not Found"
    assert "nobody" in answer.json["error"]["message"]


def test_who_may_not_read_learns_nothing_of_what_is_there(cloud: Any) -> None:
    for identifier in (cloud.admin.user_id, "nobody"):
        assert cloud.demo.get("identity", f"{USERS}/{identifier}").status == 403


def test_a_system_token_reads_everything(cloud: Any) -> None:
    token = {"X-Subject-Token": cloud.system_admin.token}
    assert cloud.system_admin.get("identity", TOKENS, headers=token).json["token"]["system"] == {"all": True}
    for path in (USERS, PROJECTS, ROLES, "/domains", "/groups", "/services", "/endpoints", "/role_assignments"):
        assert cloud.system_admin.get("identity", path).status == 200


@pytest.mark.parametrize("noun", ["group", "domain", "role", "service", "region"])
def test_what_is_made_is_shown_listed_changed_and_deleted(cloud: Any, noun: str) -> None:
    admin, name = cloud.admin, _name(noun)
    fields = {"service": {"type": name}, "region": {"id": name}}.get(noun, {"name": name})
    made = admin.post("identity", f"/{noun}s", {noun: fields})
    assert made.status == 201
    path = f"/{noun}s/{made.json[noun]['id']}"
    assert admin.get("identity", path).json == made.json
    assert made.json[noun] in admin.get("identity", f"/{noun}s").json[f"{noun}s"]
    changed = admin.patch(
        "identity", path, {noun: {"description": "new", **({"enabled": False} if noun == "domain" else {})}}
    )
    assert (changed.status, changed.json[noun]["description"]) == (200, "new")
    assert admin.delete("identity", path).status == 204
    assert admin.get("identity", path).status == 404


def _by_trust(cloud: Any, trustor: Any, roles: list[dict[str, str]], project_id: str) -> str:
    """A token of a new trustee, in its own name, by leave of the trustor."""
    trustee = cloud.admin.post("identity", USERS, {"user": {"name": _name("user"), "password": "pw"}}).json["user"]
    trust = {
        "trustor_user_id": trustor.user_id,
        "trustee_user_id": trustee["id"],
        "project_id": project_id,
        "roles": roles,
        "impersonation": False,
    }
    made = trustor.post("identity", "/OS-TRUST/trusts", {"trust": trust}).json["trust"]
    auth = {
        "identity": {"methods": ["password"], "password": {"user": {"id": trustee["id"], "password": "pw"}}},
        "scope": {"OS-TRUST:trust": {"id": made["id"]}},
    }
    answer = cloud.admin.post("identity", TOKENS, {"auth": auth})
    assert answer.status == 201, answer.data
    return str(answer.headers["x-subject-token"])


def test_the_trustees_token_ends_in_every_service_with_the_trustors_role(cloud: Any, member: Any) -> None:
    client, _, project, grant = member
    headers = {"X-Auth-Token": _by_trust(cloud, client, [{"name": "member"}], project["id"])}
    for _ in range(2):
        assert client.get("image", "/v2/images", headers=headers).status == 200
    assert cloud.admin.delete("identity", grant).status == 204
    assert client.get("image", "/v2/images", headers=headers).status == 401


def _restricted(cloud: Any, *rules: tuple[str, str, str]) -> dict[str, str]:
    """Headers with a token of a new application credential of the demo user that has these access rules."""
    given = [{"service": service, "method": method, "path": path} for service, method, path in rules]
    path = f"{USERS}/{cloud.demo.user_id}/application_credentials"
    body = {"application_credential": {"name": _name("credential"), "access_rules": given}}
    made = cloud.demo.post("identity", path, body).json["application_credential"]
    proof = {"id": made["id"], "secret": made["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": proof}
    answer = cloud.demo.post("identity", TOKENS, {"auth": {"identity": identity}})
    assert answer.status == 201, answer.data
    return {"X-Auth-Token": answer.headers["x-subject-token"]}


def test_every_service_heeds_the_access_rules_of_an_application_credential(cloud: Any) -> None:
    headers = _restricted(cloud, ("image", "GET", "/v2/images"), ("compute", "GET", "/v2.1/servers/**"))
    assert cloud.demo.get("image", "/v2/images", headers=headers).status == 200
    assert cloud.demo.get("compute", "/servers/detail", headers=headers).status == 200
    for service, path in (("image", "/v2/info/import"), ("network", "/v2.0/networks"), ("identity", "/auth/projects")):
        assert cloud.demo.get(service, path, headers=headers).status == 401
    assert cloud.demo.post("image", "/v2/images", {"name": "x"}, headers=headers).status == 401


def test_what_a_permitted_request_needs_of_other_services_is_permitted(cloud: Any) -> None:
    headers = _restricted(cloud, ("compute", "POST", "/v2.1/servers"))
    flavor = cloud.demo.get("compute", "/flavors").json["flavors"][0]["id"]
    networks = [{"uuid": cloud.network_id()}]
    server = {"name": _name("server"), "imageRef": cloud.image_id(), "flavorRef": flavor, "networks": networks}
    made = cloud.demo.post("compute", "/servers", {"server": server}, headers=headers)
    assert made.status == 202, made.data
    assert cloud.demo.delete("compute", f"/servers/{made.json['server']['id']}").status == 204
