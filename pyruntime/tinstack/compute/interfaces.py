"""Ports of a guest that is there: plugged and unplugged while it runs, or for its next start."""

from tinstack.compute.drivers.interface import Driver
from tinstack.compute.ports import Ports
from tinstack.compute.steps import Rehearse
from tinstack.conductor.rpc import RequestedPort, ServerDetails
from tinstack.core.errors import NotFound

PORT = "port_id"
"""In an operation's data: the port that it is about."""


class Interfaces:
    """The NICs of this host's guests. Every method may be called again."""

    def __init__(self, driver: Driver, ports: Ports, rehearse: Rehearse) -> None:
        self._driver, self._ports, self._rehearse = driver, ports, rehearse

    async def attach(self, server: ServerDetails, token: str) -> None:
        """Make or bind the port, wait for its tap, plug it in. Raises ApiError: the port may be there then."""
        port = _port(server)
        bodies = await self._ports.allocate(server, token, [port])
        [nic] = await self._ports.wait_until_wired(server, bodies, token)
        await self._rehearse(server.kind, server)
        await self._driver.attach_nic(server.id, nic, server.image_properties)

    async def detach(self, server: ServerDetails) -> None:
        """Unplug it; the port is the conductor's to clear. Raises DriverError where the guest does not let go."""
        await self._driver.detach_nic(server.id, str(server.data[PORT]))


def _port(server: ServerDetails) -> RequestedPort:
    id = server.data[PORT]
    for port in server.ports:
        if port.id == id:
            return port
    raise NotFound(f"The server {server.id} is not to have a port {id}.")
