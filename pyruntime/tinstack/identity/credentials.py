"""The rules of credentials: secrets kept for users, sealed. Those of type ``ec2`` are found by their access key."""

import hashlib
import secrets
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict
from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Invalid, Missing
from tinstack.identity.fernet import Token
from tinstack.identity.identity import Identity

EC2 = "ec2"
KNOWN = {"id", "user_id", "project_id", "type", "blob", "links"}
BOUND = ("trust_id", "app_cred_id", "access_token_id")
"""What the blob of an EC2 credential says of the delegated token that made it; it can't be changed."""


class Exists(Conflict):
    """409: the access key is in use."""

    code, message = "identity.credential.exists", "There is a credential with that access key already."


def id_of(access: str) -> str:
    """The id of the EC2 credential with that access key."""
    return hashlib.sha256(access.encode()).hexdigest()


def confine(token: Token, project_id: str | None) -> None:
    """A delegated token reaches only what belongs to its own project. Raises ActionForbidden."""
    if token.delegated and (token.scope.kind != "project" or token.scope.id != project_id):
        raise ActionForbidden(why="the credential is not of the project of this delegated token")


async def create(identity: Identity, token: Token, given: dict[str, Any]) -> tuple[rows.Credential, str]:
    """A new one with its blob. Raises Missing, Invalid, Exists, ActionForbidden."""
    kind, blob, id = given["type"], given["blob"], uuid4().hex
    confine(token, given.get("project_id"))
    if kind.lower() == EC2:
        if not given.get("project_id"):
            raise Invalid("A credential of type ec2 needs a project_id.")
        said = _ec2_blob(blob)
        bound = (token.trust_id, token.application_credential_id, token.access_token_id)
        if any(bound):
            said |= {name: value for name, value in zip(BOUND, bound, strict=True) if value}
            blob = msgspec.json.encode(said).decode()
        id = id_of(said["access"])
    credential = rows.Credential(
        id=id,
        user_id=given["user_id"],
        project_id=given.get("project_id"),
        type=kind,
        sealed=identity.sealer.seal(blob),
        extra={name: value for name, value in given.items() if name not in KNOWN},
    )
    await _insert(identity, credential)
    return credential, blob


async def _insert(identity: Identity, credential: rows.Credential) -> None:
    try:
        await identity.store.write(lambda writer: writer.insert(credential))
    except Duplicate as error:
        raise Exists from error


async def update(identity: Identity, before: rows.Credential, given: dict[str, Any]) -> tuple[rows.Credential, str]:
    """Another blob. Raises Invalid for what can't be changed, Missing."""
    for name in ("type", "user_id", "project_id", "id"):
        if given.get(name, getattr(before, name)) != getattr(before, name):
            raise Invalid(f"The {name} of a credential can't be changed.")
    blob = identity.sealer.open(before.sealed)
    if "blob" in given:
        if before.type.lower() == EC2:
            old, new = _ec2_blob(blob), _ec2_blob(given["blob"])
            for name in BOUND:
                if old.get(name) != new.get(name):
                    raise Invalid(f"{name} can't be changed in a credential.")
        blob = given["blob"]
    changed = msgspec.structs.replace(
        before,
        sealed=identity.sealer.seal(blob),
        extra={**before.extra, **{name: value for name, value in given.items() if name not in KNOWN}},
    )
    if not await identity.store.write(lambda writer: writer.replace(changed)):
        raise Missing(kind="credential", id=before.id)
    return changed, blob


async def delete(identity: Identity, credential: rows.Credential) -> None:
    """Forget it."""
    await identity.store.write(lambda writer: writer.delete(rows.Credential, id=credential.id))


def _ec2_blob(blob: str) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(blob)
    except msgspec.DecodeError as error:
        raise Invalid("The blob of a credential of type ec2 is a JSON object.") from error
    if not isinstance(said, dict) or not isinstance(said.get("access"), str) or not said["access"]:
        raise Invalid("The blob of a credential of type ec2 is a JSON object with the key access.")
    return said


async def create_ec2(identity: Identity, token: Token, user_id: str, project_id: str) -> rows.Credential:
    """A new pair of keys. Raises ActionForbidden, Exists."""
    confine(token, project_id)
    said = {"access": uuid4().hex, "secret": secrets.token_hex(16), "trust_id": token.trust_id}
    if token.application_credential_id:
        said["app_cred_id"] = token.application_credential_id
    credential = rows.Credential(
        id=id_of(str(said["access"])),
        user_id=user_id,
        project_id=project_id,
        type=EC2,
        sealed=identity.sealer.seal(msgspec.json.encode(said).decode()),
    )
    await _insert(identity, credential)
    return credential


def ec2_keys(identity: Identity, credential: rows.Credential) -> dict[str, Any]:
    """``access``, ``secret`` and what it is bound to. Raises Invalid for a blob that holds no keys."""
    return _ec2_blob(identity.sealer.open(credential.sealed))
