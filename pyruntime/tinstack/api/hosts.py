"""The hosts as the API sees them: which are up, in which zone, how full. Reads only."""

from typing import NamedTuple

from tinstack.api.parts import Compute
from tinstack.api.views.hosts import Usage
from tinstack.computedb import aggregates, fleet
from tinstack.computedb.aggregates import Aggregate
from tinstack.computedb.fleet import COMPUTE, Node, Placed, Service
from tinstack.core.clock import now_us


class Host(NamedTuple):
    """A hypervisor with its service and what is on it."""

    node: Node
    service: Service | None
    up: bool
    usage: Usage


class Fleet(NamedTuple):
    """All services, with the aggregates that make their zones."""

    services: list[Service]
    aggregates: list[Aggregate]
    now: int
    down_seconds: float
    default_zone: str
    internal_zone: str

    def is_up(self, service: Service) -> bool:
        """Whether it was heard of lately."""
        return service.is_up(self.now, self.down_seconds)

    def zone(self, service: Service) -> str:
        """The zone of a service: hosts are in that of an aggregate or the default, all else is internal."""
        if service.binary != COMPUTE:
            return self.internal_zone
        return aggregates.zone_of(self.aggregates, service.host, self.default_zone)

    def computes(self) -> list[Service]:
        """The compute services."""
        return [one for one in self.services if one.binary == COMPUTE]

    def statuses(self) -> dict[str, str]:
        """Host → ``host_status`` of the servers on it."""
        found = {}
        for one in self.computes():
            found[one.host] = "MAINTENANCE" if one.disabled else "UP" if self.is_up(one) else "UNKNOWN"
            if one.forced_down:
                found[one.host] = "DOWN"
        return found


async def fleet_of(compute: Compute) -> Fleet:
    """Read it."""
    config = compute.config
    return Fleet(
        await fleet.all_services(compute.db),
        await aggregates.everything(compute.db),
        now_us(),
        config.service_down_seconds,
        config.default_zone,
        config.internal_zone,
    )


async def hosts_of(compute: Compute, known: Fleet) -> list[Host]:
    """Every hypervisor with what is on it."""
    on: dict[str, list[Placed]] = {}
    for server in await fleet.placed(compute.db):
        on.setdefault(server.host, []).append(server)
    services = {one.host: one for one in known.computes()}
    found = []
    for node in await fleet.all_nodes(compute.db):
        service = services.get(node.host)
        found.append(Host(node, service, bool(service and known.is_up(service)), Usage(on.get(node.host, []))))
    return found
