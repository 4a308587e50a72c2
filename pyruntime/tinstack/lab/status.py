"""What is up and how full it is, from the services' own APIs: compute, network, block storage, placement."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tinstack.lab import words
from tinstack.lab.client import ApiError, Client

CAPACITIES = {"VCPU": "vcpus", "MEMORY_MB": "memory_mib", "DISK_GB": "disk_gib"}
"""Placement's resource classes and what they are called here."""

Found = TypeVar("Found")


class Service(msgspec.Struct, frozen=True):
    """A service process that reports its health, or a whole API that does not answer."""

    name: str
    host: str
    up: bool
    enabled: bool = True
    reason: str | None = None


class Capacity(msgspec.Struct, frozen=True):
    """How much of one resource is sold, and how much there is to sell (over-commit included)."""

    used: int
    total: int


class Host(msgspec.Struct, frozen=True):
    """A compute host and its capacity, by the names in CAPACITIES."""

    name: str
    capacity: dict[str, Capacity]


class Status(msgspec.Struct, frozen=True):
    healthy: bool
    services: list[Service]
    hosts: list[Host]
    servers: dict[str, int]
    """Number of servers by status."""


def fetch(admin: Client) -> Status:
    """Ask every API; one that does not answer is itself a finding, no error."""
    unanswered: list[Service] = []

    def ask(name: str, question: Callable[[Client], list[Found]]) -> list[Found]:
        try:
            return question(admin)
        except ApiError as error:
            unanswered.append(Service(name, "-", False, reason=error.message))
            return []

    try:
        admin.endpoints()
    except ApiError as error:  # nobody else can be asked without a token
        return Status(False, [Service("identity", "-", False, reason=error.message)], [], {})
    services = [
        *ask("compute", compute_services),
        *ask("network", network_agents),
        *ask("block-storage", volume_services),
    ]
    hosts = ask("placement", compute_hosts)
    statuses = ask("servers", server_statuses)
    services += unanswered
    healthy = all(service.up or not service.enabled for service in services)
    return Status(healthy, services, hosts, dict(sorted(Counter(statuses).items())))


def compute_services(admin: Client) -> list[Service]:
    rows = admin.get("compute", "/os-services")["services"]
    return [openstack_service(row["binary"], row) for row in rows]


def volume_services(admin: Client) -> list[Service]:
    rows = admin.get("block-storage", "/os-services")["services"]
    return [openstack_service(row["binary"], row) for row in rows]


def openstack_service(name: str, row: dict[str, Any]) -> Service:
    return Service(name, row["host"], row["state"] == "up", row["status"] == "enabled", row.get("disabled_reason"))


def network_agents(admin: Client) -> list[Service]:
    rows = admin.get("network", "/v2.0/agents")["agents"]
    return [Service(row["agent_type"], row["host"], row["alive"], row["admin_state_up"]) for row in rows]


def compute_hosts(admin: Client) -> list[Host]:
    providers = admin.get("placement", "/resource_providers")["resource_providers"]
    return [
        Host(row["name"], capacities(admin, row["uuid"])) for row in sorted(providers, key=lambda row: str(row["name"]))
    ]


def capacities(admin: Client, provider: str) -> dict[str, Capacity]:
    """Source: Placement API, "Resource provider inventories": capacity is (total - reserved) * allocation_ratio."""
    inventories = admin.get("placement", f"/resource_providers/{provider}/inventories")["inventories"]
    usages = admin.get("placement", f"/resource_providers/{provider}/usages")["usages"]
    found = {}
    for resource, name in CAPACITIES.items():
        if stock := inventories.get(resource):
            total = int((stock["total"] - stock.get("reserved", 0)) * stock.get("allocation_ratio", 1.0))
            found[name] = Capacity(usages.get(resource, 0), total)
    return found


def server_statuses(admin: Client) -> list[str]:
    rows = admin.pages("compute", "/servers/detail", "servers", {"all_tenants": 1, "limit": 500})
    return [str(row["status"]) for row in rows]


def show(status: Status) -> None:
    services = words.table("service", "host", "state", "")
    for service in status.services:
        state = "up" if service.up else "DOWN"
        style = None if service.up else "red"
        services.add_row(
            service.name,
            service.host,
            state if service.enabled else f"{state}, disabled",
            service.reason or "",
            style=style,
        )
    hosts = words.table("host", "vCPUs", "memory MiB", "disk GiB", right=("vCPUs", "memory MiB", "disk GiB"))
    for host in status.hosts:
        cells = (host.capacity.get(name) for name in CAPACITIES.values())
        hosts.add_row(host.name, *(f"{cell.used}/{cell.total}" if cell else "-" for cell in cells))
    words.show_table(services)
    print()
    words.show_table(hosts)
    print()
    counts = ", ".join(f"{count} {name}" for name, count in status.servers.items())
    print(f"servers: {sum(status.servers.values())}{f' ({counts})' if counts else ''}")
