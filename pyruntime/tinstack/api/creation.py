"""Steps 6 to 8: from a create request to servers on record and a scheduler that was asked. Changes nothing until step 7."""

import base64
import binascii
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.api import devices, images, names, networks
from tinstack.api.devices import DevicePlan
from tinstack.api.errors import Invalid, TooMany
from tinstack.api.hosts import fleet_of
from tinstack.api.networks import NetworkPlan
from tinstack.api.numbers import number
from tinstack.api.operations import asked_by
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.computedb import flavors, groups, keypairs, quota_limits, store
from tinstack.computedb.flavors import Flavor
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Begun
from tinstack.conductor.rpc import FlavorDetails
from tinstack.core.clock import now_us
from tinstack.core.errors import NotImplementedHere
from tinstack.core.http import Request
from tinstack.core.together import both
from tinstack.scheduler import rpc as scheduler

MOST = 1000
"""Servers of one request."""


class Placement(msgspec.Struct, kw_only=True):
    """Where the user wants it. ``zone`` as asked for, which pins the server to it."""

    zone: str | None = None
    host: str | None = None


class Plan(msgspec.Struct, kw_only=True):
    """A request that was found good."""

    body: dict[str, Any]
    flavor: Flavor
    disks: DevicePlan
    nets: NetworkPlan
    place: Placement
    hints: dict[str, Any]
    group: str | None
    public_key: str | None
    limits: dict[str, int]
    least: int
    most: int


async def check(compute: Compute, request: Request) -> Plan:
    """Step 6. Raises what is wrong, as a 400, 403 or 409 of one sentence."""
    body = request.body["server"]
    least, most = _counts(body)
    check_offered(body)
    flavor = await _flavor(compute, request, str(body["flavorRef"]))
    check_user_data(body.get("user_data"))
    limits = await quota_limits.limits(compute.db, compute.default_quotas, request.project_id, request.user_id)
    check_metadata(body.get("metadata") or {}, limits["metadata_items"])
    asked = body.get("networks")
    disks, nets = await both(
        devices.plan(compute, request.context, body, most, flavor),
        networks.plan(compute, request.context, asked, body.get("security_groups"), most),
    )
    if disks.volumes:
        request.authorize("os_compute_api:servers:create:attach_volume")
    _check_image(request, disks, flavor)
    if isinstance(asked, list) and asked:
        request.authorize("os_compute_api:servers:create:attach_network")
    hints = request.body.get("os:scheduler_hints") or request.body.get("OS-SCH-HNT:scheduler_hints") or {}
    return Plan(
        body=body,
        flavor=flavor,
        disks=disks,
        nets=nets,
        place=await _place(compute, request, body),
        hints=hints,
        group=await _group(compute, request, hints),
        public_key=await public_key(compute, request, body.get("key_name")),
        limits=limits,
        least=least,
        most=most,
    )


def _counts(body: dict[str, Any]) -> tuple[int, int]:
    least = number(body.get("min_count", 1), "min_count", 1)
    most = number(body.get("max_count", least), "max_count", 1)
    if least > most:
        raise Invalid("min_count must be <= max_count")
    if most > MOST:
        raise Invalid(f"max_count must be <= {MOST}")
    return least, most


def check_offered(body: dict[str, Any]) -> None:
    """What is promised must be done: files are not injected, and signatures of images not verified."""
    if body.get("personality"):
        raise NotImplementedHere("Files can't be injected into servers here; use user_data.")
    if body.get("trusted_image_certificates"):
        raise Invalid("Trusted image certificates are given, but signatures of images are not verified here.")


async def _flavor(compute: Compute, request: Request, ref: str) -> Flavor:
    """By id, or by a link that ends in it."""
    project = None if request.context.is_admin else request.project_id
    found = await flavors.get(compute.db, ref.rstrip("/").rsplit("/", 1)[-1], project)
    if found is None or found.disabled:
        raise Invalid(f"Flavor {ref} could not be found.")
    return found


def check_user_data(text: str | None) -> None:
    """Raises Invalid."""
    if not text:
        return
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("Userdata content cannot be decoded: it must be base64.") from error


def check_metadata(metadata: dict[str, str], most: int) -> None:
    """Raises TooMany."""
    if 0 <= most < len(metadata):
        raise TooMany(f"Quota exceeded, too many metadata items: at most {most} are allowed.")


def _check_image(request: Request, disks: DevicePlan, flavor: Flavor) -> None:
    if disks.image is None:
        return
    images.check_fits(disks.image, flavor, on_volume=disks.on_volume)
    if not disks.on_volume and flavor.root_gib == 0:
        request.authorize("os_compute_api:servers:create:zero_disk_flavor")


