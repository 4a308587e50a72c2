"""Weighers: which of the possible hosts is best. Each gives a figure for each host; they are normalised to 0…1, weighted and added."""

import heapq
import random

from tinstack.conductor.rpc import HostState, SchedulingRequest
from tinstack.scheduler.config import Config


def free_ram(hosts: list[HostState], request: SchedulingRequest) -> list[float]:
    """More free memory is better."""
    return [host.ram_mib - host.ram_used_mib for host in hosts]


def free_disk(hosts: list[HostState], request: SchedulingRequest) -> list[float]:
    """More free disk is better."""
    return [host.disk_gib - host.disk_used_gib for host in hosts]


def spread(hosts: list[HostState], request: SchedulingRequest) -> list[float]:
    """Fewer servers are better; for soft group policies what counts is the group's members on the host."""
    members = request.group_hosts
    if request.group_policy == "soft-affinity":
        return [members.get(host.host, 0) for host in hosts]
    if request.group_policy == "soft-anti-affinity":
        return [-1000 * members.get(host.host, 0) - host.servers for host in hosts]
    return [-host.servers for host in hosts]


def best_first(hosts: list[HostState], request: SchedulingRequest, config: Config, most: int = 20) -> list[HostState]:
    """The best of the hosts in the order in which they are to be tried; equals in random order, so that schedulers don't collide."""
    if not hosts:
        return []
    ram, ram_scale = _scaled(free_ram(hosts, request), config.ram_weight)
    disk, disk_scale = _scaled(free_disk(hosts, request), config.disk_weight)
    few, few_scale = _scaled(spread(hosts, request), config.spread_weight)
    totals = [a * ram_scale + b * disk_scale + c * few_scale for a, b, c in zip(ram, disk, few, strict=True)]
    last = heapq.nlargest(most, totals)[-1]
    better = [place for place, total in enumerate(totals) if total > last]
    equal = [place for place, total in enumerate(totals) if total == last]
    better.sort(key=lambda place: (-totals[place], random.random()))
    return [hosts[place] for place in (*better, *random.sample(equal, min(len(equal), most - len(better))))]


def _scaled(figures: list[float], weight: float) -> tuple[list[float], float]:
    """With what each is to be multiplied. That they begin at 0 is left out: it is the same for all."""
    low, high = min(figures), max(figures)
    return figures, weight / (high - low) if high > low else 0.0
