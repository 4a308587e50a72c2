"""Signing in, tokens and their end."""

import asyncio
import time
from typing import Any

import msgspec
import pytest

from tinstack.core.auth import context_of
from tinstack.core.bus import Envelope
from tinstack.core.bus.memory import MemoryBus
from tinstack.core.revocation import RevocationBeat, RevocationListener
from tinstack.core.trace import TraceEvents
from tinstack.identity import revocation
from tinstack.identity.fernet import Codec

from .conftest import ADMIN_PASSWORD, Rig

PROJECT = {"project": {"name": "admin", "domain": {"id": "default"}}}


async def test_versions_can_be_discovered_without_a_token(rig: Rig) -> None:
    every = await rig.send("GET", "/")
    assert every.status_code == 300
    assert every.json["versions"]["values"][0]["id"] == "v3.14"
    one = await rig.send("GET", "/v3")
    assert one.status_code == 200
    assert one.json["version"]["links"][0]["rel"] == "self"


async def test_a_project_token_says_who_where_and_what(rig: Rig) -> None:
    answer = await rig.sign_in(scope=PROJECT)
    token = answer.json["token"]
    assert answer.status_code == 201
    assert token["methods"] == ["password"]
    assert token["project"]["name"] == "admin"
    assert token["is_domain"] is False
    assert {role["name"] for role in token["roles"]} == {"admin", "manager", "member", "reader"}
    assert token["expires_at"].endswith("Z")
    urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in token["catalog"]}
    assert urls["compute"] == f"http://api.example/v2.1/{token['project']['id']}"


async def test_a_system_token_has_no_project_and_no_project_urls(rig: Rig) -> None:
    token = (await rig.sign_in(scope={"system": {"all": True}})).json["token"]
    assert token["system"] == {"all": True}
    assert "project" not in token
    assert {entry["type"]: len(entry["endpoints"]) for entry in token["catalog"]} == {"identity": 2, "compute": 0}


async def test_a_domain_token(rig: Rig) -> None:
    token = (await rig.sign_in(scope={"domain": {"name": "Default"}})).json["token"]
    assert token["domain"] == {"id": "default", "name": "Default"}


async def test_an_unscoped_token_has_neither_roles_nor_catalog(rig: Rig) -> None:
    token = (await rig.sign_in(scope="unscoped")).json["token"]
    assert not {"roles", "catalog", "project", "system", "domain"} & set(token)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"auth": {}},
        {"auth": {"identity": {"methods": []}}},
        {"auth": {"identity": {"methods": ["password"]}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}}}},
        {
            "auth": {
                "identity": {"methods": ["token"], "token": {"id": "x"}},
                "scope": {"project": {"id": "a"}, "domain": {}},
            }
        },
    ],
)
async def test_a_malformed_sign_in_is_400(rig: Rig, body: Any) -> None:
    answer = await rig.send("POST", "/v3/auth/tokens", body)
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == 400
    assert answer.json["error"]["title"] == "Bad Request"


async def test_nothing_tells_an_unknown_user_from_a_wrong_password(rig: Rig) -> None:
    answers, times = [], []
    for name, password in (("admin", "wrong"), ("nobody", "wrong"), ("image", "wrong")):
        began = time.monotonic()
        answers.append(await rig.sign_in(name, password, PROJECT))
        times.append(time.monotonic() - began)
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert "Keystone" in answers[0].headers["WWW-Authenticate"]
    assert min(times) >= 0.2


async def test_two_wrong_passwords_lock_a_person_out_for_a_while(rig: Rig) -> None:
    for _ in range(2):
        assert (await rig.sign_in(password="wrong")).status_code == 401
    assert (await rig.sign_in()).status_code == 401
    await asyncio.sleep(rig.config.lockout_seconds)
    assert (await rig.sign_in()).status_code == 201


async def test_one_wrong_password_is_forgotten_after_a_right_one(rig: Rig) -> None:
    for _ in range(2):
        assert (await rig.sign_in(password="wrong")).status_code == 401
        assert (await rig.sign_in()).status_code == 201


