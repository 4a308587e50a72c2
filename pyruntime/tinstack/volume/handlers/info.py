"""Versions, services, pools, capabilities, hosts, zones and extensions."""

import msgspec
from sqlalchemy import func, select

from tinstack.core.clock import iso_us, now_us
from tinstack.core.db import Duplicate, Transaction, values
from tinstack.core.errors import NotFound
from tinstack.core.http import Request, Response
from tinstack.volume import tables as t
from tinstack.volume import views
from tinstack.volume.parts import Parts
from tinstack.volume.rows import ServiceRow

MINIMUM, MAXIMUM = "3.0", "3.70"

EXTENSIONS = {
    "os-admin-actions": "AdminActions",
    "os-availability-zone": "AvailabilityZones",
    "os-extended-services": "ExtendedServices",
    "os-extended-snapshot-attributes": "ExtendedSnapshotAttributes",
    "os-hosts": "Hosts",
    "os-image-create": "CreateVolumeExtension",
    "os-quota-class-sets": "QuotaClasses",
    "os-quota-sets": "Quotas",
    "os-services": "Services",
    "os-snapshot-actions": "SnapshotActions",
    "os-types-extra-specs": "TypesExtraSpecs",
    "os-types-manage": "TypesManage",
    "os-used-limits": "UsedLimits",
    "os-vol-host-attr": "VolumeHostAttribute",
    "os-vol-image-meta": "VolumeImageMetadata",
    "os-vol-mig-status-attr": "VolumeMigStatusAttribute",
    "os-vol-tenant-attr": "VolumeTenantAttribute",
    "os-volume-actions": "VolumeActions",
    "os-volume-type-access": "VolumeTypeAccess",
    "scheduler-stats": "Scheduler_stats",
    "capabilities": "Capabilities",
}


def _version(request: Request) -> views.Body:
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": MAXIMUM,
        "min_version": MINIMUM,
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{request.root_url}/v3/"},
        ],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
    }


async def versions(request: Request, parts: Parts) -> Response:
    """The versions document."""
    return Response(300, {"versions": [_version(request)]})


async def version(request: Request, parts: Parts) -> views.Body:
    """The document of v3."""
    return {"versions": [_version(request)]}


# --- services -----------------------------------------------------------------------------------


async def _services(parts: Parts) -> list[ServiceRow]:
    """What runs here, with what operators said of it."""
    kept = {(row.host, row.binary): row for row in await parts.database.all(t.services.select(), ServiceRow)}
    now, host = now_us(), parts.config.host
    names = [(host, "cinder-scheduler"), *((f"{host}@{name}", "cinder-volume") for name in parts.drivers)]
    found = []
    for name, binary in names:
        row = kept.get((name, binary)) or ServiceRow(host=name, binary=binary, updated_at=now)
        row.updated_at = now
        found.append(row)
    return found


async def services(request: Request, parts: Parts) -> views.Body:
    """All of them; ``binary`` and ``host`` confine."""
    binary, host = request.query.get("binary") or request.query.get("service"), request.query.get("host")
    rows = [
        row
        for row in await _services(parts)
        if binary in (None, row.binary) and (host is None or host in (row.host, row.host.partition("@")[0]))
    ]
    return {"services": [views.service(request, row, parts.config.availability_zone) for row in rows]}


class NoSuchService(NotFound):
    code, message = "volume.service.not_found", "Service {binary} could not be found on host {host}."


async def _change(request: Request, parts: Parts, **changed: object) -> ServiceRow:
    body = request.body
    binary, host = body.get("binary") or body.get("service") or "cinder-volume", body["host"].partition("#")[0]
    row = next((row for row in await _services(parts) if (row.host, row.binary) == (host, binary)), None)
    if row is None:
        raise NoSuchService(binary=binary, host=host)
    row = msgspec.structs.replace(row, **changed)
    columns = values(row)

    async def work(tx: Transaction) -> None:
        where = (t.services.c.host == row.host, t.services.c.binary == row.binary)
        await tx.run(t.services.delete().where(*where))
        await tx.run(t.services.insert().values(**columns))

    try:
        await parts.database.transact(work)
    except Duplicate:
        return await _change(request, parts, **changed)
    return row


def _changed(row: ServiceRow) -> views.Body:
    status = "disabled" if row.disabled else "enabled"
    return {"host": row.host, "service": row.binary, "binary": row.binary, "disabled": row.disabled, "status": status}


async def enable(request: Request, parts: Parts) -> views.Body:
    """Take volumes again."""
    row = await _change(request, parts, disabled=False, disabled_reason=None)
    return {**_changed(row), "disabled_reason": None}


async def disable(request: Request, parts: Parts) -> views.Body:
    """Take no new volumes."""
    return _changed(await _change(request, parts, disabled=True, disabled_reason=None))


