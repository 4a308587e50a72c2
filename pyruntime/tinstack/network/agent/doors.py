"""What the agent knows of the metadata proxy, so that hosts without that role need not load an HTTP stack."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from tinstack.network.rpc import HostNetworkState


class Doors(Protocol):
    """Sockets in namespaces, opened and closed as the wanted state says."""

    async def serve(self, doors: Mapping[str, Iterable[str]], state: HostNetworkState) -> dict[str, str]:
        """Namespace → its networks. Returns namespace → why it could not be opened."""

    async def close(self) -> None:
        """All of them."""
