"""Rows of the compute database as Structs; columns that hold JSON are typed here."""

from typing import Any

import msgspec

from tinstack.conductor.rpc import FlavorDetails, RequestedPort, RequestedVolume


class Fault(msgspec.Struct, kw_only=True):
    """Why a server is in ERROR: the sentence that users see, and the step, host and detail behind it."""

    code: int
    message: str
    created: int
    step: int | None = None
    host: str | None = None
    details: str = ""


class Address(msgspec.Struct, kw_only=True):
    """An address of a server. ``kind``: fixed or floating."""

    ip: str
    version: int
    kind: str = "fixed"


class Interface(msgspec.Struct, kw_only=True):
    """A server's port in the network info cache."""

    port_id: str
    network_id: str
    network_name: str
    mac: str
    addresses: list[Address]
    tag: str | None = None
    mtu: int | None = None


class Instance(msgspec.Struct, kw_only=True):
    """A server. Source: the table ``instances``."""

    id: str
    project_id: str
    user_id: str
    name: str
    hostname: str
    vm_state: str
    image_id: str | None
    flavor_id: str
    flavor: FlavorDetails
    reservation_id: str
    created_at: int
    updated_at: int
    number: int = 0
    description: str | None = None
    host: str | None = None
    node: str | None = None
    availability_zone: str | None = None
    pinned_zone: str | None = None
    task_state: str | None = None
    power_state: int = 0
    generation: int = 1
    progress: int = 0
    image_properties: dict[str, Any] = {}
    key_name: str | None = None
    public_key: str | None = None
    user_data: str | None = None
    admin_password: str | None = None
    config_drive: bool = False
    disk_config: str = "MANUAL"
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    metadata: dict[str, str] = {}
    tags: list[str] = []
    security_groups: list[str] = []
    ports: list[RequestedPort] = []
    volumes: list[RequestedVolume] = []
    network_info: list[Interface] = []
    scheduler_hints: dict[str, Any] = {}
    trusted_certs: list[str] | None = None
    fault: Fault | None = None
    locked_by: str | None = None
    locked_reason: str | None = None
    launch_index: int = 0
    root_device: str | None = None
    server_group: str | None = None
    audit_id: str | None = None
    launched_at: int | None = None
    terminated_at: int | None = None
    deleted_at: int = 0

    @property
    def instance_name(self) -> str:
        """The domain's name on the hypervisor, as Nova's default template makes it."""
        return f"instance-{self.number:08x}"