async def _place(compute: Compute, request: Request, body: dict[str, Any]) -> Placement:
    zone, _, rest = (body.get("availability_zone") or "").partition(":")
    host = rest.partition(":")[0] or rest.rpartition(":")[2]
    if host:
        request.authorize("os_compute_api:servers:create:forced_host")
    wanted = body.get("host") or body.get("hypervisor_hostname")
    if wanted:
        request.authorize("compute:servers:create:requested_destination")
        if host:
            raise Invalid("A host is named twice: in availability_zone and as host.")
        host = wanted
    if not zone and not host:
        return Placement()
    known = await fleet_of(compute)
    if host and host not in {one.host for one in known.computes()}:
        raise Invalid(f"Compute host {host} could not be found.")
    if zone and zone not in {known.zone(one) for one in known.computes()}:
        raise Invalid("The requested availability zone is not available")
    return Placement(zone=zone or None, host=host or None)


async def _group(compute: Compute, request: Request, hints: dict[str, Any]) -> str | None:
    id = hints.get("group")
    if id is None:
        return None
    found = await groups.get(compute.db, str(id))
    if found is None or found.project_id != request.project_id:
        raise Invalid(f"Instance group {id} could not be found.")
    return found.id


async def public_key(compute: Compute, request: Request, name: str | None) -> str | None:
    """Of the user's pair of that name. Raises Invalid."""
    if name is None:
        return None
    pair = await keypairs.get(compute.db, request.user_id, name)
    if pair is None:
        raise Invalid("Invalid key_name provided.")
    return pair.public_key


class Made(msgspec.Struct):
    """Servers on record. ``password``: the first one's administrator's."""

    begun: list[Begun]
    password: str
    reservation: str


async def record(compute: Compute, request: Request, plan: Plan) -> Made:
    """Step 7: instances, operations and quota in one transaction. Raises OverQuota, 403."""
    password = plan.body.get("adminPass") or names.password()
    reservation = names.reservation()
    rows = [_row(compute, request, plan, at, password, reservation) for at in range(plan.most)]
    asked = asked_by(compute, request, compute.config.boot_deadline_seconds)
    data = {"forced_host": plan.place.host} if plan.place.host else {}
    begun = await store.create_servers(compute.db, rows, plan.limits, asked, least=plan.least, data=data)
    return Made(begun, password, reservation)


def _row(compute: Compute, request: Request, plan: Plan, at: int, password: str, reservation: str) -> Instance:
    body, flavor, now, id = plan.body, plan.flavor, now_us(), str(uuid4())
    name = names.numbered(body["name"].strip(), at, plan.most)
    hostname = body.get("hostname")
    config_drive = truth(body.get("config_drive") or False)
    return Instance(
        id=id,
        project_id=request.project_id,
        user_id=request.user_id,
        name=name,
        hostname=names.numbered(hostname, at, plan.most) if hostname else names.hostname_of(name, id),
        description=body.get("description") if request.at_least(2, 19) else name,
        vm_state="building",
        task_state="scheduling",
        availability_zone=plan.place.zone,
        pinned_zone=plan.place.zone,
        image_id=plan.disks.image_id,
        image_properties=plan.disks.properties,
        flavor_id=flavor.id,
        flavor=FlavorDetails(
            name=flavor.name,
            vcpus=flavor.vcpus,
            ram_mib=flavor.ram_mib,
            root_gib=flavor.root_gib,
            ephemeral_gib=flavor.ephemeral_gib,
            swap_mib=flavor.swap_mib,
            extra_specs=flavor.extra_specs,
        ),
        reservation_id=reservation,
        launch_index=at,
        key_name=body.get("key_name"),
        public_key=plan.public_key,
        user_data=body.get("user_data") or None,
        admin_password=password if config_drive else None,
        config_drive=config_drive,
        disk_config=body.get("OS-DCF:diskConfig", "MANUAL"),
        access_ip_v4=names.canonical(body.get("accessIPv4")),
        access_ip_v6=names.canonical(body.get("accessIPv6")),
        metadata=body.get("metadata") or {},
        tags=sorted(set(body.get("tags") or [])),
        security_groups=plan.nets.group_names,
        ports=plan.nets.ports(),
        volumes=plan.disks.each(),
        scheduler_hints=plan.hints,
        trusted_certs=body.get("trusted_image_certificates"),
        root_device=plan.disks.root_device,
        server_group=plan.group,
        audit_id=request.context.audit_id or None,
        created_at=now,
        updated_at=now,
    )


async def ask_scheduler(compute: Compute, begun: Begun) -> None:
    """Step 8. Where it can't be asked, the operation's lease runs out and the conductor goes on."""
    server, operation = begun.server, begun.operation
    message = scheduler.SelectHost(server_id=server.id, operation_id=operation.id, generation=operation.generation)
    with compute.tracer.step(8, server.id):
        await compute.bus.call(scheduler.TOPIC, message, scheduler.Accepted)
