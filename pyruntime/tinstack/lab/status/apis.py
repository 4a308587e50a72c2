"""What the services' own APIs tell: compute, network, block storage, image, placement. Asked side by side, none for long."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec

from tinstack.lab.client import ApiError, Client

SECONDS = 4.0
"""How long an API may take. A token and the slowest answer are within ten seconds, whatever is down."""

CAPACITIES = {"VCPU": "vcpus", "MEMORY_MB": "memory_mib", "DISK_GB": "disk_gib"}
"""Placement's resource classes and what they are called here."""


class Service(msgspec.Struct, frozen=True):
    """A service process that reports its health, or a whole API that does not answer."""

    name: str
    host: str
    up: bool
    enabled: bool = True
    reason: str | None = None
    since: int | None = None
    """When it was last heard of, in seconds since the epoch."""


class Capacity(msgspec.Struct, frozen=True):
    """How much of one resource is sold, and how much there is to sell (over-commit included)."""

    used: int
    total: int


class Host(msgspec.Struct, frozen=True):
    """A compute host and its capacity, by the names in CAPACITIES."""

    name: str
    capacity: dict[str, Capacity]


class Pool(msgspec.Struct, frozen=True):
    """A volume backend: GiB that are sold (thin volumes count whole), free, and there."""

    name: str
    allocated_gib: float
    free_gib: float
    total_gib: float


class Told(msgspec.Struct):
    """What the APIs said."""

    services: list[Service] = []
    hosts: list[Host] = []
    servers: list[str] = []
    """Statuses, one for each server."""

    pools: list[Pool] = []


def fetch(admin: Client) -> Told:
    """Ask every API; one that does not answer is itself a finding, no error."""
    try:
        admin.endpoints()
    except ApiError as error:  # nobody else can be asked without a token
        return Told([Service("identity", "-", False, reason=error.message)])
    told = Told()

    def ask(name: str, question: Callable[[Client], list[Any]]) -> tuple[list[Any], list[Service]]:
        try:
            return question(admin.again()), []
        except ApiError as error:
            return [], [Service(name, "-", False, reason=error.message)]

    questions: list[tuple[str, Callable[[Client], list[Any]], list[Any]]] = [
        ("compute", compute_services, told.services),
        ("network", network_agents, told.services),
        ("block-storage", volume_services, told.services),
        ("placement", compute_hosts, told.hosts),
        ("image", images_answer, []),
        ("compute", server_statuses, told.servers),
        ("block-storage", pools, told.pools),
    ]
    with ThreadPoolExecutor(max_workers=len(questions)) as pool:
        answers = list(pool.map(lambda one: ask(one[0], one[1]), questions))
    for (_, _, kept), (found, _) in zip(questions, answers, strict=True):
        kept += found
    silent = {one.name: one for _, unanswered in answers for one in unanswered}
    told.services += silent.values()
    return told


def counted(statuses: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(statuses).items()))


def epoch(stamp: str | None) -> int | None:
    """A time as the APIs write it (ISO 8601 in UTC, with or without its Z)."""
    if not stamp:
        return None
    try:
        said = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return None
    return int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp())


def compute_services(admin: Client) -> list[Service]:
    rows = admin.get("compute", "/os-services")["services"]
    return [openstack_service(row["binary"], row) for row in rows]


def volume_services(admin: Client) -> list[Service]:
    rows = admin.get("block-storage", "/os-services")["services"]
    return [openstack_service(row["binary"], row) for row in rows]


def openstack_service(name: str, row: dict[str, Any]) -> Service:
    up, enabled = row["state"] == "up", row["status"] == "enabled"
    return Service(name, row["host"], up, enabled, row.get("disabled_reason"), epoch(row.get("updated_at")))


def network_agents(admin: Client) -> list[Service]:
    rows = admin.get("network", "/v2.0/agents")["agents"]
    return [
        Service(
            row["agent_type"],
            row["host"],
            row["alive"],
            row["admin_state_up"],
            None,
            epoch(row.get("heartbeat_timestamp")),
        )
        for row in rows
    ]


def images_answer(admin: Client) -> list[Any]:
    """Nothing of it is shown; that it answers is what counts."""
    admin.get("image", "/v2/images", {"limit": 1})
    return []


def pools(admin: Client) -> list[Pool]:
    """Source: Block Storage API, "List all back-end storage pools"."""
    rows = admin.get("block-storage", "/scheduler-stats/get_pools", {"detail": "true"})["pools"]
    found = [(row["name"], row.get("capabilities") or {}) for row in rows]
    numbers = ("allocated_capacity_gb", "free_capacity_gb", "total_capacity_gb")
    return [Pool(name, *(number(said.get(key)) for key in numbers)) for name, said in found]


def number(value: Any) -> float:
    """GiB; what a backend does not know counts as 0."""
    return float(value) if isinstance(value, int | float) else 0.0


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
