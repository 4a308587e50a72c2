"""Users, groups, projects, domains, roles, grants and the catalog."""

from typing import Any

import pytest

from tinstack.identity import bootstrap

from .conftest import ADMIN_PASSWORD, DOCUMENT, SECRET, Rig


async def test_a_user_is_made_shown_changed_found_and_deleted(rig: Rig) -> None:
    admin = await rig.token()
    user = await rig.make(admin, "user", name="алиса", password="pw", email="a@example.org")
    assert user["domain_id"] == "default"
    assert user["email"] == "a@example.org"
    assert "password" not in user
    path = f"/v3/users/{user['id']}"
    changed = await rig.send("PATCH", path, {"user": {"description": "d", "enabled": False}}, admin)
    assert (changed.json["user"]["description"], changed.json["user"]["email"]) == ("d", "a@example.org")
    found = await rig.send("GET", "/v3/users?enabled=false", token=admin)
    assert [one["id"] for one in found.json["users"]] == [user["id"]]
    assert found.json["links"] == {
        "self": "http://falconframework.org/v3/users?enabled=false",
        "previous": None,
        "next": None,
    }
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204
    assert (await rig.send("GET", path, token=admin)).status_code == 404


@pytest.mark.parametrize(
    "fields", [{}, {"name": ""}, {"name": " "}, {"name": "x" * 256}, {"name": 1}, {"name": "x", "enabled": "yes"}]
)
async def test_a_user_that_the_schema_refuses_is_400(rig: Rig, fields: dict[str, Any]) -> None:
    assert (await rig.send("POST", "/v3/users", {"user": fields}, await rig.token())).status_code == 400


@pytest.mark.parametrize("noun", ["user", "group", "project", "domain", "role"])
async def test_a_name_is_taken_once(rig: Rig, noun: str) -> None:
    admin = await rig.token()
    await rig.make(admin, noun, name="twice")
    assert (await rig.send("POST", f"/v3/{noun}s", {noun: {"name": "twice"}}, admin)).status_code == 409
    other = await rig.make(admin, noun, name="other")
    assert (await rig.send("PATCH", f"/v3/{noun}s/{other['id']}", {noun: {"name": "twice"}}, admin)).status_code == 409


async def test_two_roles_do_not_differ_by_case_alone(rig: Rig) -> None:
    assert (await rig.send("POST", "/v3/roles", {"role": {"name": "Admin"}}, await rig.token())).status_code == 409


async def test_lists_are_filtered_by_parts_of_names_and_paged(rig: Rig) -> None:
    admin = await rig.token()
    for name in ("one", "two", "three"):
        await rig.make(admin, "project", name=name)
    found = await rig.send("GET", "/v3/projects?name__contains=t", token=admin)
    assert {one["name"] for one in found.json["projects"]} == {"two", "three"}
    names, path = [], "/v3/projects?limit=2"
    while path:
        page = (await rig.send("GET", path, token=admin)).json
        names += [one["name"] for one in page["projects"]]
        path = (page["links"]["next"] or "").removeprefix("http://falconframework.org")
    assert sorted(names) == ["admin", "one", "service", "three", "two"]


async def test_members_of_a_group_have_its_roles(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="demo")
    user = await rig.make(admin, "user", name="alice", password="pw")
    group = await rig.make(admin, "group", name="crew")
    member = f"/v3/groups/{group['id']}/users/{user['id']}"
    reader = await rig.role_id(admin, "reader")
    assert (
        await rig.send("PUT", f"/v3/projects/{project['id']}/groups/{group['id']}/roles/{reader}", token=admin)
    ).status_code == 204
    assert (await rig.send("HEAD", member, token=admin)).status_code == 404
    assert (await rig.send("PUT", member, token=admin)).status_code == 204
    alice = await rig.token("alice", "pw", project="demo")
    assert (await rig.send("GET", f"/v3/users/{user['id']}/groups", token=alice)).json["groups"][0]["name"] == "crew"
    assert (await rig.send("DELETE", member, token=admin)).status_code == 204
    assert (await rig.validate(alice, admin)).status_code == 404


