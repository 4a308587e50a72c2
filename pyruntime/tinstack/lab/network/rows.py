"""What the network service wants: rows of its API, read as the admin, and how the agents name what they make of them.

Source: Network API reference; the names are the network agent's (docs/architecture.md, "Addresses and isolation").
"""

from typing import Any

import msgspec

from tinstack.lab.client import Client
from tinstack.lab.trace import is_id
from tinstack.lab.words import LabError

Row = dict[str, Any]
INSIDE, OUTSIDE = "network:router_interface", "network:router_gateway"
DHCP = "network:dhcp"
OVERHEAD = {"vxlan": 50, "gre": 42}
"""Bytes that an overlay takes of the interface under it."""


class Rows(msgspec.Struct):
    """All that paths are explained by, by id."""

    ports: dict[str, Row]
    networks: dict[str, Row]
    subnets: dict[str, Row]
    routers: dict[str, Row]
    floating: list[Row]
    trunks: list[Row]
    groups: dict[str, Row]
    tunnels: dict[str, str]
    """Host → the address that its tunnels end at."""

    physical: dict[str, dict[str, str]]
    """Host → physical network → interface."""

    alive: dict[str, bool]

    def of_network(self, network_id: str) -> list[Row]:
        return [port for port in self.ports.values() if port["network_id"] == network_id]

    def on_host(self, host: str) -> list[Row]:
        return [port for port in self.ports.values() if port["binding:host_id"] == host]

    def hosts_of(self, network_id: str) -> list[str]:
        """Hosts with bound ports of a network."""
        return sorted({one["binding:host_id"] for one in self.of_network(network_id) if one["binding:host_id"]})


def fetch(admin: Client) -> Rows:
    """Raises ApiError."""

    def by_id(path: str, key: str) -> dict[str, Row]:
        return {row["id"]: row for row in admin.get("network", f"/v2.0/{path}")[key]}

    agents = admin.get("network", "/v2.0/agents")["agents"]
    tunnels, physical = {}, {}
    for agent in agents:
        said = agent.get("configurations") or {}
        if said.get("tunnel_ip"):
            tunnels[agent["host"]] = str(said["tunnel_ip"])
        if said.get("physical_networks"):
            physical[agent["host"]] = dict(said["physical_networks"])
    return Rows(
        ports=by_id("ports", "ports"),
        networks=by_id("networks", "networks"),
        subnets=by_id("subnets", "subnets"),
        routers=by_id("routers", "routers"),
        floating=admin.get("network", "/v2.0/floatingips")["floatingips"],
        trunks=admin.get("network", "/v2.0/trunks")["trunks"],
        groups=by_id("security-groups", "security_groups"),
        tunnels=tunnels,
        physical=physical,
        alive={agent["host"]: bool(agent["alive"]) for agent in agents},
    )


def find_port(rows: Rows, admin: Client, name: str) -> Row:
    """The port of that id, name, fixed or floating address, or the only one of the server of that id or name. Raises LabError."""
    found = [
        port
        for port in rows.ports.values()
        if name in (port["id"], port["name"], port["device_id"])
        or name in [one["ip_address"] for one in port["fixed_ips"]]
    ]
    found += [
        rows.ports[one["port_id"]] for one in rows.floating if one["floating_ip_address"] == name and one["port_id"]
    ]
    if not found and not is_id(name):
        query: dict[str, str | int] = {"all_tenants": 1, "limit": 500}
        servers = [one["id"] for one in admin.pages("compute", "/servers", "servers", query) if one["name"] == name]
        found = [port for port in rows.ports.values() if port["device_id"] in servers]
    if len(found) > 1:
        said = ", ".join(f"{port['id']} ({addresses(port)})" for port in found)
        raise LabError(f"{len(found)} ports are meant by '{name}'; name one by its id: {said}.")
    if not found:
        raise LabError(
            f"There is no host, port, server or address '{name}' on a network: `openstack port list` shows the ports."
        )
    return found[0]


def addresses(port: Row) -> str:
    return ", ".join(one["ip_address"] for one in port["fixed_ips"]) or "no address"


def tap(port: Row) -> str:
    return f"tap{port['id'][:11]}"


def router_end(port: Row) -> str:
    return f"{'qg-' if port['device_owner'] == OUTSIDE else 'qr-'}{port['id'][:11]}"


def bridge(network: Row) -> str:
    return f"br{network['id'][:11]}"


def uplink(network: Row) -> str | None:
    """The interface that carries the network to other hosts, where the agent makes one of a single name."""
    prefix = {"vxlan": "vx", "vlan": "vl"}.get(str(network["provider:network_type"]))
    return f"{prefix}{network['id'][:11]}" if prefix else None