async def test_our_services_are_never_locked_out(rig: Rig) -> None:
    for _ in range(4):
        assert (await rig.sign_in("image", "wrong")).status_code == 401
    assert await rig.machine()


async def test_rescoping_keeps_the_end_and_the_chain(rig: Rig) -> None:
    first = await rig.sign_in(scope="unscoped")
    text = first.headers["X-Subject-Token"]
    second = (await rig.rescope(text, PROJECT)).json["token"]
    assert second["expires_at"] == first.json["token"]["expires_at"]
    assert second["methods"] == ["password", "token"]
    assert second["audit_ids"][1] == first.json["token"]["audit_ids"][0]


async def test_a_user_without_a_role_there_gets_no_token(rig: Rig) -> None:
    admin = await rig.token()
    await rig.make(admin, "user", name="alice", password="pw")
    assert (await rig.sign_in("alice", "pw", PROJECT)).status_code == 401
    assert (await rig.sign_in("alice", "pw")).status_code == 201


async def test_the_default_project_is_the_scope_where_none_is_asked_for(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="demo")
    user = await rig.person(admin, "alice", "member", "projects", project["id"])
    await rig.send("PATCH", f"/v3/users/{user['id']}", {"user": {"default_project_id": project["id"]}}, admin)
    assert (await rig.sign_in("alice", "pw")).json["token"]["project"]["id"] == project["id"]
    assert "project" not in (await rig.sign_in("alice", "pw", "unscoped")).json["token"]


async def test_a_service_validates_and_what_it_reads_is_a_context(rig: Rig) -> None:
    subject, machine = await rig.token(), await rig.machine()
    answer = await rig.send("GET", "/v3/auth/tokens?nocatalog=1", token=machine, X_Subject_Token=subject)
    assert answer.status_code == 200
    assert answer.headers["X-Subject-Token"] == subject
    assert "catalog" not in answer.json["token"]
    assert context_of(answer.json["token"], subject).is_admin
    assert "catalog" in (await rig.validate(subject, machine)).json["token"]
    head = await rig.validate(subject, subject, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


async def test_only_services_admins_and_the_subject_itself_may_validate(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="demo")
    await rig.person(admin, "alice", "member", "projects", project["id"])
    alice = await rig.token("alice", "pw", project="demo")
    assert (await rig.validate(alice, alice)).status_code == 200
    assert (await rig.validate(admin, alice)).status_code == 403
    assert (await rig.validate("nonsense", alice)).status_code == 404
    assert (await rig.validate(alice, "nonsense")).status_code == 401


async def test_a_revoked_token_is_refused_at_once_and_others_are_not(rig: Rig) -> None:
    one, other = await rig.token(), await rig.token()
    assert (await rig.validate(one, other, "DELETE")).status_code == 204
    assert (await rig.validate(one, other)).status_code == 404
    assert (await rig.send("GET", "/v3/users", token=one)).status_code == 401
    assert (await rig.rescope(one, "unscoped")).status_code == 404
    assert (await rig.send("GET", "/v3/users", token=other)).status_code == 200


async def _alice(rig: Rig) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="demo")
    user = await rig.person(admin, "alice", "member", "projects", project["id"])
    return admin, await rig.token("alice", "pw", project="demo"), user, project


async def test_a_new_password_ends_all_tokens_of_its_user(rig: Rig) -> None:
    admin, alice, user, _ = await _alice(rig)
    wanted = {"user": {"original_password": "pw", "password": "new"}}
    assert (await rig.send("POST", f"/v3/users/{user['id']}/password", wanted)).status_code == 204
    assert (await rig.validate(alice, admin)).status_code == 404
    assert await rig.token("alice", "new", project="demo")


