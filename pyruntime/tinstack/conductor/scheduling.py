"""What the scheduler asks: take a boot (step 9), the hosts (step 10), the swap of the chosen one into the server (step 11)."""

import logging
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from tinstack.computedb import actions, aggregates, fleet, groups, instances, store
from tinstack.computedb.groups import ServerGroup
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import OPERATIONS
from tinstack.computedb.tables import instances as instances_table
from tinstack.computedb.tables import server_groups
from tinstack.conductor.endings import Endings
from tinstack.conductor.parts import Parts, only
from tinstack.conductor.rpc import (
    AskHosts,
    AssignHost,
    BeginScheduling,
    Done,
    FlavorDetails,
    Hosts,
    HostState,
    SchedulingFailed,
    SchedulingRequest,
)
from tinstack.core import crash
from tinstack.core.bus import Envelope
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction, prepared
from tinstack.core.errors import Conflict
from tinstack.core.operations import Operation, OperationTaken

log = logging.getLogger(__name__)

FORCED = "forced_host"

_LOCK_GROUP = prepared(
    update(server_groups).where(server_groups.c.id == bindparam("key")).values(name=server_groups.c.name)
)
_HOST_OF = prepared(select(instances_table.c.host).where(instances_table.c.id == bindparam("key")))


_flavor = msgspec.json.Decoder(FlavorDetails).decode


class _Used(msgspec.Struct):
    """What servers take of a host. MiB, GiB."""

    servers: int = 0
    vcpus: int = 0
    ram_mib: int = 0
    disk_gib: int = 0

    def add(self, flavor: FlavorDetails, number: int) -> None:
        """So many servers of a flavor."""
        self.servers += number
        self.vcpus += number * flavor.vcpus
        self.ram_mib += number * flavor.ram_mib
        self.disk_gib += number * (flavor.root_gib + flavor.ephemeral_gib)


class GroupRefuses(Conflict):
    """409: meanwhile another member of the server's group went where this one may not join it; try the next host."""

    code, message = "scheduling.group", "The policy {policy} of server group {id} refuses host {host}."


