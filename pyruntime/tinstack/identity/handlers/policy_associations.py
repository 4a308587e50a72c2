"""Which policy document is for which endpoint. Source: Identity API v3 extension OS-ENDPOINT-POLICY.

A document may be named for an endpoint, for a service in a region, or for a service; for an endpoint they count in that order,
and a region's counts for the regions below it.
"""

from tinstack.core.http import Request
from tinstack.identity import views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import required
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Endpoint, Policy, PolicyAssociation
from tinstack.identity.snapshot import Snapshot
from tinstack.identity.store import Writer


async def _policy(request: Request, identity: Identity) -> Policy:
    id = request.path["policy_id"]
    found: Policy = required(await identity.store.one(Policy, id=id), "policy", id)
    return found


async def _named(request: Request, identity: Identity) -> PolicyAssociation:
    """What the path says, all of which is there. Raises Missing."""
    policy, snapshot, path = await _policy(request, identity), await identity.now(), request.path
    for parameter, there in (
        ("endpoint_id", snapshot.endpoints),
        ("service_id", snapshot.services),
        ("region_id", snapshot.regions),
    ):
        if parameter in path and path[parameter] not in there:
            raise Missing(kind=parameter.removesuffix("_id"), id=path[parameter])
    return PolicyAssociation(
        endpoint_id=path.get("endpoint_id", ""),
        service_id=path.get("service_id", ""),
        region_id=path.get("region_id", ""),
        policy_id=policy.id,
    )


def _target(row: PolicyAssociation) -> dict[str, str]:
    return {"endpoint_id": row.endpoint_id, "service_id": row.service_id, "region_id": row.region_id}


async def create(request: Request, identity: Identity) -> None:
    """Name the document; what was named there before is replaced."""
    row = await _named(request, identity)

    async def work(writer: Writer) -> None:
        await writer.delete(PolicyAssociation, **_target(row))
        await writer.insert(row)

    await identity.store.write(work)


async def check(request: Request, identity: Identity) -> None:
    """204 when it is named, else 404."""
    row = await _named(request, identity)
    if await identity.store.one(PolicyAssociation, **_target(row), policy_id=row.policy_id) is None:
        raise Missing(kind="policy association of policy", id=row.policy_id)


async def delete(request: Request, identity: Identity) -> None:
    """Name it no more."""
    row = await _named(request, identity)
    where = {**_target(row), "policy_id": row.policy_id}
    if not await identity.store.write(lambda writer: writer.delete(PolicyAssociation, **where)):
        raise Missing(kind="policy association of policy", id=row.policy_id)


async def policy_of_endpoint(request: Request, identity: Identity) -> object:
    """The document that counts for an endpoint. Raises Missing where there is none."""
    snapshot, id = await identity.now(), request.path["endpoint_id"]
    endpoint: Endpoint = required(snapshot.endpoints.get(id), "endpoint", id)
    named = {tuple(_target(row).values()): row for row in await identity.store.find(PolicyAssociation)}
    for target in _targets(snapshot, endpoint):
        if (row := named.get(target)) and (policy := await identity.store.one(Policy, id=row.policy_id)):
            return {"policy": views.policy(request, policy)}
    raise Missing(kind="policy for endpoint", id=id)


def _targets(snapshot: Snapshot, endpoint: Endpoint) -> list[tuple[str, ...]]:
    """What may be named for an endpoint, the most special first."""
    targets: list[tuple[str, ...]] = [(endpoint.id, "", "")]
    region_id, seen = endpoint.region_id, set[str]()
    while region_id and region_id in snapshot.regions and region_id not in seen:
        seen.add(region_id)
        targets.append(("", endpoint.service_id, region_id))
        region_id = snapshot.regions[region_id].parent_region_id
    return [*targets, ("", endpoint.service_id, "")]


async def endpoints_of_policy(request: Request, identity: Identity) -> object:
    """The endpoints for which a document counts."""
    policy, snapshot = await _policy(request, identity), await identity.now()
    named = {tuple(_target(row).values()): row.policy_id for row in await identity.store.find(PolicyAssociation)}
    found = []
    for endpoint in snapshot.endpoints.values():
        first = next((target for target in _targets(snapshot, endpoint) if target in named), None)
        if first is not None and named[first] == policy.id:
            found.append(views.endpoint(request, endpoint))
    return views.collection(request, "endpoints", found, f"/v3/policies/{policy.id}/OS-ENDPOINT-POLICY/endpoints")