async def test_a_password_of_the_history_is_refused_to_its_user_but_not_to_an_administrator(rig: Rig) -> None:
    admin, _, user, _ = await _alice(rig)
    path = f"/v3/users/{user['id']}/password"
    assert (await rig.send("POST", path, {"user": {"original_password": "pw", "password": "two"}})).status_code == 204
    assert (await rig.send("POST", path, {"user": {"original_password": "two", "password": "pw"}})).status_code == 400
    assert (await rig.send("PATCH", f"/v3/users/{user['id']}", {"user": {"password": "pw"}}, admin)).status_code == 200
    assert await rig.token("alice", "pw", project="demo")


@pytest.mark.parametrize("noun", ["user", "project"])
async def test_disabling_ends_tokens_for_good(rig: Rig, noun: str) -> None:
    admin, alice, user, project = await _alice(rig)
    path = f"/v3/{noun}s/{(user if noun == 'user' else project)['id']}"
    for enabled in (False, True):
        assert (await rig.send("PATCH", path, {noun: {"enabled": enabled}}, admin)).status_code == 200
        assert (await rig.validate(alice, admin)).status_code == 404
    assert await rig.token("alice", "pw", project="demo")


async def test_a_role_taken_away_is_gone_from_tokens(rig: Rig) -> None:
    admin, alice, user, project = await _alice(rig)
    path = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{await rig.role_id(admin, 'member')}"
    assert (await rig.send("HEAD", path, token=admin)).status_code == 204
    assert (await rig.send("DELETE", path, token=admin)).status_code == 204
    assert (await rig.send("HEAD", path, token=admin)).status_code == 404
    assert (await rig.validate(alice, admin)).status_code == 404


async def test_services_have_forgotten_a_revoked_token_when_the_answer_comes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "WAIT_SECONDS", 3600.0)
    beats: list[RevocationBeat | None] = []
    bus = MemoryBus(rig.hub, "image", "controller")
    await bus.open()
    listener = RevocationListener(bus, "image.1", beats.append)
    await listener.start()
    one, other = await rig.token(), await rig.token()
    await asyncio.sleep(1.1)
    audit_id = (await rig.validate(one, other)).json["token"]["audit_ids"][0]
    await rig.validate(one, other, "DELETE")
    last = beats[-1]
    assert last is not None
    assert last.audit_ids == [audit_id]
    await listener.stop()
    await bus.close()


async def test_a_listener_that_died_delays_a_revocation_by_a_fifth_of_a_second_at_the_most(rig: Rig) -> None:
    bus = MemoryBus(rig.hub, "image", "controller")
    await bus.open()
    listener = RevocationListener(bus, "image.1", lambda beat: None)
    await listener.start()
    one, other = await rig.token(), await rig.token()
    await listener.stop()
    await bus.close()
    began = time.monotonic()
    assert (await rig.validate(one, other, "DELETE")).status_code == 204
    assert 0.15 < time.monotonic() - began < 30


async def test_people_leave_steps_1_and_2_in_the_trace_and_services_do_not(rig: Rig) -> None:
    events: list[Any] = []
    both = asyncio.Event()
    bus = MemoryBus(rig.hub, "conductor", "controller")
    await bus.open()

    async def take(message: TraceEvents, envelope: Envelope) -> None:
        events.extend(message.events)
        if len(events) >= 2:
            both.set()

    await bus.serve("trace", {TraceEvents: take})
    audit_id = (await rig.sign_in()).json["token"]["audit_ids"][0]
    await rig.machine()
    await asyncio.wait_for(both.wait(), 60)
    await asyncio.sleep(0.25)
    assert [(event.step, event.outcome, event.audit_id) for event in events] == [
        (1, "ok", audit_id),
        (2, "ok", audit_id),
    ]
    await bus.close()


# --- launch tokens --------------------------------------------------------------------------------


async def _launch(rig: Rig, token: str, project_id: str) -> Any:
    claims = {"host": "compute1", "server": "s", "image": "i", "ports": ["p"], "volumes": [], "networks": ["n"]}
    wanted = {"project_id": project_id, "seconds": 60, **claims}
    return await rig.send("POST", "/v3/OS-TINSTACK/launch_tokens", {"launch_token": wanted}, token)