class Scheduling:
    """Answers the scheduler."""

    def __init__(self, parts: Parts, endings: Endings) -> None:
        self._parts, self._endings = parts, endings

    async def begin(self, message: BeginScheduling, envelope: Envelope) -> SchedulingRequest:
        """Give the scheduler the operation, and what the filters look at. Raises OperationTaken."""
        only(envelope, "scheduler")

        async def work(tx: Transaction) -> tuple[Operation, Instance]:
            operation, server = await store.locked(tx, message.operation_id)
            if operation.generation != message.generation or server.host is not None:
                raise OperationTaken(id=operation.id)
            giver = operation.owner if operation.owner.startswith(("api@", "conductor@")) else "-"
            seconds = self._parts.config.scheduler_lease_seconds
            await OPERATIONS.take_found(tx, operation, message.owner, giver, seconds)
            return operation, server

        with crash.around(9):
            operation, server = await self._parts.db.transact(work)
        return await self._request(operation, server)

    async def _request(self, operation: Operation, server: Instance) -> SchedulingRequest:
        db = self._parts.db
        group = await groups.get(db, server.server_group) if server.server_group else None
        flavor = server.flavor
        return SchedulingRequest(
            server_id=server.id,
            project_id=server.project_id,
            user_id=server.user_id,
            kind=operation.kind,
            lease_seconds=self._parts.config.scheduler_lease_seconds,
            vcpus=flavor.vcpus,
            ram_mib=flavor.ram_mib,
            disk_gib=local_disk_gib(server),
            extra_specs=flavor.extra_specs,
            image_properties=server.image_properties,
            availability_zone=server.pinned_zone,
            forced_host=operation.data.get(FORCED),
            hints=await self._hints(server),
            group_policy=group.policy if group else None,
            group_rules=group.rules if group else {},
            group_hosts=await instances.group_per_host(db, group.id, but=server.id) if group else {},
            tried=operation.data.get("tried", []),
        )

    async def _hints(self, server: Instance) -> dict[str, Any]:
        """The request's hints, with servers that are named in them resolved to their hosts."""
        hints = dict(server.scheduler_hints)
        for name in ("same_host", "different_host"):
            if name not in hints:
                continue
            named = hints[name] if isinstance(hints[name], list) else [hints[name]]
            hosts = [await self._parts.db.scalar(_HOST_OF, key=str(id)) for id in named]
            hints[f"{name}_names"] = [host for host in hosts if host]
        return hints

    async def hosts(self, message: AskHosts, envelope: Envelope) -> Hosts:
        """Every compute host known."""
        only(envelope, "scheduler")
        db, config = self._parts.db, self._parts.config
        services = {one.host: one for one in await fleet.all_services(db) if one.binary == fleet.COMPUTE}
        zones = await aggregates.everything(db)
        on: dict[str, _Used] = {}
        flavors: dict[str, FlavorDetails] = {}
        for taken in await fleet.taken(db):
            if taken.flavor not in flavors:
                flavors[taken.flavor] = _flavor(taken.flavor)
            on.setdefault(taken.host, _Used()).add(flavors[taken.flavor], taken.servers)
        now, patience, found = now_us(), self._parts.awake.patience(), []
        for node in await fleet.rooms(db):
            service = services.get(node.host)
            used = on.get(node.host) or _Used()
            found.append(
                HostState(
                    host=node.host,
                    provider=node.id,
                    up=bool(service and service.is_up(now, patience)),
                    enabled=bool(service and not service.disabled),
                    zone=aggregates.zone_of(zones, node.host, config.default_zone),
                    hypervisor_type=node.hypervisor_type,
                    vcpus=node.vcpus,
                    ram_mib=node.ram_mib,
                    disk_gib=node.disk_gib,
                    vcpus_used=used.vcpus,
                    ram_used_mib=used.ram_mib,
                    disk_used_gib=used.disk_gib,
                    servers=used.servers,
                    aggregates=[zone.metadata for zone in zones if node.host in zone.hosts],
                )
            )
        return Hosts(hosts=found)

    async def assign(self, message: AssignHost, envelope: Envelope) -> Done:
        """Swap the host into the server, which will ask for its launch token in a moment. Said twice it is done once.

        Raises OperationTaken, GroupRefuses.
        """
        only(envelope, "scheduler")

        async def work(tx: Transaction) -> tuple[Operation, Instance]:
            operation, server = await store.locked(tx, message.operation_id)
            if server.host == message.host:
                return operation, server
            if operation.owner != message.owner or server.host is not None:
                raise OperationTaken(id=message.operation_id)
            await _check_group(tx, server, message.host)
            operation.data["alternates"] = message.alternates
            zones = await aggregates.everything(tx)
            zone = aggregates.zone_of(zones, message.host, self._parts.config.default_zone)
            await OPERATIONS.reach(tx, operation, 11, self._parts.config.scheduler_lease_seconds)
            await instances.write(
                tx, server.id, host=message.host, node=message.host, availability_zone=zone, task_state=None
            )
            await actions.keep_verdicts(tx, server.id, operation, message.verdicts)
            return operation, server

        with crash.around(11):
            operation, server = await self._parts.db.transact(work)
        self._parts.tokens.expect(operation, server, message.host)
        return Done()

    async def failed(self, message: SchedulingFailed, envelope: Envelope) -> Done:
        """No host: undo and show ERROR."""
        only(envelope, "scheduler")

        async def work(tx: Transaction) -> Operation:
            operation, server = await store.locked(tx, message.operation_id)
            if operation.owner != message.owner or server.host is not None:
                raise OperationTaken(id=message.operation_id)
            await actions.keep_verdicts(tx, server.id, operation, message.verdicts)
            self._endings.note_failure(operation, message.step, None, message.reason, again=False)
            await store.hand_over(tx, operation, self._parts.owner, self._parts.config.own_lease_seconds)
            return operation

        operation = await self._parts.db.transact(work)
        self._parts.background.start(self._endings.drive(operation), f"undoing the boot of {operation.subject}")
        return Done()


def local_disk_gib(server: Instance) -> int:
    """What its disks take of the host: no root disk where it boots from a volume."""
    flavor = server.flavor
    from_volume = server.image_id is None or any(volume.boot_index == 0 for volume in server.volumes)
    swap = -(-flavor.swap_mib // 1024)
    return (0 if from_volume else flavor.root_gib) + flavor.ephemeral_gib + swap


async def _check_group(tx: Transaction, server: Instance, host: str) -> None:
    """The filters looked at what may be old; here the group's members are counted one after the other."""
    if server.server_group is None or not await tx.run(_LOCK_GROUP, key=server.server_group):
        return
    group = await tx.one(groups.BY_ID, ServerGroup, key=server.server_group)
    assert group
    there = await instances.group_per_host(tx, group.id, but=server.id)
    most = int(group.rules.get("max_server_per_host", 1))
    refused = (group.policy == "anti-affinity" and there.get(host, 0) >= most) or (
        group.policy == "affinity" and bool(there) and host not in there
    )
    if refused:
        raise GroupRefuses(policy=group.policy, id=group.id, host=host)
