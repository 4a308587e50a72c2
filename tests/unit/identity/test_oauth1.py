"""OAuth: from a consumer's request to a token that ends with the user's leave."""

import base64
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import parse_qsl, quote
from uuid import uuid4

import pytest

from tinstack.identity.oauth1 import Signed

from .conftest import Rig


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")


BASE = "http://falconframework.org/v3"


def sign(method: str, path: str, consumer: Any, token: tuple[str, str] = ("", ""), **more: str) -> str:
    """An Authorization header, by the RFC's own words."""
    given = {
        "oauth_consumer_key": consumer["id"],
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(int(time.time())),
        "oauth_nonce": uuid4().hex,
        "oauth_version": "1.0",
        **({"oauth_token": token[0]} if token[0] else {}),
        **more,
    }
    parameters = "&".join(f"{_quoted(name)}={_quoted(given[name])}" for name in sorted(given))
    text = "&".join((method, _quoted(f"{BASE}{path}"), _quoted(parameters)))
    key = f"{consumer['secret']}&{token[1]}"
    given["oauth_signature"] = base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return "OAuth " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in given.items())


def test_the_rfcs_example_of_a_signature() -> None:
    """RFC 5849, 1.2, with the clock set aside."""
    header = (
        'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", '
        'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", '
        'oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"'
    )
    query = [("file", "vacation.jpg"), ("size", "original")]
    signed = Signed("GET", "http://photos.example.net/photos", query, header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 137131202.0)
        signed.check("kd94hf93k423kf44", "pfkkdhi9sl3r4s00")


class Party:
    """A consumer, and the admin who lets it in to its project with the role reader."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def set_up(self) -> "Party":
        self.admin = await self.rig.token()
        body = (await self.rig.validate(self.admin, self.admin)).json["token"]
        self.project_id, self.user_id = body["project"]["id"], body["user"]["id"]
        self.consumer = (await self.rig.send("POST", "/v3/OS-OAUTH1/consumers", {"consumer": {}}, self.admin)).json[
            "consumer"
        ]
        return self

    async def request(self, header: str = "") -> Any:
        path = "/OS-OAUTH1/request_token"
        sent = {"Authorization": header or sign("POST", path, self.consumer, oauth_callback="oob")}
        return await self.rig.send("POST", f"/v3{path}", **sent, Requested_Project_Id=self.project_id)

    async def access(self) -> tuple[str, str]:
        asked = dict(parse_qsl((await self.request()).text))
        pair = asked["oauth_token"], asked["oauth_token_secret"]
        body = {"roles": [{"name": "reader"}]}
        path = f"/v3/OS-OAUTH1/authorize/{pair[0]}"
        verifier = (await self.rig.send("PUT", path, body, self.admin)).json["token"]["oauth_verifier"]
        header = sign("POST", "/OS-OAUTH1/access_token", self.consumer, pair, oauth_verifier=verifier)
        answer = await self.rig.send("POST", "/v3/OS-OAUTH1/access_token", Authorization=header)
        assert answer.status_code == 201, answer.text
        again = await self.rig.send("POST", "/v3/OS-OAUTH1/access_token", Authorization=header)
        assert again.status_code == 404
        got = dict(parse_qsl(answer.text))
        return got["oauth_token"], got["oauth_token_secret"]

    async def sign_in(self, access: tuple[str, str]) -> Any:
        header = sign("POST", "/auth/tokens", self.consumer, access)
        body = {"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}}}
        return await self.rig.send("POST", "/v3/auth/tokens", body, Authorization=header)


@pytest.fixture
async def party(rig: Rig) -> Party:
    return await Party(rig).set_up()


async def test_a_consumer_gets_a_token_with_what_was_granted_until_it_is_taken_back(party: Party) -> None:
    access = await party.access()
    answer = await party.sign_in(access)
    token = answer.json["token"]
    assert token["methods"] == ["oauth1"]
    assert [role["name"] for role in token["roles"]] == ["reader"]
    assert token["OS-OAUTH1"] == {"access_token_id": access[0], "consumer_id": party.consumer["id"]}
    text = answer.headers["X-Subject-Token"]
    assert (await party.rig.validate(text, party.admin)).status_code == 200
    path = f"/v3/users/{party.user_id}/OS-OAUTH1/access_tokens/{access[0]}"
    assert (await party.rig.send("GET", path, token=text)).status_code == 403
    assert (await party.rig.send("GET", f"{path}/roles", token=party.admin)).json["roles"][0]["name"] == "reader"
    assert (await party.rig.send("DELETE", path, token=party.admin)).status_code == 204
    assert (await party.rig.validate(text, party.admin)).status_code == 404
    assert (await party.sign_in(access)).status_code == 401


async def test_its_tokens_end_with_the_consumer(party: Party) -> None:
    text = (await party.sign_in(await party.access())).headers["X-Subject-Token"]
    path = f"/v3/OS-OAUTH1/consumers/{party.consumer['id']}"
    assert "secret" not in (await party.rig.send("GET", path, token=party.admin)).json["consumer"]
    assert (await party.rig.send("PATCH", path, {"consumer": {"secret": "x"}}, party.admin)).status_code == 400
    assert (await party.rig.send("DELETE", path, token=party.admin)).status_code == 204
    assert (await party.rig.validate(text, party.admin)).status_code == 404


async def test_a_wrong_signature_is_401_and_half_a_request_400(party: Party) -> None:
    forged = party.consumer | {"secret": "x"}
    assert (await party.request(sign("POST", "/OS-OAUTH1/request_token", forged))).status_code == 401
    old = sign("POST", "/OS-OAUTH1/request_token", party.consumer, oauth_timestamp="1000")
    assert (await party.request(old)).status_code == 401
    assert (await party.request("OAuth nonsense")).status_code == 400
    assert (await party.request('OAuth realm="x"')).status_code == 400