async def test_projects_nest_and_are_deleted_from_below(rig: Rig) -> None:
    admin = await rig.token()
    parent = await rig.make(admin, "project", name="parent")
    child = await rig.make(admin, "project", name="child", parent_id=parent["id"], tags=["a", "b"])
    shown = (await rig.send("GET", f"/v3/projects/{child['id']}?parents_as_ids", token=admin)).json["project"]
    assert shown["parents"] == {parent["id"]: {"default": None}}
    below = (await rig.send("GET", f"/v3/projects/{parent['id']}?subtree_as_list", token=admin)).json["project"]
    assert [one["project"]["id"] for one in below["subtree"]] == [child["id"]]
    path = f"/v3/projects/{parent['id']}"
    assert (await rig.send("DELETE", path, token=admin)).status_code == 403
    assert (await rig.send("PATCH", path, {"project": {"enabled": False}}, admin)).status_code == 403
    assert (await rig.send("PATCH", path, {"project": {"parent_id": child["id"]}}, admin)).status_code == 403
    assert [one["id"] for one in (await rig.send("GET", "/v3/projects?tags=a,b", token=admin)).json["projects"]] == [
        child["id"]
    ]
    assert (await rig.send("DELETE", f"/v3/projects/{child['id']}", token=admin)).status_code == 204
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204


async def test_tags_are_set_checked_and_removed(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="demo")
    path = f"/v3/projects/{project['id']}/tags"
    assert (await rig.send("PUT", f"{path}/blue", token=admin)).status_code == 201
    assert (await rig.send("HEAD", f"{path}/blue", token=admin)).status_code == 204
    assert (await rig.send("PUT", path, {"tags": ["red"]}, admin)).json["tags"] == ["red"]
    assert (await rig.send("HEAD", f"{path}/blue", token=admin)).status_code == 404
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204


async def test_a_domain_is_deleted_only_when_disabled_and_takes_all_that_is_its_own(rig: Rig) -> None:
    admin = await rig.token()
    domain = await rig.make(admin, "domain", name="lab")
    user = await rig.make(admin, "user", name="bob", domain_id=domain["id"])
    project = await rig.make(admin, "project", name="p", domain_id=domain["id"])
    path = f"/v3/domains/{domain['id']}"
    assert (await rig.send("DELETE", path, token=admin)).status_code == 403
    assert (await rig.send("PATCH", path, {"domain": {"enabled": False}}, admin)).status_code == 200
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204
    for gone in (path, f"/v3/users/{user['id']}", f"/v3/projects/{project['id']}"):
        assert (await rig.send("GET", gone, token=admin)).status_code == 404
    assert (
        await rig.send("POST", "/v3/users", {"user": {"name": "x", "domain_id": domain["id"]}}, admin)
    ).status_code == 404


async def test_a_role_implies_another_but_not_in_a_circle(rig: Rig) -> None:
    admin = await rig.token()
    one, two = await rig.make(admin, "role", name="one"), await rig.make(admin, "role", name="two")
    path = f"/v3/roles/{one['id']}/implies/{two['id']}"
    assert (await rig.send("PUT", path, token=admin)).status_code == 201
    assert (await rig.send("HEAD", path, token=admin)).status_code == 204
    assert (await rig.send("PUT", f"/v3/roles/{two['id']}/implies/{one['id']}", token=admin)).status_code == 403
    top = f"/v3/roles/{one['id']}/implies/{await rig.role_id(admin, 'admin')}"
    assert (await rig.send("PUT", top, token=admin)).status_code == 403
    assert (await rig.send("GET", "/v3/role_inferences", token=admin)).status_code == 200
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204
    assert (await rig.send("GET", path, token=admin)).status_code == 404


async def test_assignments_are_listed_as_granted_and_as_they_take_effect(rig: Rig) -> None:
    admin = await rig.token()
    parent = await rig.make(admin, "project", name="parent")
    child = await rig.make(admin, "project", name="child", parent_id=parent["id"])
    user = await rig.make(admin, "user", name="alice", password="pw")
    member = await rig.role_id(admin, "member")
    path = f"/v3/OS-INHERIT/projects/{parent['id']}/users/{user['id']}/roles/{member}/inherited_to_projects"
    assert (await rig.send("PUT", path, token=admin)).status_code == 204
    assert (await rig.send("HEAD", path, token=admin)).status_code == 204
    listed = f"/v3/role_assignments?user.id={user['id']}"
    granted = (await rig.send("GET", listed, token=admin)).json["role_assignments"]
    assert granted[0]["scope"] == {"project": {"id": parent["id"]}, "OS-INHERIT:inherited_to": "projects"}
    effective = (await rig.send("GET", f"{listed}&effective&include_names", token=admin)).json["role_assignments"]
    assert {(one["scope"]["project"]["name"], one["role"]["name"]) for one in effective} == {
        ("child", "member"),
        ("child", "reader"),
    }
    assert await rig.token("alice", "pw", {"project": {"id": child["id"]}})
    tree = f"/v3/role_assignments?include_subtree&scope.project.id={parent['id']}"
    assert len((await rig.send("GET", tree, token=admin)).json["role_assignments"]) == 1
    assert (await rig.send("GET", f"{listed}&group.id=x", token=admin)).status_code == 400


