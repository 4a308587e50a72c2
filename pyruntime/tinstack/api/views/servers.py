"""Servers as the API shows them, 2.1 to 2.96. Source: compute API reference, "Servers" (and its history of microversions)."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tinstack.api.views import Body, bookmark, iso, iso_or_none, links
from tinstack.computedb.rows import Instance
from tinstack.core.http import Request

_TASKS = {
    "rebooting": "REBOOT",
    "reboot_pending": "REBOOT",
    "reboot_started": "REBOOT",
    "rebooting_hard": "HARD_REBOOT",
    "reboot_pending_hard": "HARD_REBOOT",
    "reboot_started_hard": "HARD_REBOOT",
    "updating_password": "PASSWORD",
    "rebuilding": "REBUILD",
    "rebuild_block_device_mapping": "REBUILD",
    "rebuild_spawning": "REBUILD",
    "migrating": "MIGRATING",
    "resize_prep": "RESIZE",
    "resize_migrating": "RESIZE",
    "resize_migrated": "RESIZE",
    "resize_finish": "RESIZE",
    "resize_reverting": "REVERT_RESIZE",
}
_RESIZES = {task: status for task, status in _TASKS.items() if task.startswith("resize_") and status == "RESIZE"}
_REBUILDS = {task: status for task, status in _TASKS.items() if status == "REBUILD"}

STATES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "active": ("ACTIVE", {task: status for task, status in _TASKS.items() if task != "resize_reverting"}),
    "building": ("BUILD", {}),
    "stopped": ("SHUTOFF", {**_RESIZES, **_REBUILDS}),
    "resized": ("VERIFY_RESIZE", {"resize_reverting": "REVERT_RESIZE"}),
    "paused": ("PAUSED", {"migrating": "MIGRATING"}),
    "suspended": ("SUSPENDED", {}),
    "rescued": ("RESCUE", {}),
    "error": ("ERROR", _REBUILDS),
    "deleted": ("DELETED", {}),
    "soft-delete": ("SOFT_DELETED", {}),
    "shelved": ("SHELVED", {}),
    "shelved_offloaded": ("SHELVED_OFFLOADED", {}),
}
"""vm_state → the status shown, and the task states that show another one. Source: nova's ``_STATE_MAP``."""

