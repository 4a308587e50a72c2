"""Conntrack helpers of routers. Source: Network API reference, Routers conntrack helper (CT)."""

from tinstack.core.errors import BadRequest, NotFound
from tinstack.network.server import store, store_l3
from tinstack.network.server.change import Change
from tinstack.network.server.errors import RouterNotFound
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows_l3 import ConntrackHelper

KNOWN = {
    "amanda": ("tcp",),
    "ftp": ("tcp",),
    "h323": ("udp",),
    "irc": ("tcp",),
    "netbios-ns": ("udp",),
    "pptp": ("tcp",),
    "sane": ("tcp",),
    "sip": ("tcp", "udp"),
    "snmp": ("udp",),
    "tftp": ("udp",),
}
"""The helpers of the kernel, and the protocols on which they listen."""


class ConntrackHelperNotFound(NotFound):
    code, message = "network.helper.not_found", "Conntrack Helper {id} could not be found."


class ConntrackHelperNotAllowed(BadRequest):
    code, message = "network.helper.not_allowed", "Conntrack Helper {helper} is not allowed."


class InvalidProtocolForHelper(BadRequest):
    code = "network.helper.protocol"
    message = "Conntrack Helper {helper} does not support protocol: {protocol}. Supported protocols: {supported}"


class DuplicateConntrackHelper(BadRequest):
    code = "network.helper.exists"
    message = (
        "A duplicate conntrack helper entry with same attributes already exists: {helper} on {protocol} port {port}."
    )


def _same(row: ConntrackHelper) -> DuplicateConntrackHelper:
    return DuplicateConntrackHelper(helper=row.helper, protocol=row.protocol, port=row.port)


async def _check(change: Change, row: ConntrackHelper) -> None:
    if row.helper not in KNOWN:
        raise ConntrackHelperNotAllowed(helper=row.helper)
    if row.protocol not in KNOWN[row.helper]:
        raise InvalidProtocolForHelper(helper=row.helper, protocol=row.protocol, supported=", ".join(KNOWN[row.helper]))
    router = await store.routers.get(change.tx, row.router_id)
    if router is None:
        raise RouterNotFound(id=row.router_id)
    await store.routers.save(change.tx, router, change.now)


async def _changed(change: Change, old: ConntrackHelper, new: ConntrackHelper) -> None:
    await _check(change, new)


HELPERS = Plain(store_l3.conntrack_helpers, ConntrackHelperNotFound, same=_same, adding=_check, changing=_changed)
