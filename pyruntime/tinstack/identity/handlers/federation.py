"""Identity providers, mappings, protocols and service providers. Source: Identity API v3 extension OS-FEDERATION.

Kept and shown; the service providers that are enabled stand in tokens. Nobody signs in by federation yet.
"""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.db import Duplicate
from tinstack.core.http import Request
from tinstack.identity import projects, views
from tinstack.identity.errors import Invalid, Missing
from tinstack.identity.handlers.common import required
from tinstack.identity.handlers.nouns import Exists, Noun
from tinstack.identity.identity import Identity
from tinstack.identity.rows import IdentityProvider, Mapping, Protocol, ServiceProvider
from tinstack.identity.store import Writer

PATH = "OS-FEDERATION"
RELAY_STATE_PREFIX = "ss:mem:"


def _idp_view(request: Request, row: IdentityProvider) -> views.Body:
    shown = views.plain(request, row, f"{PATH}/identity_providers")
    shown["links"]["protocols"] = f"{shown['links']['self']}/protocols"
    return shown


providers = Noun(
    IdentityProvider,
    "identity_provider",
    f"{PATH}/identity_providers",
    "idp_id",
    filters=("id", "enabled"),
    view=_idp_view,
)
mappings = Noun(Mapping, "mapping", f"{PATH}/mappings", "mapping_id")
service_providers = Noun(
    ServiceProvider,
    "service_provider",
    f"{PATH}/service_providers",
    "service_provider_id",
    filters=("id", "enabled"),
)


# --- identity providers ---------------------------------------------------------------------------


async def _check_remote_ids(writer: Writer, row: IdentityProvider) -> None:
    for other in await writer.all(IdentityProvider):
        if other.id != row.id and set(other.remote_ids) & set(row.remote_ids):
            raise Exists(kind="remote id")


async def create_provider(request: Request, identity: Identity) -> object:
    """A new identity provider, under the id in the path; without a domain it gets one of its own."""
    given, id = request.body["identity_provider"], request.path["idp_id"]
    if await identity.store.one(IdentityProvider, id=id):
        raise Exists(kind="identity provider")
    domain_id = given.get("domain_id")
    if domain_id:
        required((await identity.now()).domain(domain_id), "domain", domain_id)
    else:
        about = {"name": uuid4().hex, "description": f"For the users of the identity provider {id}"}
        domain_id = (await projects.create_domain(identity, about)).id
    row = IdentityProvider(
        id=id,
        domain_id=domain_id,
        enabled=given.get("enabled", False),
        description=given.get("description"),
        remote_ids=given.get("remote_ids") or [],
        authorization_ttl=given.get("authorization_ttl"),
    )
    await _write_provider(identity, row, new=True)
    return providers.body(request, row)


async def _write_provider(identity: Identity, row: IdentityProvider, *, new: bool) -> None:

    async def work(writer: Writer) -> None:
        await _check_remote_ids(writer, row)
        if new:
            await writer.insert(row)
        elif not await writer.replace(row):
            raise Missing(kind="identity provider", id=row.id)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise Exists(kind="identity provider") from error


async def update_provider(request: Request, identity: Identity) -> object:
    """Change an identity provider."""
    row, given = await providers.found(request, identity), request.body["identity_provider"]
    names = ("enabled", "description", "remote_ids", "authorization_ttl")
    changes = {name: given[name] for name in names if name in given}
    if changes.get("remote_ids", ()) is None:
        changes["remote_ids"] = []
    changed = msgspec.structs.replace(row, **changes)
    await _write_provider(identity, changed, new=False)
    return providers.body(request, changed)


async def delete_provider(request: Request, identity: Identity) -> None:
    """Forget an identity provider with its protocols."""
    id = (await providers.found(request, identity)).id

    async def work(writer: Writer) -> None:
        await writer.delete(Protocol, idp_id=id)
        await writer.delete(IdentityProvider, id=id)

    await identity.store.write(work)


# --- protocols ------------------------------------------------------------------------------------


def _protocol_view(request: Request, row: Protocol) -> views.Body:
    own = f"{PATH}/identity_providers/{row.idp_id}"
    shown = views.plain(request, row, f"{own}/protocols")
    del shown["idp_id"]
    shown["links"]["identity_provider"] = f"{request.root_url}/v3/{own}"
    return shown


