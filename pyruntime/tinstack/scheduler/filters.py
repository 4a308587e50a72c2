"""Filters: which hosts could take a server. Names as in Nova's documentation of its scheduler.

A filter is a function of a host and a request that gives the reason why not, or None. Capacity is not theirs: placement knows it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tinstack.conductor.rpc import HostState, SchedulingRequest, Verdict


class Filter(NamedTuple):
    """``refuses``: the reason why not; ``asked``: whether the request asks for anything that the filter looks at."""

    refuses: Callable[[HostState, SchedulingRequest], str | None]
    asked: Callable[[SchedulingRequest], object]


DETAILED = 50
"""Up to so many hosts every filter's verdict is kept, beyond only refusals."""


def retry(host: HostState, request: SchedulingRequest) -> str | None:
    """Not a host that failed with this server already."""
    return "it was tried before" if host.host in request.tried else None


def compute(host: HostState, request: SchedulingRequest) -> str | None:
    """The host's service is enabled and reports."""
    if not host.enabled:
        return "its compute service is disabled"
    return None if host.up else "its compute service is down"


def forced(host: HostState, request: SchedulingRequest) -> str | None:
    """The host that the request names (``availability_zone=zone:host``, or ``host``), where it names one."""
    wanted = request.forced_host
    return f"the request names the host {wanted}" if wanted and wanted != host.host else None


def availability_zone(host: HostState, request: SchedulingRequest) -> str | None:
    """The zone asked for."""
    wanted = request.availability_zone
    return f"it is in zone {host.zone}, not in {wanted}" if wanted and wanted != host.zone else None


def image_properties(host: HostState, request: SchedulingRequest) -> str | None:
    """The hypervisor type that the image asks for (``img_hv_type``)."""
    wanted = request.image_properties.get("img_hv_type")
    if not wanted:
        return None
    kind = host.hypervisor_type.lower()
    return (
        None
        if str(wanted).lower() in (kind, {"qemu": "kvm"}.get(kind, kind))
        else f"the image asks for the hypervisor {wanted}"
    )


def aggregate_extra_specs(host: HostState, request: SchedulingRequest) -> str | None:
    """``aggregate_instance_extra_specs:KEY=VALUE`` of the flavor must stand in the metadata of an aggregate of the host."""
    for key, wanted in request.extra_specs.items():
        scope, colon, name = key.partition(":")
        if not colon or scope != "aggregate_instance_extra_specs":
            continue
        if not any(one.get(name) == wanted for one in host.aggregates):
            return f"no aggregate of it has {name}={wanted}"
    return None


def same_host(host: HostState, request: SchedulingRequest) -> str | None:
    """The hint ``same_host``: where one of those servers is (the conductor resolved servers to hosts)."""
    wanted = request.hints.get("same_host_names")
    return "none of the servers of the hint same_host is there" if wanted and host.host not in wanted else None


def different_host(host: HostState, request: SchedulingRequest) -> str | None:
    """The hint ``different_host``: where none of those servers is."""
    shunned = request.hints.get("different_host_names")
    return "a server of the hint different_host is there" if shunned and host.host in shunned else None


def server_group_affinity(host: HostState, request: SchedulingRequest) -> str | None:
    """All members of an ``affinity`` group on one host."""
    if request.group_policy != "affinity" or not request.group_hosts:
        return None
    return None if host.host in request.group_hosts else "the server's group is on another host"


def server_group_anti_affinity(host: HostState, request: SchedulingRequest) -> str | None:
    """At most ``max_server_per_host`` (1) members of an ``anti-affinity`` group on one host."""
    if request.group_policy != "anti-affinity":
        return None
    most = int(request.group_rules.get("max_server_per_host", 1))
    return "a member of the server's group is there" if request.group_hosts.get(host.host, 0) >= most else None


FILTERS: Mapping[str, Filter] = {
    "RetryFilter": Filter(retry, lambda request: request.tried),
    "ComputeFilter": Filter(compute, lambda request: True),
    "ForcedHostFilter": Filter(forced, lambda request: request.forced_host),
    "AvailabilityZoneFilter": Filter(availability_zone, lambda request: request.availability_zone),
    "ImagePropertiesFilter": Filter(image_properties, lambda request: request.image_properties),
    "AggregateInstanceExtraSpecsFilter": Filter(aggregate_extra_specs, lambda request: request.extra_specs),
    "SameHostFilter": Filter(same_host, lambda request: request.hints),
    "DifferentHostFilter": Filter(different_host, lambda request: request.hints),
    "ServerGroupAffinityFilter": Filter(server_group_affinity, lambda request: request.group_policy),
    "ServerGroupAntiAffinityFilter": Filter(server_group_anti_affinity, lambda request: request.group_policy),
}
"""In the order in which they are asked; the first refusal ends a host's turn."""


def passing(hosts: list[HostState], request: SchedulingRequest) -> tuple[list[HostState], list[Verdict]]:
    """The hosts that every filter lets pass, and the verdicts."""
    detailed = len(hosts) <= DETAILED
    verdicts: list[Verdict] = []
    left = hosts
    for name, (refuses, asked) in FILTERS.items():
        if not (detailed or asked(request)):
            continue
        reasons = [refuses(host, request) for host in left]
        if not detailed and not any(reasons):
            continue
        for host, reason in zip(left, reasons, strict=True):
            if reason or detailed:
                verdicts.append(Verdict(host=host.host, filter=name, passed=reason is None, reason=reason or ""))
        left = [host for host, reason in zip(left, reasons, strict=True) if reason is None]
    return left, verdicts


def kept(verdicts: list[Verdict], hosts: int) -> list[Verdict]:
    """What is kept with the request: everything that was said of a few hosts; of many, the first refusals."""
    return verdicts if hosts <= DETAILED else verdicts[:DETAILED]