async def test_the_catalog_is_made_changed_and_unmade(rig: Rig) -> None:
    admin = await rig.token()
    service = await rig.make(admin, "service", type="image", name="image")
    missing = {
        "endpoint": {"service_id": service["id"], "interface": "public", "url": "http://h:9292", "region_id": "nowhere"}
    }
    assert (await rig.send("POST", "/v3/endpoints", missing, admin)).status_code == 400
    endpoint = await rig.make(
        admin, "endpoint", service_id=service["id"], interface="public", url="http://h:9292", region="West"
    )
    assert endpoint["region_id"] == "West"
    assert (await rig.send("DELETE", "/v3/regions/West", token=admin)).status_code == 403
    await rig.send("PATCH", f"/v3/endpoints/{endpoint['id']}", {"endpoint": {"enabled": False}}, admin)
    catalog = (await rig.send("GET", "/v3/auth/catalog", token=admin)).json["catalog"]
    assert next(entry for entry in catalog if entry["type"] == "image")["endpoints"] == []
    assert (await rig.send("DELETE", f"/v3/services/{service['id']}", token=admin)).status_code == 204
    assert (await rig.send("GET", f"/v3/endpoints/{endpoint['id']}", token=admin)).status_code == 404
    assert (await rig.send("DELETE", "/v3/regions/West", token=admin)).status_code == 204


async def test_a_region_is_made_under_the_id_of_its_path(rig: Rig) -> None:
    admin = await rig.token()
    made = await rig.send("PUT", "/v3/regions/North", {"region": {"description": "d"}}, admin)
    assert (made.status_code, made.json["region"]["id"]) == (201, "North")
    assert (await rig.send("PUT", "/v3/regions/North", {"region": {}}, admin)).status_code == 409
    assert (await rig.send("PUT", "/v3/regions/South", {"region": {"id": "North"}}, admin)).status_code == 400


async def test_policy_documents_are_kept_as_they_came(rig: Rig) -> None:
    admin = await rig.token()
    answer = await rig.send(
        "POST", "/v3/policies", {"policy": {"type": "application/json", "blob": "{}", "owner": "x"}}, admin
    )
    assert answer.status_code == 201
    policy = answer.json["policy"]
    path = f"/v3/policies/{policy['id']}"
    changed = await rig.send("PATCH", path, {"policy": {"blob": "[]"}}, admin)
    assert changed.json["policy"] == {**policy, "blob": "[]"}
    assert (await rig.send("GET", path, token=admin)).json["policy"]["owner"] == "x"
    assert (await rig.send("GET", "/v3/policies?type=text/plain", token=admin)).json["policies"] == []
    assert [one["id"] for one in (await rig.send("GET", "/v3/policies", token=admin)).json["policies"]] == [
        policy["id"]
    ]
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204
    assert (await rig.send("GET", path, token=admin)).status_code == 404
    assert (await rig.send("POST", "/v3/policies", {"policy": {"blob": "{}"}}, admin)).status_code == 400


async def test_what_a_token_may_be_had_for(rig: Rig) -> None:
    unscoped = (await rig.sign_in(scope="unscoped")).headers["X-Subject-Token"]
    assert [one["name"] for one in (await rig.send("GET", "/v3/auth/projects", token=unscoped)).json["projects"]] == [
        "admin"
    ]
    assert [one["id"] for one in (await rig.send("GET", "/v3/auth/domains", token=unscoped)).json["domains"]] == [
        "default"
    ]
    assert (await rig.send("GET", "/v3/auth/system", token=unscoped)).json["system"] == [{"all": True}]
    assert (await rig.send("GET", "/v3/auth/catalog", token=unscoped)).status_code == 404


# --- personas -------------------------------------------------------------------------------------


async def _persona(rig: Rig, scope: str, role: str) -> str:
    admin = await rig.token()
    if scope == "system":
        await rig.person(admin, "persona", role)
        return await rig.token("persona", "pw", {"system": {"all": True}})
    if scope == "domain":
        await rig.person(admin, "persona", role, "domains", "default")
        return await rig.token("persona", "pw", {"domain": {"id": "default"}})
    project = await rig.make(admin, "project", name="own")
    await rig.person(admin, "persona", role, "projects", project["id"])
    return await rig.token("persona", "pw", project="own")


