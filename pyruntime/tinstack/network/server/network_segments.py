"""The segments of networks as resources, and subnets on them. Source: Network API reference, Segments.

Every network has the segment that it is made with; operators may add others, which take their ids from the same ranges. Hosts
wire the first alone.
"""

from uuid import uuid4

from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, Conflict, NotFound
from tinstack.network.server import ipam, segments, store, store_admin
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import NetworkNotFound
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows import Network, Subnet
from tinstack.network.server.rows_admin import Segment

_S, _A = t.segments.c, t.admin.network_segments.c

SUBNETS_ON = prepared(select(t.subnets).where(t.subnets.c.segment_id == bindparam("on_segment")).limit(1))
RELEASE = prepared(
    t.segments.delete().where(
        _S.kind == bindparam("of_kind"),
        _S.physical_network == bindparam("physical"),
        _S.segment == bindparam("number"),
        _S.network_id == bindparam("network"),
    )
)
DROP_OF_NETWORK = prepared(t.admin.network_segments.delete().where(_A.network_id == bindparam("network")))


class SegmentNotFound(NotFound):
    code, message = "network.segment.not_found", "Segment {id} could not be found."


class SegmentInUse(Conflict):
    code, message = "network.segment.in_use", "Segment '{id}' cannot be deleted: {reason}."


class NetworkIdsDontMatch(BadRequest):
    code = "network.segment.network"
    message = "The subnet's network id, '{subnet_network}', doesn't match the network_id of segment '{id}'"


class SubnetsNotAllAssociatedWithSegments(BadRequest):
    code = "network.segment.mixed"
    message = (
        "All of the subnets on network '{network_id}' must either all be associated with segments or all not associated "
        "with any segment."
    )


class SubnetSegmentAssociationChangeNotAllowed(BadRequest):
    code = "network.segment.fixed"
    message = "A subnet that is already associated with a segment cannot have its segment association changed."


async def add_first(change: Change, network: Network) -> None:
    """The segment that a new network is made with."""
    row = Segment(
        id=str(uuid4()),
        project_id=network.project_id,
        network_id=network.id,
        network_type=network.kind,
        physical_network=network.physical_network,
        segmentation_id=network.segment,
        created_at=change.now,
        updated_at=change.now,
    )
    await store_admin.network_segments.add(change.tx, row)


async def add(change: Change, config: Config, network: Network, row: Segment) -> Segment:
    """One more of a locked network, the segment that it names or a free one. Raises what ``segments`` does."""
    wanted = Network(
        id=network.id,
        project_id=network.project_id,
        mtu=0,
        kind=row.network_type,
        physical_network=row.physical_network,
        segment=row.segmentation_id,
    )
    segments.check(config, wanted)
    await segments.take(change.tx, config, wanted)
    row.project_id, row.created_at, row.updated_at = network.project_id, change.now, change.now
    row.physical_network, row.segmentation_id = wanted.physical_network, wanted.segment
    await store_admin.network_segments.add(change.tx, row)
    return row


async def create(changes: Changes, config: Config, rows: list[Segment]) -> list[Segment]:
    """All or none. Raises NetworkNotFound and what ``add`` does."""

    async def work(change: Change) -> list[Segment]:
        await ipam.lock_networks(change, *(row.network_id for row in rows))
        made = []
        for row in rows:
            network = await store.networks.get(change.tx, row.network_id)
            if network is None:
                raise NetworkNotFound(id=row.network_id)
            made.append(await add(change, config, network, row))
            network.more_segments = True
            await store.networks.save(change.tx, network, change.now)
        return made

    return await changes.run(work)


async def _remove(change: Change, row: Segment) -> None:
    """Raises SegmentInUse."""
    await ipam.lock_networks(change, row.network_id)
    network = await store.networks.get(change.tx, row.network_id)
    own = (row.network_type, row.physical_network, row.segmentation_id)
    if network is not None and own == (network.kind, network.physical_network, network.segment):
        raise SegmentInUse(id=row.id, reason="the network is made with it")
    if await change.tx.one(SUBNETS_ON, Subnet, on_segment=row.id):
        raise SegmentInUse(id=row.id, reason="The segment is still associated with one or more subnets")
    if network is not None:
        there = (await store_admin.segments_of(change.tx, [network.id]))[network.id]
        network.more_segments = len(there) > 2  # this one is about to go
        await store.networks.save(change.tx, network, change.now)
    await change.tx.run(
        RELEASE,
        of_kind=row.network_type,
        physical=row.physical_network or "",
        number=row.segmentation_id or 0,
        network=row.network_id,
    )


async def check_subnet(change: Change, subnet: Subnet, there: list[Subnet]) -> None:
    """A new or changed subnet; ``there``: the others of its network. Raises SegmentNotFound and the above."""
    if subnet.segment_id is not None:
        segment = await SEGMENTS.get(change.tx, subnet.segment_id)
        if segment.network_id != subnet.network_id:
            raise NetworkIdsDontMatch(subnet_network=subnet.network_id, id=segment.id)
    if any((one.segment_id is None) != (subnet.segment_id is None) for one in there if one.id != subnet.id):
        raise SubnetsNotAllAssociatedWithSegments(network_id=subnet.network_id)


async def check_change(change: Change, old: Subnet, new: Subnet, there: list[Subnet]) -> None:
    """A subnet is put on a segment once; one that is alone may be. Raises SubnetSegmentAssociationChangeNotAllowed."""
    if old.segment_id == new.segment_id:
        return
    if old.segment_id is not None:
        raise SubnetSegmentAssociationChangeNotAllowed
    await check_subnet(change, new, there)


SEGMENTS = Plain(store_admin.network_segments, SegmentNotFound, removing=_remove)