_WITH_PROGRESS = {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"}
_WITH_FAULT = {"ERROR", "DELETED"}


def status_of(vm_state: str, task_state: str | None) -> str:
    """The status that users see."""
    usual, tasks = STATES.get(vm_state, ("UNKNOWN", {}))
    return tasks.get(task_state, usual) if task_state else usual


def states_of(status: str) -> tuple[set[str], set[str] | None]:
    """The vm_states and task_states that show a status; empty for an unknown status, None: any task that has no other."""
    wanted = status.upper()
    usual = {state for state, (name, _) in STATES.items() if name == wanted}
    if usual:
        return usual, None
    found = [(state, task) for state, (_, tasks) in STATES.items() for task, name in tasks.items() if name == wanted]
    return {state for state, _ in found}, {task for _, task in found}


@lru_cache(maxsize=4096)
def host_id(project_id: str, host: str | None) -> str:
    """A name for a host that tells a project which of its servers share one, and nothing else."""
    return hashlib.sha224((project_id + host).encode()).hexdigest() if host else ""


def addresses(row: Instance, *, plain: bool = False) -> Body:
    """By network name. ``plain``: as ``/ips`` has it, without type and MAC."""
    found: dict[str, list[Body]] = {}
    for interface in row.network_info:
        shown = found.setdefault(interface.network_name, [])
        for address in interface.addresses:
            one: Body = {"version": address.version, "addr": address.ip}
            if not plain:
                one["OS-EXT-IPS:type"] = address.kind
                one["OS-EXT-IPS-MAC:mac_addr"] = interface.mac
            shown.append(one)
    return found


class ServerView:
    """What this request may see of servers, decided once, then applied to each row."""

    def __init__(self, request: Request, hosts: Mapping[str, str] | None = None) -> None:
        self.root = request.root_url
        self.version = version = request.version or (2, 1)
        self.attributes = request.may("os_compute_api:os-extended-server-attributes")
        self.host_status = version >= (2, 16) and request.may("os_compute_api:servers:show:host_status")
        self.is_admin = request.context.is_admin
        self.specs = version >= (2, 47) and request.may("os_compute_api:servers:show:flavor-extra-specs")
        self.hosts = hosts or {}

    def brief(self, row: Instance) -> Body:
        """id, name, links."""
        return {"id": row.id, "name": row.name, "links": links(self.root, "servers", row.id)}

    def show(self, row: Instance) -> Body:
        """One server, as ``GET /servers/{id}``."""
        shown = self.detail(row)
        if self.version >= (2, 71):
            shown["server_groups"] = [row.server_group] if row.server_group else []
        return shown

    def changed(self, row: Instance) -> Body:
        """The answer of update (and rebuild): below 2.75 it shows less."""
        if self.version >= (2, 75):
            return self.show(row)
        shown = self._base(row)
        shown["addresses"] = addresses(row, plain=True)
        self._later(shown, row)
        shown.pop("host_status", None)
        if self.version >= (2, 71):
            shown["server_groups"] = [row.server_group] if row.server_group else []
        return shown

    def detail(self, row: Instance) -> Body:
        """A server in ``GET /servers/detail``."""
        shown = self._base(row)
        shown["config_drive"] = "True" if row.config_drive else ""
        shown["OS-EXT-AZ:availability_zone"] = row.availability_zone or ""
        shown["key_name"] = row.key_name
        shown["OS-SRV-USG:launched_at"] = iso_or_none(row.launched_at)
        shown["OS-SRV-USG:terminated_at"] = iso_or_none(row.terminated_at)
        if row.security_groups:
            shown["security_groups"] = [{"name": name} for name in row.security_groups]
        if self.attributes:
            self._attributes(shown, row)
        elif self.version >= (2, 90):
            shown["OS-EXT-SRV-ATTR:hostname"] = row.hostname
        shown["OS-EXT-STS:task_state"] = row.task_state
        shown["OS-EXT-STS:vm_state"] = row.vm_state
        shown["OS-EXT-STS:power_state"] = row.power_state
        shown["os-extended-volumes:volumes_attached"] = self._volumes(row)
        self._later(shown, row)
        return shown

    def _base(self, row: Instance) -> Body:
        status = status_of(row.vm_state, row.task_state)
        shown: Body = {
            "id": row.id,
            "name": row.name,
            "status": status,
            "tenant_id": row.project_id,
            "user_id": row.user_id,
            "metadata": row.metadata,
            "hostId": host_id(row.project_id, row.host),
            "image": {"id": row.image_id, "links": bookmark(self.root, "images", row.image_id)} if row.image_id else "",
            "flavor": self._flavor(row),
            "created": iso(row.created_at),
            "updated": iso(row.updated_at),
            "addresses": addresses(row),
            "accessIPv4": row.access_ip_v4 or "",
            "accessIPv6": row.access_ip_v6 or "",
            "links": links(self.root, "servers", row.id),
            "OS-DCF:diskConfig": row.disk_config,
        }
        if status in _WITH_PROGRESS:
            shown["progress"] = row.progress
        if status in _WITH_FAULT and row.fault:
            shown["fault"] = self._fault(row)
        return shown

    def _flavor(self, row: Instance) -> Body:
        if self.version < (2, 47):
            return {"id": row.flavor_id, "links": bookmark(self.root, "flavors", row.flavor_id)}
        flavor = row.flavor
        shown: Body = {
            "vcpus": flavor.vcpus,
            "ram": flavor.ram_mib,
            "disk": flavor.root_gib,
            "ephemeral": flavor.ephemeral_gib,
            "swap": flavor.swap_mib,
            "original_name": flavor.name,
        }
        if self.specs:
            shown["extra_specs"] = flavor.extra_specs
        return shown

    def _fault(self, row: Instance) -> Body:
        fault = row.fault
        assert fault
        shown: Body = {"code": fault.code, "created": iso(fault.created), "message": fault.message}
        if fault.details and (self.is_admin or fault.code != 500):
            shown["details"] = fault.details
        return shown

    def _attributes(self, shown: Body, row: Instance) -> None:
        shown["OS-EXT-SRV-ATTR:host"] = row.host
        shown["OS-EXT-SRV-ATTR:hypervisor_hostname"] = row.node or row.host
        shown["OS-EXT-SRV-ATTR:instance_name"] = row.instance_name
        if self.version < (2, 3):
            return
        shown["OS-EXT-SRV-ATTR:hostname"] = row.hostname
        shown["OS-EXT-SRV-ATTR:reservation_id"] = row.reservation_id
        shown["OS-EXT-SRV-ATTR:launch_index"] = row.launch_index
        shown["OS-EXT-SRV-ATTR:kernel_id"] = str(row.image_properties.get("kernel_id") or "")
        shown["OS-EXT-SRV-ATTR:ramdisk_id"] = str(row.image_properties.get("ramdisk_id") or "")
        shown["OS-EXT-SRV-ATTR:root_device_name"] = row.root_device
        shown["OS-EXT-SRV-ATTR:user_data"] = row.user_data

    def _volumes(self, row: Instance) -> list[Body]:
        if self.version < (2, 3):
            return [{"id": one.volume_id} for one in row.volumes if one.volume_id]
        return [
            {"id": one.volume_id, "delete_on_termination": one.delete_on_termination}
            for one in row.volumes
            if one.volume_id
        ]

    def _later(self, shown: Body, row: Instance) -> None:
        version = self.version
        if version < (2, 9):
            return
        shown["locked"] = row.locked_by is not None
        if self.host_status:
            shown["host_status"] = self.hosts.get(row.host, "UNKNOWN") if row.host else ""
        if version < (2, 19):
            return
        shown["description"] = row.description
        if version >= (2, 26):
            shown["tags"] = row.tags
        if version >= (2, 63):
            shown["trusted_image_certificates"] = row.trusted_certs
        if version >= (2, 73):
            shown["locked_reason"] = row.locked_reason
        if version >= (2, 96):
            shown["pinned_availability_zone"] = row.pinned_zone


def created(row: Instance, root: str, password: str | None) -> Body:
    """The answer to a create request."""
    shown: dict[str, Any] = {
        "id": row.id,
        "links": links(root, "servers", row.id),
        "OS-DCF:diskConfig": row.disk_config,
        "security_groups": [{"name": name} for name in row.security_groups],
    }
    if password is not None:
        shown["adminPass"] = password
    return {"server": shown}
