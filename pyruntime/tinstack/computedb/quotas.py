"""Quota of servers: sold and given back in the transaction that makes or removes them, so never one too many.

A project's row in ``quota_usage`` is bumped first: that serialises all who sell in its name.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, insert, select, update

from tinstack.computedb.quota_limits import Usage
from tinstack.computedb.rows import Instance
from tinstack.computedb.tables import quota_usage
from tinstack.conductor.rpc import FlavorDetails
from tinstack.core.db import Duplicate, Transaction, prepared
from tinstack.core.errors import OverQuota

_ADD = prepared(
    update(quota_usage)
    .where(quota_usage.c.project_id == bindparam("project"))
    .values(
        generation=quota_usage.c.generation + 1,
        instances=quota_usage.c.instances + bindparam("servers"),
        cores=quota_usage.c.cores + bindparam("vcpus"),
        ram_mib=quota_usage.c.ram_mib + bindparam("mib"),
    )
)
_FIRST = prepared(insert(quota_usage))
_USED = prepared(
    select(quota_usage.c.instances, quota_usage.c.cores, quota_usage.c.ram_mib).where(
        quota_usage.c.project_id == bindparam("project")
    )
)

NAMES = {"instances": "instances", "cores": "cores", "ram": "ram_mib"}
"""Quota's name in the API → column."""


class TooMuch(OverQuota):
    """403 with the words that clients of the compute API know."""

    code = "compute.quota"
    message = "Quota exceeded for {names}: Requested {requested}, but already used {used} of {limits} {names}"


async def take(
    tx: Transaction, project_id: str, limits: Mapping[str, int], flavor: FlavorDetails, wanted: int, least: int
) -> int:
    """Sell ``wanted`` servers of a flavor, or as many as there is room for but not fewer than ``least``; how many.

    They are taken before it is looked whether that was too much, as this is the project's turn from then on.
    ``limits``: by the API's names (instances, cores, ram); -1 is unlimited. Raises TooMuch.
    """
    await _add(tx, project_id, wanted, wanted * flavor.vcpus, wanted * flavor.ram_mib)
    sold = await _used(tx, project_id)
    used = Usage(
        instances=sold.instances - wanted,
        cores=sold.cores - wanted * flavor.vcpus,
        ram_mib=sold.ram_mib - wanted * flavor.ram_mib,
    )
    room = wanted
    for name, each in (("instances", 1), ("cores", flavor.vcpus), ("ram", flavor.ram_mib)):
        limit = limits.get(name, -1)
        if limit >= 0 and each:
            room = min(room, max(0, limit - getattr(used, NAMES[name])) // each)
    if room < least:
        raise _too_much(used, limits, flavor, least)
    if room < wanted:
        await _add(tx, project_id, room - wanted, (room - wanted) * flavor.vcpus, (room - wanted) * flavor.ram_mib)
    return room


async def give_back(tx: Transaction, server: Instance) -> None:
    """A server is gone."""
    await _add(tx, server.project_id, -1, -server.flavor.vcpus, -server.flavor.ram_mib)


async def resize(
    tx: Transaction, project_id: str, limits: Mapping[str, int], old: FlavorDetails, new: FlavorDetails
) -> None:
    """A server's flavor changes. Raises TooMuch where it grows past a limit."""
    await _add(tx, project_id, 0, 0, 0)
    used = await _used(tx, project_id)
    more = FlavorDetails(
        name=new.name, vcpus=new.vcpus - old.vcpus, ram_mib=new.ram_mib - old.ram_mib, root_gib=new.root_gib
    )
    for name, grows in (("cores", more.vcpus), ("ram", more.ram_mib)):
        limit = limits.get(name, -1)
        if grows > 0 and 0 <= limit < getattr(used, NAMES[name]) + grows:
            raise _too_much(used, limits, more, 1, (name,))
    await _add(tx, project_id, 0, more.vcpus, more.ram_mib)


async def _used(tx: Transaction, project_id: str) -> Usage:
    return await tx.one(_USED, Usage, project=project_id) or Usage()


async def _add(tx: Transaction, project_id: str, servers: int, vcpus: int, mib: int) -> None:
    if await tx.run(_ADD, project=project_id, servers=servers, vcpus=vcpus, mib=mib):
        return
    try:
        await tx.run(_FIRST, project_id=project_id, generation=1, instances=servers, cores=vcpus, ram_mib=mib)
    except Duplicate:
        await tx.run(_ADD, project=project_id, servers=servers, vcpus=vcpus, mib=mib)


def _too_much(
    used: Usage, limits: Mapping[str, int], flavor: FlavorDetails, count: int, names: Sequence[str] = tuple(NAMES)
) -> TooMuch:
    requested = {"instances": count, "cores": count * flavor.vcpus, "ram": count * flavor.ram_mib}
    over = [name for name in names if 0 <= limits.get(name, -1) < getattr(used, NAMES[name]) + requested[name]]
    return TooMuch(
        names=", ".join(over),
        requested=", ".join(str(requested[name]) for name in over),
        used=", ".join(str(getattr(used, NAMES[name])) for name in over),
        limits=", ".join(str(limits[name]) for name in over),
    )
