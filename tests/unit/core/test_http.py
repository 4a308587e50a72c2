"""What every API has of core.http: versions, tokens, schemas, actions, errors, request ids."""

from typing import Any

import msgspec
import pytest
from falcon import testing

from tinstack.core.context import Context, LaunchClaims
from tinstack.core.errors import ApiError, NotFound, Unauthorized, Unavailable
from tinstack.core.http import Api, Microversions, Request, Response, Route, V, build, since, versions
from tinstack.core.http.app import Rendered
from tinstack.core.policy import Policy


class Tokens:
    async def authenticate(self, token: str) -> Context:
        if token == "launch":
            claims = LaunchClaims(host="compute1", server="s1")
            return Context(user_id="u", project_id="p", roles=frozenset({"member", "reader"}), launch=claims)
        if token != "good":
            raise Unauthorized
        return Context(user_id="u", project_id="p", roles=frozenset({"member", "reader"}))


def error(problem: ApiError, request: Request | None) -> Rendered:
    return Rendered("application/json", msgspec.json.encode({"code": problem.status, "message": problem.text}))


async def index(request: Request, service: Any) -> Any:
    return {"version": str(request.version), "user": request.user_id, "root": request.root_url}


async def create(request: Request, service: Any) -> Any:
    return {"made": request.body["thing"]["name"]}


async def start(request: Request, service: Any) -> None:
    return None


async def forgetful(request: Request, service: Any) -> Any:
    return {}


async def gone(request: Request, service: Any) -> Any:
    raise NotFound("There is no such thing.")


async def crash(request: Request, service: Any) -> Any:
    raise RuntimeError("secret detail")


async def away(request: Request, service: Any) -> Any:
    raise Unavailable("The other service can't be reached.")


async def empty(request: Request, service: Any) -> Response:
    return Response(204)


THING: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}},
}
NAME: dict[str, Any] = {"type": "object", "properties": {"thing": THING}, "required": ["thing"]}
WITH_TAG = {**NAME, "properties": {"thing": {**THING, "required": ["name", "tag"]}}}

ROUTES = [
    Route("GET", "/things", index, "things:list"),
    Route(
        "POST",
        "/things",
        create,
        "things:create",
        body=versions(("2.1", NAME), ("2.5", WITH_TAG)),
        status=since("2.1", 200, "2.5", 201),
    ),
    Route("GET", "/new", index, "things:list", first="2.5"),
    Route("POST", "/things/{id}/action", start, "things:list", action="start", status=202),
    Route("POST", "/things/{id}/action", start, "things:admin", action="stop", status=202),
    Route("GET", "/forgetful", forgetful, checked=True),
    Route("GET", "/gone", gone, "things:list"),
    Route("GET", "/away", away, "things:list"),
    Route("GET", "/crash", crash, "things:list"),
    Route("DELETE", "/things/{id}", empty, "things:list"),
    Route("GET", "/", index, public=True),
]


@pytest.fixture
def client() -> testing.TestClient:
    policy = Policy({"things:list": "role:reader", "things:create": "role:member", "things:admin": "role:admin"})
    micro = Microversions("compute", V(2, 1), V(2, 9), "X-OpenStack-Nova-API-Version")
    api = Api(
        routes=ROUTES,
        service=None,
        policy=policy,
        authenticator=Tokens(),
        error=error,
        root=("/v2.1",),
        microversions=micro,
        empty_ids=True,
    )
    return testing.TestClient(build([api]), headers={"X-Auth-Token": "good"})


def test_a_version_is_echoed_in_both_headers(client: testing.TestClient) -> None:
    answer = client.simulate_get(
        "/v2.1/things", headers={"OpenStack-API-Version": "compute 2.7", "X-Auth-Token": "good"}
    )
    assert answer.json["version"] == "2.7"
    assert answer.headers["openstack-api-version"] == "compute 2.7"
    assert answer.headers["x-openstack-nova-api-version"] == "2.7"
    assert answer.headers["x-openstack-request-id"].startswith("req-")


@pytest.mark.parametrize("version, status", [("2.10", 406), ("1.0", 406), ("two", 400), ("2.", 400), ("latest", 200)])
def test_a_version_outside_is_refused(client: testing.TestClient, version: str, status: int) -> None:
    headers = {"X-OpenStack-Nova-API-Version": version, "X-Auth-Token": "good"}
    assert client.simulate_get("/v2.1/things", headers=headers).status_code == status


def test_without_a_token_or_with_a_wrong_one_the_answer_is_401(client: testing.TestClient) -> None:
    assert client.simulate_get("/v2.1/things", headers={"X-Auth-Token": ""}).status_code == 401
    assert client.simulate_get("/v2.1/things", headers={"X-Auth-Token": "bad"}).status_code == 401


@pytest.mark.parametrize(
    "body, status",
    [
        (b'{"thing": {"name": "x"}}', 200),
        (b'{"thing": {"name": ""}}', 400),
        (b"{", 400),
        (b"", 400),
        (b"[1]", 400),
        (b"\xff", 400),
    ],
)
def test_a_body_is_checked_by_its_schema(client: testing.TestClient, body: bytes, status: int) -> None:
    assert client.simulate_post("/v2.1/things", body=body).status_code == status


