"""What a host may do to ports with a launch token: make and bind those that the token names, to itself. All else is 403.

Flow, steps 22 and 23.
"""

from typing import Any

from tinstack.core.context import LaunchClaims
from tinstack.network.server.errors import LaunchTokenForbidden
from tinstack.network.server.rows import Port

MAY_SET = {"device_id", "device_owner", "binding:host_id", "binding:profile"}
"""What a host may change of a port that is there."""

MAY_MAKE = MAY_SET | {"id", "network_id", "project_id", "fixed_ips", "security_groups", "name", "tags"}


def named(launch: LaunchClaims, port_id: str | None) -> None:
    """Raises LaunchTokenForbidden for a port that the token does not name."""
    if port_id is None or port_id not in launch.ports:
        raise LaunchTokenForbidden(why=f"it does not name the port {port_id}")


def _place(launch: LaunchClaims, item: dict[str, Any]) -> None:
    if item.get("binding:host_id", launch.host) != launch.host:
        raise LaunchTokenForbidden(why=f"it is for the host {launch.host}")
    if item.get("device_id", launch.server) != launch.server:
        raise LaunchTokenForbidden(why=f"it is for the server {launch.server}")
    if not item.get("device_owner", "compute:").startswith("compute:"):
        raise LaunchTokenForbidden(why="the port must be a server's")


def check_new(launch: LaunchClaims, item: dict[str, Any], project_id: str) -> None:
    """A port to be made: named by the token, for its server, on its host, in its project."""
    named(launch, item.get("id"))
    _place(launch, item)
    if "binding:host_id" not in item or "device_id" not in item:
        raise LaunchTokenForbidden(why="the port must be bound to its host and server")
    if item["project_id"] != project_id:
        raise LaunchTokenForbidden(why="the port must be of its project")
    _only(item, MAY_MAKE)


def check_change(launch: LaunchClaims, port: Port, item: dict[str, Any]) -> None:
    """A port that is there: bound to the token's host and server, unless another server has it."""
    named(launch, port.id)
    if port.device_id not in ("", launch.server):
        raise LaunchTokenForbidden(why=f"the port {port.id} is another server's")
    _place(launch, item)
    _only(item, MAY_SET)


def _only(item: dict[str, Any], names: set[str]) -> None:
    more = sorted(set(item) - names)
    if more:
        raise LaunchTokenForbidden(why=f"it may not set {', '.join(more)}")