async def test_a_launch_token_carries_its_claims_and_the_role_service_alone(rig: Rig) -> None:
    admin, conductor = await rig.token(), await rig.machine("conductor")
    project = await rig.make(admin, "project", name="demo")
    made = await _launch(rig, conductor, project["id"])
    assert made.status_code == 201
    answer = await rig.validate(made.headers["X-Subject-Token"], conductor)
    context = context_of(answer.json["token"], "")
    assert context.launch is not None
    assert (context.launch.host, context.launch.server, context.launch.ports) == ("compute1", "s", ("p",))
    assert context.launch.networks == ("n",)
    assert (context.roles, context.project_id, context.user_name) == ({"service"}, project["id"], "conductor")
    assert not context.is_service


async def test_a_launch_token_opens_nothing_at_identity(rig: Rig) -> None:
    admin, conductor = await rig.token(), await rig.machine("conductor")
    project = await rig.make(admin, "project", name="demo")
    launch = (await _launch(rig, conductor, project["id"])).headers["X-Subject-Token"]
    assert (await rig.send("GET", "/v3/users", token=launch)).status_code == 403
    assert (await rig.validate(launch, launch)).status_code == 403
    assert (await _launch(rig, launch, project["id"])).status_code == 403
    assert (await rig.rescope(launch, {"project": {"id": project["id"]}})).status_code == 403


async def test_only_our_services_get_launch_tokens(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="demo")
    assert (await _launch(rig, admin, project["id"])).status_code == 403
    assert (await _launch(rig, await rig.machine("conductor"), "nowhere")).status_code == 403


# --- application credentials ----------------------------------------------------------------------


async def test_an_application_credential_signs_in_with_its_roles_and_ends_with_itself(rig: Rig) -> None:
    admin, alice, user, project = await _alice(rig)
    path = f"/v3/users/{user['id']}/application_credentials"
    wanted = {"application_credential": {"name": "ci", "roles": [{"name": "reader"}]}}
    made = await rig.send("POST", path, wanted, alice)
    assert made.status_code == 201
    assert (await rig.send("POST", path, wanted, alice)).status_code == 409
    credential = made.json["application_credential"]
    given = {"id": credential["id"], "secret": credential["secret"]}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": given}}
    answer = await rig.send("POST", "/v3/auth/tokens", {"auth": auth})
    token = answer.json["token"]
    assert (token["project"]["id"], [role["name"] for role in token["roles"]]) == (project["id"], ["reader"])
    text = answer.headers["X-Subject-Token"]
    assert (await rig.send("POST", path, {"application_credential": {"name": "more"}}, text)).status_code == 403
    assert (await rig.send("DELETE", f"{path}/{credential['id']}", token=alice)).status_code == 204
    assert (await rig.validate(text, admin)).status_code == 404
    assert (await rig.send("POST", "/v3/auth/tokens", {"auth": auth})).status_code == 401


async def test_another_ones_password_is_no_password(rig: Rig) -> None:
    assert (await rig.sign_in("image", ADMIN_PASSWORD)).status_code == 401


async def test_our_services_may_have_a_token_validated_that_has_just_ended(rig: Rig) -> None:
    admin = await rig.token()
    codec = Codec(rig.config.fernet_keys)
    token = codec.open(admin)
    ended = codec.seal(msgspec.structs.replace(token, expires_at=token.issued_at - 1))
    machine = await rig.machine()
    assert (await rig.validate(ended, machine)).status_code == 404
    path = "/v3/auth/tokens?allow_expired=1"
    assert (await rig.send("GET", path, token=machine, X_Subject_Token=ended)).status_code == 200
    long_ago = codec.seal(msgspec.structs.replace(token, expires_at=1))
    assert (await rig.send("GET", path, token=machine, X_Subject_Token=long_ago)).status_code == 404
    assert (await rig.send("GET", "/v3/users", token=ended)).status_code == 401