async def disable_with_reason(request: Request, parts: Parts) -> views.Body:
    """The same, and why."""
    reason = request.body["disabled_reason"]
    return {**_changed(await _change(request, parts, disabled=True, disabled_reason=reason)), "disabled_reason": reason}


# --- pools, capabilities, hosts -----------------------------------------------------------------


async def pools(request: Request, parts: Parts) -> views.Body:
    """The backends."""
    detailed = request.query.boolean("detail", False)
    shown = []
    for name, driver in parts.drivers.items():
        pool: views.Body = {"name": views.pool_name(parts.config.host, name)}
        if detailed:
            capacity = await driver.capacity()
            pool["capabilities"] = {
                "volume_backend_name": name,
                "vendor_name": "Open Source",
                "driver_version": "1.0",
                "storage_protocol": driver.storage_protocol,
                "total_capacity_gb": capacity.total,
                "free_capacity_gb": capacity.free,
                "reserved_percentage": 0,
                "QoS_support": False,
                "timestamp": iso_us(now_us()),
            }
        shown.append(pool)
    return {"pools": shown}


async def capabilities(request: Request, parts: Parts) -> views.Body:
    """What a backend can do."""
    host, _, backend = request.path["host"].partition("@")
    driver = parts.drivers.get(backend.partition("#")[0])
    if host != parts.config.host or driver is None:
        raise NoSuchService(binary="cinder-volume", host=request.path["host"])
    return {
        "namespace": f"OS::Storage::Capabilities::{request.path['host']}",
        "vendor_name": "Open Source",
        "volume_backend_name": driver.name,
        "pool_name": driver.name,
        "driver_version": "1.0",
        "storage_protocol": driver.storage_protocol,
        "display_name": None,
        "description": None,
        "visibility": None,
        "replication_targets": [],
        "properties": {
            "thin_provisioning": {
                "title": "Thin Provisioning",
                "description": "Sets thin provisioning.",
                "type": "boolean",
            }
        },
    }


async def hosts(request: Request, parts: Parts) -> views.Body:
    """The older list of services."""
    shown = [
        {
            "host_name": row.host,
            "service": row.binary,
            "zone": parts.config.availability_zone,
            "service-status": "available",
            "service-state": "disabled" if row.disabled else "enabled",
            "last-update": iso_us(row.updated_at),
        }
        for row in await _services(parts)
    ]
    return {"hosts": shown}


class _Sum(msgspec.Struct):
    project_id: str
    number: int
    size: int | None


async def host(request: Request, parts: Parts) -> views.Body:
    """What a host has, in all and by project."""
    name, v, s = request.path["host"], t.volumes.c, t.snapshots.c
    if name not in {row.host for row in await _services(parts)}:
        raise NoSuchService(binary="cinder-volume", host=name)
    backend = name.partition("@")[2]
    volumes = select(v.project_id, func.count().label("number"), func.sum(v.size).label("size")).where(
        v.backend == backend
    )
    snapshots = (
        select(s.project_id, func.count().label("number"), func.sum(s.size).label("size"))
        .select_from(t.snapshots.join(t.volumes, s.volume_id == v.id))
        .where(v.backend == backend)
    )
    of_volumes = {row.project_id: row for row in await parts.database.all(volumes.group_by(v.project_id), _Sum)}
    of_snapshots = {row.project_id: row for row in await parts.database.all(snapshots.group_by(s.project_id), _Sum)}
    none = _Sum("", 0, 0)
    shown = [_resource(name, "(total)", list(of_volumes.values()), list(of_snapshots.values()))]
    for project in sorted({*of_volumes, *of_snapshots}):
        shown.append(_resource(name, project, [of_volumes.get(project, none)], [of_snapshots.get(project, none)]))
    return {"host": shown}


def _resource(host: str, project: str, volumes: list[_Sum], snapshots: list[_Sum]) -> views.Body:
    return {
        "resource": {
            "host": host,
            "project": project,
            "volume_count": str(sum(int(row.number) for row in volumes)),
            "total_volume_gb": str(sum(int(row.size or 0) for row in volumes)),
            "snapshot_count": str(sum(int(row.number) for row in snapshots)),
            "total_snapshot_gb": str(sum(int(row.size or 0) for row in snapshots)),
        }
    }


async def zones(request: Request, parts: Parts) -> views.Body:
    """The one availability zone."""
    return {"availabilityZoneInfo": [{"zoneName": parts.config.availability_zone, "zoneState": {"available": True}}]}


async def extensions(request: Request, parts: Parts) -> views.Body:
    """Extensions that are there."""
    shown = [
        {"alias": alias, "name": name, "description": name, "links": [], "updated": "2011-08-08T00:00:00+00:00"}
        for alias, name in EXTENSIONS.items()
    ]
    return {"extensions": shown}
