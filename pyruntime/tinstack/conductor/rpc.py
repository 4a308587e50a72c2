"""Topic ``conductor``: what the scheduler, the hosts and the api ask of it.

``owner`` is who holds (or wants) the operation's lease, ``service@host/process``. The conductor refuses a host that asks for
a server that is not its own: the envelope's sender, vouched for by the broker, must be ``compute.<host>`` of the row.
"""

from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import msgspec

from tinstack.core.bus import Message

TOPIC = "conductor"


class Done(Message):
    """Said and done."""


# --- scheduler ------------------------------------------------------------------------------------


class BeginScheduling(Message):
    """Take the operation's lease for the scheduler (step 9). Answer: ``SchedulingRequest``."""

    operation_id: str
    generation: int
    owner: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one filter (or placement) said of one host."""

    host: str
    filter: str
    passed: bool
    reason: str = ""


class SchedulingRequest(Message):
    """All that filters and weighers look at. Memory in MiB, disk in GiB.

    ``tried``: hosts that failed before. ``group_hosts``: host → members of the server's group there. ``lease_seconds``: how long the
    decision may take, from when it was asked for.
    """

    server_id: str
    project_id: str
    kind: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    extra_specs: dict[str, str] = {}
    image_properties: dict[str, Any] = {}
    availability_zone: str | None = None
    forced_host: str | None = None
    hints: dict[str, Any] = {}
    group_policy: str | None = None
    group_rules: dict[str, Any] = {}
    group_hosts: dict[str, int] = {}
    tried: list[str] = []
    current_host: str | None = None
    user_id: str = ""
    lease_seconds: float = 30.0


class AskHosts(Message):
    """Answer: ``Hosts``."""


class HostState(msgspec.Struct, frozen=True, kw_only=True):
    """A compute host as the scheduler sees it. ``provider`` is its resource provider's uuid. MiB, GiB.

    ``aggregates``: the metadata of each aggregate that it is in; ``servers``: how many it has.
    """

    host: str
    provider: str
    up: bool
    enabled: bool
    zone: str
    hypervisor_type: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    vcpus_used: int = 0
    ram_used_mib: int = 0
    disk_used_gib: int = 0
    servers: int = 0
    aggregates: list[dict[str, str]] = []


class Hosts(Message):
    """Every compute host known."""

    hosts: list[HostState]


class AssignHost(Message):
    """The claim is made: swap the host into the instance (step 11). Answer: ``Done``."""

    operation_id: str
    owner: str
    host: str
    alternates: list[str]
    verdicts: list[Verdict]


class SchedulingFailed(Message):
    """No host: the server becomes ERROR with this reason. Answer: ``Done``."""

    operation_id: str
    owner: str
    step: int
    reason: str
    verdicts: list[Verdict]


class ServiceReport(Message):
    """A controller's service is alive; cast every few seconds. ``binary``: the name that the compute API shows."""

    host: str
    binary: str
    started_at: int


# --- hosts ------------------------------------------------------------------------------------------


DIED, HOST_WENT_DOWN, LOST = "died", "host", "lost"
"""Why a guest is off that nobody switched off: its hypervisor process died; its host went down under it; the hypervisor has lost it."""


class ObservedServer(msgspec.Struct, frozen=True, kw_only=True):
    """A guest that the host really has. ``power_state`` as in the compute API (1 running, 4 shut down, …).

    ``generation``: the newest that the host has worked for; what it says of an older one does not count. 0: not known.
    ``cause``: why it is off, where that is none of the ordinary ones.
    """

    id: str
    power_state: int
    generation: int = 0
    cause: str = ""


@lru_cache(4096)
def provider_of(host: str) -> str:
    """The uuid of a host's resource provider: the same after a reinstall, and no other host's."""
    return str(uuid5(NAMESPACE_DNS, f"{host}.compute.tinstack"))


class HostReport(Message):
    """What a host has and what runs on it; cast every few seconds, it is the heartbeat too. MiB, GiB.

    ``reserved_mib``: memory kept for the host itself; the ratios say how often vCPUs, memory and disk are sold.
    """

    host: str
    provider: str
    hypervisor_type: str
    hypervisor_version: int
    host_ip: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    free_disk_gib: int
    cpu_info: dict[str, Any]
    servers: list[ObservedServer]
    started_at: int
    reserved_mib: int = 0
    cpu_ratio: float = 4.0
    ram_ratio: float = 1.0
    disk_ratio: float = 1.0


