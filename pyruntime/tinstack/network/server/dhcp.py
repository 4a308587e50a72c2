"""DHCP ports: each network with a subnet that wants DHCP has one, on a host that serves DHCP, made and kept here."""

from tinstack.network.server import addresses, own_ports, scheduling, store
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.change import Change
from tinstack.network.server.config import Config
from tinstack.network.server.ipam import IpAddressGenerationFailure
from tinstack.network.server.rows import DHCP, Network, Port, Subnet


def device_id(host: str, network_id: str) -> str:
    """``device_id`` of a DHCP port."""
    return f"dhcp{host}-{network_id}"


async def ports_of(change: Change, network_id: str) -> list[Port]:
    """The DHCP ports of a network."""
    return await change.tx.all(store.PORTS_OF_OWNER, Port, network=network_id, owner=DHCP)


async def settle(change: Change, config: Config, network: Network) -> None:
    """Make the DHCP port of a locked network what its subnets want; where no host serves DHCP it comes later."""
    subnets = [subnet for subnet in await addresses.subnets_of(change, network.id) if subnet.enable_dhcp]
    ports = await ports_of(change, network.id)
    if not subnets:
        for port in ports:
            await own_ports.remove(change, port)
        return
    if not ports:
        await _make(change, config, network, subnets)
        return
    for port in ports:
        await _address(change, network, port, subnets)


async def _make(change: Change, config: Config, network: Network, subnets: list[Subnet]) -> None:
    host = await scheduling.host_for(change, config, scheduling.DHCP)
    if not host:
        return
    port, _ = await own_ports.make(
        change, network, DHCP, device_id(host, network.id), host, [], project_id=network.project_id
    )
    await _address(change, network, port, subnets)


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
