"""Kinds of network and their segments: VNIs, keys and VLAN ids from the configured ranges, each given once."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import bindparam, select

from tinstack.core.db import Duplicate, Transaction, prepared
from tinstack.core.errors import Conflict, Unavailable
from tinstack.network.server import gaps, segment_ranges
from tinstack.network.server import tables as t
from tinstack.network.server.config import Config
from tinstack.network.server.errors import InvalidInput
from tinstack.network.server.rows import Network, Subnet

KINDS = ("vxlan", "gre", "vlan", "flat", "local")
OVERHEAD = {"vxlan": 50, "gre": 42}
MIN_MTU = {4: 68, 6: 1280}

_S = t.segments.c

TAKEN = prepared(
    select(_S.segment)
    .where(
        _S.kind == bindparam("of_kind"),
        _S.physical_network == bindparam("physical"),
        _S.segment >= bindparam("low"),
        _S.segment <= bindparam("high"),
    )
    .order_by(_S.segment)
    .limit(bindparam("most"))
)
ADD = prepared(t.segments.insert())
DROP = prepared(t.segments.delete().where(_S.network_id == bindparam("network")))


class _Segment(msgspec.Struct, frozen=True):
    segment: int


class NoNetworkAvailable(Unavailable):
    """503: no segment is left."""

    code, message = (
        "network.segment.exhausted",
        "Unable to create the network. No tenant network is available for allocation.",
    )


class TunnelIdInUse(Conflict):
    code, message = "network.segment.tunnel", "Unable to create the network. The tunnel ID {segment} is in use."


class VlanIdInUse(Conflict):
    code = "network.segment.vlan"
    message = "Unable to create the network. The VLAN {segment} on physical network {physical} is in use."


class FlatNetworkInUse(Conflict):
    code, message = "network.segment.flat", "Unable to create the flat network. Physical network {physical} is in use."


class NetworkMTUSubnetConflict(Conflict):
    """409: IPv4 wants 68 bytes, IPv6 1280 (RFC 791, RFC 8200)."""

    code, message = "network.network.mtu", "MTU of {net_mtu} is not valid with subnet(s) {subnets}."


def check_mtu(network: Network, subnets: Iterable[Subnet]) -> None:
    """Can these be on it? Raises NetworkMTUSubnetConflict."""
    if small := [one.id for one in subnets if network.mtu < MIN_MTU[one.ip_version]]:
        raise NetworkMTUSubnetConflict(net_mtu=network.mtu, subnets=", ".join(small))


def largest_mtu(config: Config, kind: str) -> int:
    """What fits into the hosts' interfaces."""
    return config.physical_mtu - OVERHEAD.get(kind, 0)


def check(config: Config, network: Network) -> None:
    """Do kind, physical network and segment go together? Raises InvalidInput."""
    kind, physical, segment = network.kind, network.physical_network, network.segment
    if kind not in KINDS:
        raise InvalidInput(error_message=f"network_type value '{kind}' not supported")
    if kind in ("flat", "vlan"):
        known = config.flat_networks if kind == "flat" else list(config.vlan_ranges)
        if physical is None and (kind == "flat" or segment is not None):
            raise InvalidInput(error_message=f"physical_network required for {kind} provider network")
        if physical is not None and physical not in known and "*" not in known:
            raise InvalidInput(error_message=f"physical_network '{physical}' unknown for {kind} provider network")
    elif physical is not None:
        raise InvalidInput(error_message=f"provider:physical_network specified for {kind} network")
    if kind in ("flat", "local"):
        if segment is not None:
            raise InvalidInput(error_message=f"segmentation_id prohibited for {kind} provider network")
    elif segment is not None and not 1 <= segment <= segment_ranges.LARGEST[kind]:
        raise InvalidInput(error_message=f"segmentation_id out of range (1 through {segment_ranges.LARGEST[kind]})")


async def take(tx: Transaction, config: Config, network: Network) -> None:
    """Give the network its segment, the one that it names or a free one."""
    kind = network.kind
    if kind == "local":
        return
    if network.segment is not None or kind == "flat":
        await _named(tx, network)
        return
    if kind == "vlan":
        await _free_vlan(tx, config, network)
    else:
        await _free(tx, config, network)
    if network.segment is None:
        raise NoNetworkAvailable


async def _named(tx: Transaction, network: Network) -> None:
    segment, physical = network.segment or 0, network.physical_network or ""
    try:
        await tx.run(ADD, kind=network.kind, physical_network=physical, segment=segment, network_id=network.id)
    except Duplicate as error:
        if network.kind == "flat":
            raise FlatNetworkInUse(physical=physical) from error
        if network.kind == "vlan":
            raise VlanIdInUse(segment=segment, physical=physical) from error
        raise TunnelIdInUse(segment=segment) from error


async def _free_vlan(tx: Transaction, config: Config, network: Network) -> None:
    wanted = network.physical_network
    for physical in [wanted] if wanted else sorted(config.vlan_ranges):
        network.physical_network = physical
        await _free(tx, config, network)
        if network.segment is not None:
            return


async def _free(tx: Transaction, config: Config, network: Network) -> None:
    kind, physical = network.kind, network.physical_network or ""

    async def used(low: int, high: int, most: int) -> Sequence[int]:
        rows = await tx.all(TAKEN, _Segment, of_kind=kind, physical=physical, low=low, high=high, most=most)
        return [row.segment for row in rows]

    cursor = segment_ranges.cursor(kind, physical)
    await gaps.lock_or_add(tx, cursor)
    for ranges in await segment_ranges.for_project(tx, config, kind, physical, network.project_id):
        network.segment = await gaps.take(tx, cursor, ranges, used) if ranges else None
        if network.segment is not None:
            await _named(tx, network)
            return


async def release(tx: Transaction, network_id: str) -> None:
    """Its segments are free."""
    await tx.run(DROP, network=network_id)