class AskServer(Message):
    """Take the operation's lease for the host and get all that it needs (steps 14–18). Answer: ``ServerDetails``."""

    server_id: str
    operation_id: str
    generation: int
    owner: str


class FlavorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A server's own copy of its flavor. MiB and GiB."""

    name: str
    vcpus: int
    ram_mib: int
    root_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    extra_specs: dict[str, str] = {}


class RequestedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port with its id chosen at step 7. ``ours``: made by the boot (and removed with the server), not given by the user."""

    id: str
    network_id: str | None
    ours: bool
    fixed_ip: str | None = None
    tag: str | None = None
    security_groups: list[str] = []


class RequestedVolume(msgspec.Struct, frozen=True, kw_only=True):
    """A block device. ``source``: ``volume``, ``image``, ``snapshot`` or ``blank``; ``attachment_id`` chosen at step 7."""

    attachment_id: str
    source: str
    source_id: str | None = None
    volume_id: str | None = None
    size_gib: int | None = None
    boot_index: int | None = None
    device: str | None = None
    delete_on_termination: bool = False
    tag: str | None = None
    volume_type: str | None = None
    guest_format: str | None = None


class ServerDetails(Message):
    """All that a host needs for one operation, and the launch token that allows just that.

    ``kind``: boot, delete, start, stop, reboot, …; ``data``: the operation's own; ``wanted_power``: running or shutdown.
    ``endpoints``: URLs by service type (image, network, volume). ``attempt``: the how-manieth host of this boot it is.
    ``vm_state``: the server's when the operation began. ``hostname``: the guest's full name. ``launch_index`` …
    ``security_groups``: what the guest is told of itself.
    """

    operation_id: str
    kind: str
    generation: int
    data: dict[str, Any]
    id: str
    instance_name: str
    name: str
    hostname: str
    project_id: str
    user_id: str
    flavor: FlavorDetails
    image_id: str | None
    key_name: str | None
    public_key: str | None
    user_data: str | None
    config_drive: bool
    admin_password: str | None
    metadata: dict[str, str]
    availability_zone: str | None
    ports: list[RequestedPort]
    volumes: list[RequestedVolume]
    token: str
    endpoints: dict[str, str]
    lease_seconds: float
    attempt: int = 1
    vm_state: str = ""
    launch_index: int = 0
    reservation_id: str = ""
    security_groups: list[str] = []
    image_properties: dict[str, Any] = {}


class Renew(Message):
    """Hold the lease longer, and get a fresh token where one is asked for. Answer: ``Renewed``; refused when it was given
    to another."""

    operation_id: str
    owner: str
    fresh_token: bool = True


class Renewed(Message):
    """The launch token from now on; '' where none was asked for."""

    token: str = ""


class AskVolumes(Message):
    """Make and reserve the volumes that a boot's disks are made as (step 25). Answer: ``VolumesReady``; asked again until they are.

    Refused where one can't be had.
    """

    operation_id: str
    owner: str


class VolumesReady(Message):
    """Whether all of them are reserved."""

    ready: bool


class Progress(Message):
    """A step was reached; ``task_state`` is swapped in. Answer: ``Done``."""

    operation_id: str
    owner: str
    step: int
    task_state: str | None


class Finished(Message):
    """The operation is done on the host. Answer: ``Done``. ``result``: kind-specific."""

    operation_id: str
    owner: str
    power_state: int
    result: dict[str, Any] = {}


class Failed(Message):
    """It failed at that step; everything local of the server is absent again (boot) or as before.
    Answer: ``Outcome``.

    ``elsewhere``: another host could do it. The conductor tries an alternate, or undoes and shows ERROR.
    ``refused``: the status by which another service refused it; 500 where none did.
    """

    operation_id: str
    owner: str
    step: int
    reason: str
    elsewhere: bool
    refused: int = 500


class Outcome(Message):
    """What became of a failed operation. ``retried``: another host is looked for."""

    retried: bool = False


# --- api --------------------------------------------------------------------------------------------


class Drive(Message):
    """Take over an operation that no host drives (a delete of a server without a host). Cast."""

    operation_id: str
    generation: int


class NetworkChanged(Message):
    """The addresses of a server changed: read them again. Cast by the api when the network service says so."""

    server_id: str