async def _protocol(request: Request, identity: Identity) -> Protocol:
    idp_id, id = request.path["idp_id"], request.path["protocol_id"]
    row: Protocol = required(await identity.store.one(Protocol, idp_id=idp_id, id=id), "protocol", id)
    return row


async def _check_mapping(writer: Writer, mapping_id: str) -> None:
    if not await writer.there(Mapping, id=mapping_id):
        raise Invalid(f"There is no mapping {mapping_id}.")


async def protocols(request: Request, identity: Identity) -> object:
    """The protocols of an identity provider."""
    provider = await providers.found(request, identity)
    rows = await identity.store.find(Protocol, idp_id=provider.id)
    path = f"/v3/{PATH}/identity_providers/{provider.id}/protocols"
    return views.collection(request, "protocols", (_protocol_view(request, row) for row in rows), path)


async def create_protocol(request: Request, identity: Identity) -> object:
    """A new protocol of an identity provider."""
    provider, given = await providers.found(request, identity), request.body["protocol"]
    row = Protocol(
        idp_id=provider.id,
        id=request.path["protocol_id"],
        mapping_id=given["mapping_id"],
        remote_id_attribute=given.get("remote_id_attribute"),
    )

    async def work(writer: Writer) -> None:
        await _check_mapping(writer, row.mapping_id)
        await writer.insert(row)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise Exists(kind="protocol") from error
    return {"protocol": _protocol_view(request, row)}


async def protocol(request: Request, identity: Identity) -> object:
    """One protocol."""
    return {"protocol": _protocol_view(request, await _protocol(request, identity))}


async def update_protocol(request: Request, identity: Identity) -> object:
    """Change a protocol."""
    row, given = await _protocol(request, identity), request.body["protocol"]
    changes = {name: given[name] for name in ("mapping_id", "remote_id_attribute") if name in given}
    changed = msgspec.structs.replace(row, **changes)

    async def work(writer: Writer) -> None:
        await _check_mapping(writer, changed.mapping_id)
        if not await writer.replace(changed):
            raise Missing(kind="protocol", id=row.id)

    await identity.store.write(work)
    return {"protocol": _protocol_view(request, changed)}


async def delete_protocol(request: Request, identity: Identity) -> None:
    """Forget a protocol."""
    row = await _protocol(request, identity)
    await identity.store.write(lambda writer: writer.delete(Protocol, idp_id=row.idp_id, id=row.id))


# --- mappings -------------------------------------------------------------------------------------


async def create_mapping(request: Request, identity: Identity) -> object:
    """A new mapping, under the id in the path."""
    given = request.body["mapping"]
    row = Mapping(
        id=request.path["mapping_id"], rules=given["rules"], schema_version=given.get("schema_version") or "1.0"
    )
    return await mappings.add(request, identity, row)


async def update_mapping(request: Request, identity: Identity) -> object:
    """Replace a mapping's rules."""
    row, given = await mappings.found(request, identity), request.body["mapping"]
    version = given.get("schema_version") or row.schema_version
    return await mappings.change(request, identity, row, rules=given["rules"], schema_version=version)


# --- service providers ----------------------------------------------------------------------------


async def create_service_provider(request: Request, identity: Identity) -> object:
    """A new service provider, under the id in the path."""
    given: dict[str, Any] = request.body["service_provider"]
    row = ServiceProvider(
        id=request.path["service_provider_id"],
        auth_url=given["auth_url"],
        sp_url=given["sp_url"],
        description=given.get("description"),
        enabled=given.get("enabled", False),
        relay_state_prefix=given.get("relay_state_prefix") or RELAY_STATE_PREFIX,
    )
    return await service_providers.add(request, identity, row)


async def update_service_provider(request: Request, identity: Identity) -> object:
    """Change a service provider."""
    row, given = await service_providers.found(request, identity), request.body["service_provider"]
    changes = {name: value for name, value in given.items() if name in row.__struct_fields__ and name != "id"}
    if changes.get("relay_state_prefix", "") is None:
        changes["relay_state_prefix"] = RELAY_STATE_PREFIX
    return await service_providers.change(request, identity, row, **changes)
