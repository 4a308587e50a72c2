"""Filters and weighers."""

from typing import Any

import pytest

from tinstack.conductor.rpc import HostState, SchedulingRequest, Verdict
from tinstack.core.config import AuthConfig
from tinstack.scheduler.config import Config
from tinstack.scheduler.filters import passing
from tinstack.scheduler.scheduling import NoValidHost, left_by_filter
from tinstack.scheduler.weighers import best_first

CONFIG = Config(auth=AuthConfig(auth_url="http://127.0.0.1/v3"))


def host(name: str, **more: Any) -> HostState:
    facts: dict[str, Any] = {
        "host": name,
        "provider": f"rp-{name}",
        "up": True,
        "enabled": True,
        "zone": "nova",
        "hypervisor_type": "QEMU",
        "vcpus": 4,
        "ram_mib": 4096,
        "disk_gib": 100,
    }
    return HostState(**{**facts, **more})


def request(**more: Any) -> SchedulingRequest:
    facts: dict[str, Any] = {
        "server_id": "s",
        "project_id": "p",
        "kind": "boot",
        "vcpus": 1,
        "ram_mib": 64,
        "disk_gib": 1,
    }
    return SchedulingRequest(**{**facts, **more})


@pytest.mark.parametrize(
    "other, wanted, filter",
    [
        ({"up": False}, {}, "ComputeFilter"),
        ({"enabled": False}, {}, "ComputeFilter"),
        ({"zone": "two"}, {"availability_zone": "nova"}, "AvailabilityZoneFilter"),
        ({}, {"tried": ["b"]}, "RetryFilter"),
        ({}, {"forced_host": "a"}, "ForcedHostFilter"),
        ({}, {"hints": {"same_host_names": ["a"]}}, "SameHostFilter"),
        ({}, {"hints": {"different_host_names": ["b"]}}, "DifferentHostFilter"),
        ({}, {"group_policy": "affinity", "group_hosts": {"a": 1}}, "ServerGroupAffinityFilter"),
        ({}, {"group_policy": "anti-affinity", "group_hosts": {"b": 1}}, "ServerGroupAntiAffinityFilter"),
        ({"hypervisor_type": "lxc"}, {"image_properties": {"img_hv_type": "qemu"}}, "ImagePropertiesFilter"),
    ],
)
def test_each_filter_refuses_the_other_host(other: dict[str, Any], wanted: dict[str, Any], filter: str) -> None:
    left, verdicts = passing([host("a"), host("b", **other)], request(**wanted))
    assert [one.host for one in left] == ["a"]
    refusals = [one for one in verdicts if not one.passed]
    assert [(one.host, one.filter) for one in refusals] == [("b", filter)]
    assert refusals[0].reason


def test_the_emptier_host_comes_first() -> None:
    full = host("a", ram_used_mib=2000, servers=3)
    assert [one.host for one in best_first([full, host("b")], request(), CONFIG)] == ["b", "a"]


def test_soft_affinity_prefers_company() -> None:
    wanted = request(group_policy="soft-affinity", group_hosts={"a": 2})
    assert best_first([host("b"), host("a")], wanted, CONFIG)[0].host == "a"


def test_a_refusal_counts_the_hosts_that_each_filter_left() -> None:
    hosts = [host("a", up=False), host("b", zone="other"), host("c"), host("d", up=False)]
    _, verdicts = passing(hosts, request(availability_zone="nova"))
    verdicts.append(Verdict(host="c", filter="Placement", passed=False, reason="it is full"))
    counted = left_by_filter(len(hosts), verdicts)
    assert counted.startswith(
        "RetryFilter 4 of 4, ComputeFilter 2 of 4, ForcedHostFilter 2 of 2, AvailabilityZoneFilter 1 of 2, "
    )
    assert counted.endswith(", Placement 0 of 1")
    said = NoValidHost(10, len(hosts), verdicts).text
    assert said.startswith(
        "No valid host was found. a: its compute service is down; b: it is in zone other, not in nova; "
    )
    assert said.endswith(f"Hosts left by each filter: {counted}.")


def test_counting_ends_with_the_filter_that_left_none() -> None:
    _, verdicts = passing([host("a", enabled=False)], request())
    assert left_by_filter(1, verdicts) == "RetryFilter 1 of 1, ComputeFilter 0 of 1"
    assert "There is no compute host" in NoValidHost(10, 0, []).text