@pytest.mark.parametrize(
    "scope, role, list_users, show_unknown, show_foreign, create_here, create_foreign, list_services",
    [
        ("system", "admin", 200, 404, 200, 201, 201, 200),
        ("system", "reader", 200, 404, 200, 403, 403, 200),
        ("domain", "admin", 200, 404, 200, 201, 201, 403),
        ("domain", "manager", 200, 403, 403, 201, 403, 403),
        ("domain", "member", 200, 403, 403, 403, 403, 403),
        ("domain", "reader", 200, 403, 403, 403, 403, 403),
        ("project", "admin", 200, 404, 200, 201, 201, 200),
        ("project", "manager", 403, 403, 403, 403, 403, 403),
        ("project", "reader", 403, 403, 403, 403, 403, 403),
    ],
)
async def test_personas(
    rig: Rig,
    scope: str,
    role: str,
    list_users: int,
    show_unknown: int,
    show_foreign: int,
    create_here: int,
    create_foreign: int,
    list_services: int,
) -> None:
    admin = await rig.token()
    domain = await rig.make(admin, "domain", name="foreign")
    foreign = await rig.make(admin, "user", name="bob", domain_id=domain["id"])
    token = await _persona(rig, scope, role)

    async def status(method: str, path: str, body: Any = None) -> int:
        return int((await rig.send(method, path, body, token)).status_code)

    assert await status("GET", "/v3/users") == list_users
    assert await status("GET", "/v3/users/unknown") == show_unknown
    assert await status("GET", f"/v3/users/{foreign['id']}") == show_foreign
    assert await status("POST", "/v3/users", {"user": {"name": "new", "domain_id": "default"}}) == create_here
    assert await status("POST", "/v3/users", {"user": {"name": "new", "domain_id": domain["id"]}}) == create_foreign
    assert await status("GET", "/v3/services") == list_services


async def test_a_domain_manager_gives_no_more_than_manager_and_only_at_home(rig: Rig) -> None:
    admin = await rig.token()
    token = await _persona(rig, "domain", "manager")
    user = await rig.make(token, "user", name="alice", domain_id="default")
    project = await rig.make(token, "project", name="demo")
    path = f"/v3/projects/{project['id']}/users/{user['id']}/roles/"
    for role, status in (("member", 204), ("manager", 204), ("admin", 403), ("service", 403)):
        assert (await rig.send("PUT", path + await rig.role_id(admin, role), token=token)).status_code == status
    system = f"/v3/system/users/{user['id']}/roles/{await rig.role_id(admin, 'reader')}"
    assert (await rig.send("PUT", system, token=token)).status_code == 403


async def test_without_a_token_there_is_nothing(rig: Rig) -> None:
    for path in ("/v3/users", "/v3/projects", "/v3/auth/tokens", "/v3/auth/catalog"):
        assert (await rig.send("GET", path)).status_code == 401


# --- bootstrap ------------------------------------------------------------------------------------


async def test_bootstrap_again_changes_nothing_and_says_so(rig: Rig) -> None:
    assert not await bootstrap.bootstrap(rig.database, DOCUMENT)


async def test_bootstrap_mends_an_endpoint_that_moved_and_a_password_that_no_longer_matches(rig: Rig) -> None:
    admin = await rig.token()
    user_id = (await rig.send("GET", "/v3/users?name=admin", token=admin)).json["users"][0]["id"]
    await rig.send("PATCH", f"/v3/users/{user_id}", {"user": {"password": "another"}}, admin)
    moved = bootstrap.Document(
        admin=bootstrap.Admin(password=ADMIN_PASSWORD),
        service_users={"image": SECRET},
        services=[bootstrap.Entry(type="identity", name="identity", urls={"public": "http://moved/v3"})],
    )
    assert await bootstrap.bootstrap(rig.database, moved)
    catalog = (await rig.sign_in(scope={"domain": {"id": "default"}})).json["token"]["catalog"]
    urls = {e["interface"]: e["url"] for entry in catalog if entry["type"] == "identity" for e in entry["endpoints"]}
    assert urls["public"] == "http://moved/v3"
    assert not await bootstrap.bootstrap(rig.database, moved)


def test_a_document_that_cannot_be_read_is_refused_without_repeating_it() -> None:
    with pytest.raises(bootstrap.ConfigError) as caught:
        bootstrap.parse('{"admin": {"password": 12345}}')
    assert "12345" not in caught.value.text
