"""The making, moving and removing of ports in a change, for whoever they are; and the ports the service makes for itself.

All of it wants the port's network locked (``ipam.lock_networks``).
"""

import secrets
from collections.abc import Sequence
from uuid import uuid4

import msgspec
from sqlalchemy import bindparam, select

from tinstack.core.db import Duplicate, prepared
from tinstack.core.errors import Conflict
from tinstack.network.server import addresses, logs, store
from tinstack.network.server import tables as t
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.change import Change
from tinstack.network.server.known import Look
from tinstack.network.server.rows import ACTIVE, BINDING_FAILED, BOUND, DOWN, UNBOUND, Allocation, Network, Port

MAC_PREFIX = "fa:16:3e"
MAC_TRIES = 16

WIRING = prepared(
    select(t.hosts.c.physical_networks, t.networks.c.physical_network).where(
        t.hosts.c.host == bindparam("name"), t.hosts.c.heartbeat_at > 0, t.networks.c.id == bindparam("network")
    )
)


class _Wiring(msgspec.Struct):
    """What a host is wired to, and what a network needs."""

    physical_networks: dict[str, str]
    physical_network: str | None


class PortAlreadyExists(Conflict):
    """409: the id that the caller chose is in use."""

    code, message = "network.port.exists", "Port {id} already exists."


class MacAddressInUse(Conflict):
    """409: another port of the network has the MAC address."""

    code = "network.mac.in_use"
    message = "Unable to complete operation for network {net_id}. The mac address {mac} is in use."


def new_mac() -> str:
    """A MAC address of the range that OpenStack uses."""
    return ":".join([MAC_PREFIX, *(f"{byte:02x}" for byte in secrets.token_bytes(3))])


async def insert(change: Change, port: Port, *, any_mac: bool) -> None:
    """The row itself; another MAC address is tried where ours is taken. Raises MacAddressInUse, PortAlreadyExists."""
    for _ in range(MAC_TRIES):
        try:
            await store.ports.add(change.tx, port)
            return
        except Duplicate as error:
            if await store.ports.get(change.tx, port.id):
                raise PortAlreadyExists(id=port.id) from error
            if not any_mac:
                raise MacAddressInUse(net_id=port.network_id, mac=port.mac_address) from error
            port.mac_address = new_mac()
    raise MacAddressInUse(net_id=port.network_id, mac=port.mac_address)


def bind_new(port: Port, network: Network, host: Look) -> None:
    """A port that is to be made, on its host, if it has one: nothing is to be settled later. A state that the host was given for
    a lower generation can't have it; one for a higher generation has it as it will be, or not at all.

    It fails on a host that never reported, or that is not wired to the network's physical network.
    """
    if not port.binding_host:
        port.binding_vif_type = UNBOUND
        return
    wires = host.physical_networks
    wired = wires is not None and network.physical_network in (None, *wires)
    port.binding_vif_type = BOUND if wired else BINDING_FAILED
    port.binding_generation = (host.generation or 0) + 1


async def bind(change: Change, port: Port, host: str) -> None:
    """Put the port in its place: the row's fields alone. It is up once its host says so.

    It fails on a host that never reported, or that is not wired to the network's physical network.
    """
    port.binding_host = host
    if port.status == ACTIVE:
        port.status = DOWN
    if not host:
        port.binding_vif_type = UNBOUND
        return
    wiring = await change.tx.one(WIRING, _Wiring, name=host, network=port.network_id)
    wired = wiring is not None and wiring.physical_network in (None, *wiring.physical_networks)
    port.binding_vif_type = BOUND if wired else BINDING_FAILED
    change.placed(port.id)


async def make(
    change: Change,
    network: Network,
    owner: str,
    device_id: str,
    host: str,
    wanted: Sequence[Fixed] | None,
    *,
    project_id: str = "",
) -> tuple[Port, list[Allocation]]:
    """A port of the service's own. Raises what ``addresses.assign`` does."""
    port = Port(
        id=str(uuid4()),
        project_id=project_id,
        network_id=network.id,
        mac_address=new_mac(),
        device_id=device_id,
        device_owner=owner,
        port_security_enabled=False,
        created_at=change.now,
        updated_at=change.now,
    )
    await bind(change, port, host)
    await insert(change, port, any_mac=True)
    made = await addresses.assign(change, network, port, wanted)
    await change.port(port)
    return port, made


async def move(change: Change, port: Port, host: str, device_id: str | None = None) -> None:
    """A port that is there, to another host ('': nowhere)."""
    old = port.binding_host
    await bind(change, port, host)
    if device_id is not None:
        port.device_id = device_id
    await store.ports.save(change.tx, port, change.now)
    await change.port(port, old)


async def remove(change: Change, port: Port, *, logged: bool = True) -> None:
    """The port with all that is its. ``logged``: whether there may be logs of it."""
    await change.came_or_goes(port)
    await change.tx.run(store.DROP_ALLOCATIONS, port=port.id)
    await change.tx.run(store.DROP_PORT_GROUPS, port=port.id)
    if logged:
        await change.tx.run(logs.DROP_OF_TARGET, target=port.id)
    if not await store.ports.remove(change.tx, port.id):
        raise store.Stale
