"""DHCP: which hosts serve it for a network, and the port that each of them has there, made and kept here."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.network.server import addresses, own_ports, scheduling, store
from tinstack.network.server import tables as t
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.change import Change
from tinstack.network.server.config import Config
from tinstack.network.server.ipam import IpAddressGenerationFailure
from tinstack.network.server.rows import DHCP, Network, Port, Subnet

PARKED = ""
"""In the place of a host: an operator took the network off its last one, and none is chosen for it."""

_B = t.dhcp_bindings.c

BINDINGS = prepared(select(t.dhcp_bindings).where(_B.network_id == bindparam("network")).order_by(_B.host))
ADD_BINDING = prepared(t.dhcp_bindings.insert())
DROP_BINDINGS = prepared(t.dhcp_bindings.delete().where(_B.network_id == bindparam("network")))


class Binding(msgspec.Struct, frozen=True):
    """A host that serves a network's DHCP."""

    network_id: str
    host: str


def device_id(host: str, network_id: str) -> str:
    """``device_id`` of a DHCP port."""
    return f"dhcp{host}-{network_id}"


async def ports_of(change: Change, network_id: str) -> list[Port]:
    """The DHCP ports of a network."""
    return await change.tx.all(store.PORTS_OF_OWNER, Port, network=network_id, owner=DHCP)


async def hosts_of(change: Change, network_id: str) -> list[str]:
    """The hosts that serve a network, or ``PARKED`` alone."""
    return [one.host for one in await change.tx.all(BINDINGS, Binding, network=network_id)]


async def bind(change: Change, network_id: str, hosts: Sequence[str]) -> None:
    """These hosts and no others, of a locked network."""
    await change.tx.run(DROP_BINDINGS, network=network_id)
    await change.tx.run_many(ADD_BINDING, [{"network_id": network_id, "host": host} for host in hosts])


async def settle(change: Change, config: Config, network: Network) -> None:
    """Make the DHCP ports of a locked network what its subnets and hosts want; where no host serves DHCP they come later."""
    subnets = [subnet for subnet in await addresses.subnets_of(change, network.id) if subnet.enable_dhcp]
    ports = {port.binding_host: port for port in await ports_of(change, network.id)}
    hosts = [host for host in await _hosts(change, config, network, bool(subnets)) if host and subnets]
    for host, port in ports.items():
        if host not in hosts:
            await own_ports.remove(change, port)
    for host in hosts:
        await _address(change, network, ports.get(host) or await _make(change, network, host), subnets)


async def _hosts(change: Change, config: Config, network: Network, wanted: bool) -> list[str]:
    """Those that serve it; the first one is chosen when it is needed."""
    hosts = await hosts_of(change, network.id)
    if not hosts and wanted and (host := await scheduling.host_for(change, config, scheduling.DHCP)):
        hosts = [host]
        await bind(change, network.id, hosts)
    return hosts


async def _make(change: Change, network: Network, host: str) -> Port:
    device = device_id(host, network.id)
    port, _ = await own_ports.make(change, network, DHCP, device, host, [], project_id=network.project_id)
    return port


async def _address(change: Change, network: Network, port: Port, subnets: list[Subnet]) -> None:
    """One address in each subnet that wants DHCP. A subnet that is full goes without."""
    had = {one.subnet_id: one.ip for one in await addresses.of_port(change, port.id)}
    wanted = [Fixed(subnet_id=subnet.id, ip_address=had[subnet.id]) for subnet in subnets if subnet.id in had]
    gone = set(had) - {subnet.id for subnet in subnets}
    for subnet_id in gone:
        await change.tx.run(store.DROP_ALLOCATION, port=port.id, subnet=subnet_id, address=had[subnet_id])
    changed = bool(gone)
    for subnet in subnets:
        if subnet.id not in had:
            try:
                await addresses.reassign(change, network, port, [*wanted, Fixed(subnet_id=subnet.id)])
            except IpAddressGenerationFailure:
                continue
            changed = True
            wanted = [
                Fixed(subnet_id=one.subnet_id, ip_address=one.ip) for one in await addresses.of_port(change, port.id)
            ]
    if changed:
        change.placed(port.id)
        await change.port(port, port.binding_host)
