"""Trusts: what they give, and that they end when what they stand on does."""

from typing import Any

import pytest

from tinstack.core.auth import context_of

from .conftest import Rig

PATH = "/v3/OS-TRUST/trusts"


class Two:
    """A trustor with the roles member and other on a project, and a trustee with nothing there."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def set_up(self) -> "Two":
        rig = self.rig
        self.admin = await rig.token()
        self.project = await rig.make(self.admin, "project", name="p")
        self.trustor = await rig.person(self.admin, "trustor", "member", "projects", self.project["id"])
        self.trustee = await rig.make(self.admin, "user", name="trustee", password="pw")
        self.other = await rig.make(self.admin, "role", name="other")
        self.grant = f"/v3/projects/{self.project['id']}/users/{self.trustor['id']}/roles/{self.other['id']}"
        await rig.send("PUT", self.grant, token=self.admin)
        self.token = await rig.token("trustor", "pw", project="p")
        return self

    async def create(self, token: str = "", **fields: Any) -> Any:
        wanted = {
            "trustor_user_id": self.trustor["id"],
            "trustee_user_id": self.trustee["id"],
            "project_id": self.project["id"],
            "roles": [{"name": "other"}],
            "impersonation": True,
            **fields,
        }
        return await self.rig.send("POST", PATH, {"trust": wanted}, token or self.token)

    async def trust(self, **fields: Any) -> Any:
        answer = await self.create(**fields)
        assert answer.status_code == 201, answer.text
        return answer.json["trust"]

    async def sign_in(self, trust: Any, name: str = "trustee") -> Any:
        return await self.rig.sign_in(name, "pw", {"OS-TRUST:trust": {"id": trust["id"]}})


@pytest.fixture
async def two(rig: Rig) -> Two:
    return await Two(rig).set_up()


@pytest.mark.parametrize("impersonation", [True, False])
async def test_the_trustee_gets_a_token_with_these_roles_only(two: Two, impersonation: bool) -> None:
    trust = await two.trust(impersonation=impersonation)
    assert [role["name"] for role in trust["roles"]] == ["other"]
    answer = await two.sign_in(trust)
    body = answer.json["token"]
    assert [role["name"] for role in body["roles"]] == ["other"]
    assert body["project"]["id"] == two.project["id"]
    assert body["user"]["id"] == (two.trustor if impersonation else two.trustee)["id"]
    assert body["OS-TRUST:trust"] == {
        "id": trust["id"],
        "impersonation": impersonation,
        "trustor_user": {"id": two.trustor["id"]},
        "trustee_user": {"id": two.trustee["id"]},
    }
    assert set(context_of(body, "x").delegation) == {two.trustor["id"], two.trustee["id"]}
    token = answer.headers["X-Subject-Token"]
    assert (await two.rig.validate(token, two.admin)).json["token"]["OS-TRUST:trust"]["id"] == trust["id"]
    assert (await two.rig.rescope(token, {"project": {"id": two.project["id"]}})).status_code == 403


async def test_nobody_else_gets_one(two: Two) -> None:
    trust = await two.trust()
    assert (await two.sign_in(trust, "trustor")).status_code == 403
    assert (await two.sign_in({"id": "unknown"})).status_code == 401


@pytest.mark.parametrize("how", ["role", "trust", "trustor", "trustee", "password", "project"])
@pytest.mark.parametrize("impersonation", [True, False])
async def test_its_tokens_end_with_what_they_stand_on(two: Two, how: str, impersonation: bool) -> None:
    trust = await two.trust(impersonation=impersonation)
    token = (await two.sign_in(trust)).headers["X-Subject-Token"]
    assert (await two.rig.validate(token, two.admin)).status_code == 200
    user, disabled = {"user": {"enabled": False}}, {"project": {"enabled": False}}
    method, path, body = {
        "role": ("DELETE", two.grant, None),
        "trust": ("DELETE", f"{PATH}/{trust['id']}", None),
        "trustor": ("PATCH", f"/v3/users/{two.trustor['id']}", user),
        "trustee": ("PATCH", f"/v3/users/{two.trustee['id']}", user),
        "password": ("PATCH", f"/v3/users/{two.trustor['id']}", {"user": {"password": "new"}}),
        "project": ("PATCH", f"/v3/projects/{two.project['id']}", disabled),
    }[how]
    assert (await two.rig.send(method, path, body, two.admin)).status_code in (200, 204)
    assert (await two.rig.validate(token, two.admin)).status_code == 404


async def test_uses_are_counted(two: Two) -> None:
    trust = await two.trust(remaining_uses=1)
    first = await two.sign_in(trust)
    assert first.status_code == 201
    assert (await two.sign_in(trust)).status_code == 401
    assert (await two.rig.send("GET", f"{PATH}/{trust['id']}", token=two.token)).status_code == 404
    assert (await two.rig.validate(first.headers["X-Subject-Token"], two.admin)).status_code == 200


async def test_a_token_does_not_outlive_the_trust(two: Two) -> None:
    soon = "2999-01-01T00:00:00.000000Z"
    assert (await two.trust(expires_at=soon))["expires_at"] == soon
    for bad in ("bad.123Z", "2001-01-01T00:00:00Z"):
        assert (await two.create(expires_at=bad)).status_code == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"roles": []}, 403),
        ({"roles": [{"name": "admin"}]}, 404),
        ({"roles": [{"name": "nothing"}]}, 404),
        ({"trustee_user_id": "unknown"}, 404),
        ({"project_id": "unknown"}, 404),
        ({"remaining_uses": 0}, 400),
        ({"remaining_uses": 2, "allow_redelegation": True}, 400),
        ({"allow_redelegation": True, "redelegation_count": 4}, 403),
        ({"impersonation": "yes"}, 400),
    ],
)
async def test_a_trust_that_can_not_be(two: Two, fields: dict[str, Any], status: int) -> None:
    assert (await two.create(**fields)).status_code == status


async def test_only_the_trustor_makes_one_and_only_with_a_projects_token(two: Two) -> None:
    assert (await two.create(two.admin)).status_code == 403
    system = await two.rig.token(scope={"system": {"all": True}})
    admin_id = (await two.rig.validate(system, system)).json["token"]["user"]["id"]
    assert (await two.create(system, trustor_user_id=admin_id)).status_code == 403


async def test_a_redelegated_trust_gives_no_more_and_ends_with_the_first(two: Two) -> None:
    rig = two.rig
    third = await rig.make(two.admin, "user", name="third", password="pw")
    trust = await two.trust(allow_redelegation=True, redelegation_count=2)
    token = (await two.sign_in(trust)).headers["X-Subject-Token"]
    onward = {"trustee_user_id": third["id"], "allow_redelegation": True}
    assert (await two.create(token, **onward, roles=[{"name": "member"}])).status_code == 403
    made = (await two.create(token, **onward)).json["trust"]
    assert made["redelegation_count"] == 1
    assert made["redelegated_trust_id"] == trust["id"]
    last = (await two.sign_in(made, "third")).headers["X-Subject-Token"]
    assert (await rig.validate(last, two.admin)).status_code == 200
    assert (await rig.send("DELETE", f"{PATH}/{trust['id']}", token=two.token)).status_code == 204
    assert (await rig.validate(last, two.admin)).status_code == 404
    assert (await rig.send("GET", f"{PATH}/{made['id']}", token=two.admin)).status_code == 404


async def test_who_may_see_which(two: Two) -> None:
    rig, trust = two.rig, await two.trust()
    stranger = await rig.person(two.admin, "stranger", "member", "projects", two.project["id"])
    token = await rig.token("stranger", "pw", project="p")
    assert (await rig.send("GET", PATH, token=token)).status_code == 403
    assert (await rig.send("GET", f"{PATH}?trustor_user_id={two.trustor['id']}", token=token)).status_code == 403
    assert (await rig.send("GET", f"{PATH}/{trust['id']}", token=token)).status_code == 403
    mine = f"{PATH}?trustee_user_id={stranger['id']}"
    assert (await rig.send("GET", mine, token=token)).json["trusts"] == []
    [listed] = (await rig.send("GET", PATH, token=two.admin)).json["trusts"]
    assert "roles" not in listed
    roles = f"{PATH}/{trust['id']}/roles"
    assert [one["name"] for one in (await rig.send("GET", roles, token=two.token)).json["roles"]] == ["other"]
    assert (await rig.send("GET", f"{roles}/{two.other['id']}", token=two.token)).status_code == 200
    assert (await rig.send("GET", f"{roles}/unknown", token=two.token)).status_code == 404


async def test_a_trust_is_no_way_to_an_application_credential(two: Two) -> None:
    token = (await two.sign_in(await two.trust())).headers["X-Subject-Token"]
    body = {"application_credential": {"name": "mine", "roles": [{"name": "member"}]}}
    path = f"/v3/users/{two.trustor['id']}/application_credentials"
    assert (await two.rig.send("POST", path, body, token)).status_code == 403