def test_the_schema_and_the_status_follow_the_version(client: testing.TestClient) -> None:
    headers = {"OpenStack-API-Version": "compute 2.5", "X-Auth-Token": "good"}
    assert client.simulate_post("/v2.1/things", json={"thing": {"name": "x"}}, headers=headers).status_code == 400
    assert (
        client.simulate_post("/v2.1/things", json={"thing": {"name": "x", "tag": 1}}, headers=headers).status_code
        == 201
    )


def test_a_route_that_is_not_there_yet_is_404(client: testing.TestClient) -> None:
    assert client.simulate_get("/v2.1/new").status_code == 404


@pytest.mark.parametrize(
    "body, status",
    [({"start": None}, 202), ({"stop": None}, 403), ({"jump": None}, 400), ({}, 400), ({"start": 1, "stop": 1}, 400)],
)
def test_an_action_is_the_only_key_of_the_body(client: testing.TestClient, body: dict[str, Any], status: int) -> None:
    answer = client.simulate_post("/v2.1/things/1/action", json=body)
    assert answer.status_code == status
    assert status != 202 or answer.content == b""


def test_a_handler_that_asks_no_policy_is_stopped(client: testing.TestClient) -> None:
    assert client.simulate_get("/v2.1/forgetful").status_code == 500


def test_an_error_is_told_in_the_services_form_and_a_crash_tells_nothing(client: testing.TestClient) -> None:
    assert client.simulate_get("/v2.1/gone").json == {"code": 404, "message": "There is no such thing."}
    crashed = client.simulate_get("/v2.1/crash")
    assert crashed.status_code == 500
    assert "secret" not in crashed.text


def test_what_a_service_could_not_do_is_in_its_log(
    client: testing.TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.simulate_get("/v2.1/gone").status_code == 404
    assert client.simulate_get("/v2.1/away").status_code == 503
    [said] = [record.getMessage() for record in caplog.records]
    assert said == "GET /v2.1/away is answered with 503: The other service can't be reached."


def test_unknown_paths_and_methods_are_told_in_the_services_form(client: testing.TestClient) -> None:
    assert client.simulate_get("/v2.1/nowhere").json["code"] == 404
    assert client.simulate_put("/v2.1/things").json["code"] == 405


def test_no_item_has_the_empty_id(client: testing.TestClient) -> None:
    refused = client.simulate_put("/v2.1/things/")
    assert (refused.status_code, refused.json["code"]) == (404, 404)
    assert "allow" not in refused.headers
    assert client.simulate_get("/v2.1/things/").status_code == 404


def test_a_204_has_no_body(client: testing.TestClient) -> None:
    answer = client.simulate_delete("/v2.1/things/1")
    assert (answer.status_code, answer.content) == (204, b"")


def test_links_follow_the_callers_host(client: testing.TestClient) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cloud.example", "X-Auth-Token": "good"}
    assert client.simulate_get("/v2.1/things", headers=headers).json["root"] == "https://cloud.example"


@pytest.mark.parametrize("launches, status", [(False, 403), (True, 200)])
def test_a_launch_token_is_nothing_where_no_host_has_business(launches: bool, status: int) -> None:
    policy = Policy({"things:list": "@", "things:create": "@", "things:admin": "@"})
    api = Api(
        routes=ROUTES,
        service=None,
        policy=policy,
        authenticator=Tokens(),
        error=error,
        root=("/v2.1",),
        launches=launches,
    )
    client = testing.TestClient(build([api]))
    assert client.simulate_get("/v2.1/things", headers={"X-Auth-Token": "launch"}).status_code == status


def test_the_version_is_echoed_also_where_there_is_no_such_path_or_method(client: testing.TestClient) -> None:
    headers = {"OpenStack-API-Version": "compute 2.7"}
    for answer in (
        client.simulate_get("/v2.1/none", headers=headers),
        client.simulate_put("/v2.1/things", headers=headers),
    ):
        assert answer.status_code in (404, 405) and answer.headers["openstack-api-version"] == "compute 2.7"


def test_a_body_that_is_nested_too_deep_is_refused(client: testing.TestClient) -> None:
    for depth, status in ((30, 200), (100, 400), (400, 400), (100_000, 400)):
        name = f'"a", "deep": {"[" * depth}{"]" * depth}'
        body = f'{{"thing": {{"name": {name}}}}}'.encode()
        assert client.simulate_post("/v2.1/things", body=body).status_code == status, depth


def test_a_header_holds_what_a_header_may_hold() -> None:
    async def made(request: Request, service: Any) -> Response:
        return Response(201, headers={"Location": f"/things/{request.path['id']}"})

    routes = [Route("PUT", "/things/{id}", made, public=True)]
    app = build([Api(routes=routes, service=None, policy=Policy({}), authenticator=Tokens(), error=error)])
    for id, told in (("\u202e", "%E2%80%AE"), ("a%0d%0ab", "a%0D%0Ab"), ("a+b=c", "a+b=c")):
        answer = testing.TestClient(app).simulate_put(f"/things/{id}")
        assert answer.status_code == 201 and answer.headers["location"] == f"/things/{told}"
