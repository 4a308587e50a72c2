"""Weighers: which of the possible hosts is best. Each gives a figure per host; they are normalised to 0…1, weighted and added."""

import heapq
import random
from collections.abc import Callable

from tinstack.conductor.rpc import HostState, SchedulingRequest
from tinstack.scheduler.config import Config

Weigher = Callable[[HostState, SchedulingRequest], float]


def free_ram(host: HostState, request: SchedulingRequest) -> float:
    """More free memory is better."""
    return float(host.ram_mib - host.ram_used_mib)


def free_disk(host: HostState, request: SchedulingRequest) -> float:
    """More free disk is better."""
    return float(host.disk_gib - host.disk_used_gib)


def spread(host: HostState, request: SchedulingRequest) -> float:
    """Fewer servers are better; for soft group policies what counts is the group's members on the host."""
    if request.group_policy == "soft-affinity":
        return float(request.group_hosts.get(host.host, 0))
    if request.group_policy == "soft-anti-affinity":
        return -float(request.group_hosts.get(host.host, 0)) * 1000 - host.servers
    return -float(host.servers)


def best_first(hosts: list[HostState], request: SchedulingRequest, config: Config, most: int = 20) -> list[HostState]:
    """The best of the hosts in the order in which they are to be tried; equals in random order, so that schedulers don't collide."""
    weighers: list[tuple[Weigher, float]] = [
        (free_ram, config.ram_weight),
        (free_disk, config.disk_weight),
        (spread, config.spread_weight),
    ]
    totals = [0.0] * len(hosts)
    for weigher, weight in weighers:
        figures = [weigher(host, request) for host in hosts]
        low, high = min(figures, default=0.0), max(figures, default=0.0)
        if high > low:
            scale = weight / (high - low)
            totals = [total + scale * (figure - low) for total, figure in zip(totals, figures, strict=True)]
    ranked = zip(totals, (random.random() for _ in hosts), range(len(hosts)), strict=True)
    return [hosts[place] for _, _, place in heapq.nlargest(most, ranked)]
