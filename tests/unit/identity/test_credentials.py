"""Credentials: who may see them, and how they are kept."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from tinstack.identity import tables
from tinstack.identity.sealing import Sealer, Unreadable

from .conftest import Rig


async def _keep(rig: Rig, token: str, **fields: Any) -> Any:
    body = {"credential": {"type": "totp", "blob": "seed", **fields}}
    return await rig.send("POST", "/v3/credentials", body, token)


async def test_what_is_kept_is_not_readable_in_the_database(rig: Rig) -> None:
    token = await rig.token()
    user = await rig.make(token, "user", name="u")
    made = (await _keep(rig, token, user_id=user["id"], blob="very secret")).json["credential"]
    assert made["blob"] == "very secret"
    kept = await rig.database.scalar(
        sa.select(tables.credentials.c.sealed).where(tables.credentials.c.id == made["id"])
    )
    assert "very secret" not in kept
    assert (await rig.send("GET", f"/v3/credentials/{made['id']}", token=token)).json["credential"][
        "blob"
    ] == "very secret"


def test_a_rotated_key_still_opens_and_a_lost_one_does_not() -> None:
    old, new = "A" * 43 + "=", "B" * 42 + "A="
    sealed = Sealer(old).seal("text")
    assert Sealer(f"{new}\n{old}").open(sealed) == "text"
    with pytest.raises(Unreadable):
        Sealer(new).open(sealed)


async def test_a_user_sees_its_own_and_no_other(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="p")
    users = [await rig.person(admin, name, "member", "projects", project["id"]) for name in ("one", "two")]
    mine, others = [(await _keep(rig, admin, user_id=user["id"])).json["credential"]["id"] for user in users]
    token = await rig.token("one", "pw", project="p")
    listed = (await rig.send("GET", "/v3/credentials", token=token)).json["credentials"]
    assert [one["id"] for one in listed] == [mine]
    assert (await rig.send("GET", f"/v3/credentials/{others}", token=token)).status_code == 403
    assert (await rig.send("GET", "/v3/credentials/unknown", token=token)).status_code == 403
    assert (await rig.send("DELETE", f"/v3/credentials/{others}", token=token)).status_code == 403
    assert (await rig.send("DELETE", f"/v3/credentials/{mine}", token=token)).status_code == 204
    assert (await rig.send("GET", f"/v3/credentials/{mine}", token=admin)).status_code == 404


async def test_only_the_blob_can_be_changed(rig: Rig) -> None:
    token = await rig.token()
    user = await rig.make(token, "user", name="u")
    path = f"/v3/credentials/{(await _keep(rig, token, user_id=user['id'])).json['credential']['id']}"
    changed = await rig.send("PATCH", path, {"credential": {"blob": "other"}}, token)
    assert changed.json["credential"]["blob"] == "other"
    assert (await rig.send("PATCH", path, {"credential": {"type": "cert"}}, token)).status_code == 400


@pytest.mark.parametrize("blob", ["no json", "[]", "{}", '{"access": 1}'])
async def test_an_ec2_credential_without_an_access_key_is_400(rig: Rig, blob: str) -> None:
    token = await rig.token()
    user = await rig.make(token, "user", name="u")
    project = await rig.make(token, "project", name="p")
    answer = await _keep(rig, token, user_id=user["id"], project_id=project["id"], type="ec2", blob=blob)
    assert answer.status_code == 400


async def test_an_access_key_is_used_once(rig: Rig) -> None:
    token = await rig.token()
    user = await rig.make(token, "user", name="u")
    project = await rig.make(token, "project", name="p")
    fields = {"user_id": user["id"], "project_id": project["id"], "type": "ec2", "blob": json.dumps({"access": "a"})}
    assert (await _keep(rig, token, **fields)).status_code == 201
    assert (await _keep(rig, token, **fields)).status_code == 409
    assert (await _keep(rig, token, **(fields | {"project_id": None}))).status_code == 400


async def test_ec2_keys_come_and_go_with_their_user(rig: Rig) -> None:
    admin = await rig.token()
    project = await rig.make(admin, "project", name="p")
    user = await rig.person(admin, "one", "member", "projects", project["id"])
    token = await rig.token("one", "pw", project="p")
    path = f"/v3/users/{user['id']}/credentials/OS-EC2"
    made = (await rig.send("POST", path, {"tenant_id": project["id"]}, token)).json["credential"]
    assert made["user_id"] == user["id"]
    assert made["links"]["self"].endswith(f"{path}/{made['access']}")
    assert (await rig.send("GET", f"{path}/{made['access']}", token=token)).json["credential"]["secret"] == made[
        "secret"
    ]
    assert (await rig.send("GET", f"{path}/unknown", token=token)).status_code == 404
    listed = (await rig.send("GET", "/v3/credentials?type=ec2", token=token)).json["credentials"]
    assert json.loads(listed[0]["blob"])["access"] == made["access"]
    assert (await rig.send("DELETE", f"/v3/users/{user['id']}", token=admin)).status_code == 204
    assert await rig.database.scalar(sa.select(sa.func.count()).select_from(tables.credentials)) == 0
