"""Extensions that the API is made of, and migrations. Source: compute API reference, "Extensions", "Migrations"."""

from tinstack.api.handlers.servers import visible
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.core.errors import NotFound
from tinstack.core.http import Request

_KNOWN = {
    "flavor-access": "FlavorAccess",
    "os-admin-actions": "AdminActions",
    "os-aggregates": "Aggregates",
    "os-attach-interfaces": "AttachInterfaces",
    "os-availability-zone": "AvailabilityZone",
    "os-block-device-mapping": "BlockDeviceMapping",
    "os-config-drive": "ConfigDrive",
    "os-console-auth-tokens": "ConsoleAuthTokens",
    "os-console-output": "ConsoleOutput",
    "os-extended-availability-zone": "ExtendedAvailabilityZone",
    "os-extended-server-attributes": "ExtendedServerAttributes",
    "os-extended-status": "ExtendedStatus",
    "os-extended-volumes": "ExtendedVolumes",
    "os-flavor-extra-specs": "FlavorExtraSpecs",
    "os-flavor-manage": "FlavorManage",
    "os-hosts": "Hosts",
    "os-hypervisors": "Hypervisors",
    "os-instance-actions": "InstanceActions",
    "os-keypairs": "Keypairs",
    "os-lock-server": "LockServer",
    "os-migrations": "Migrations",
    "os-multiple-create": "MultipleCreate",
    "os-pause-server": "PauseServer",
    "os-quota-class-sets": "QuotaClasses",
    "os-quota-sets": "Quotas",
    "os-remote-consoles": "Consoles",
    "os-scheduler-hints": "SchedulerHints",
    "os-security-groups": "SecurityGroups",
    "os-server-diagnostics": "ServerDiagnostics",
    "os-server-external-events": "ServerExternalEvents",
    "os-server-groups": "ServerGroups",
    "os-server-tags": "ServerTags",
    "os-services": "Services",
    "os-simple-tenant-usage": "SimpleTenantUsage",
    "os-suspend-server": "SuspendServer",
    "os-user-data": "UserData",
    "os-volume-attachments": "VolumeAttachments",
    "server-metadata": "ServerMetadata",
    "servers": "Servers",
}


def _shown(alias: str) -> Body:
    return {
        "alias": alias,
        "name": _KNOWN[alias],
        "description": f"{_KNOWN[alias]} support.",
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
        "links": [],
    }


async def index(request: Request, service: Compute) -> Body:
    """``GET /extensions``."""
    return {"extensions": [_shown(alias) for alias in _KNOWN]}


async def show(request: Request, service: Compute) -> Body:
    """``GET /extensions/{alias}``."""
    alias = request.path["alias"]
    if alias not in _KNOWN:
        raise NotFound
    return {"extension": _shown(alias)}


async def migrations(request: Request, service: Compute) -> Body:
    """``GET /os-migrations``: servers do not move between hosts yet, so there are none."""
    return {"migrations": []}


async def server_migrations(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/migrations``: none is under way."""
    await visible(request, service, "servers:show")
    return {"migrations": []}


async def password(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-server-password``: no guest has told one."""
    await visible(request, service, "os-server-password:show")
    return {"password": ""}


async def clear_password(request: Request, service: Compute) -> None:
    """``DELETE /servers/{id}/os-server-password``: there is none to forget."""
    await visible(request, service, "os-server-password:clear")
