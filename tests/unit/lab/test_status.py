"""`status`: services, capacity and servers as the APIs tell them; a dead API is a finding."""

import pytest

from tinstack.lab import status
from tinstack.lab.client import Client
from tinstack.lab.status import Capacity, Host


@pytest.fixture
def whole(cloud):
    up = {"host": "controller", "state": "up", "status": "enabled", "disabled_reason": None}
    cloud.has(
        "/compute/os-services",
        {"services": [{"binary": "nova-conductor", **up}, {"binary": "nova-compute", **up, "host": "compute1"}]},
    )
    cloud.has("/volumev3/os-services", {"services": [{"binary": "cinder-volume", **up}]})
    agent = {
        "agent_type": "L3 agent",
        "binary": "tinstack-network-agent",
        "host": "compute1",
        "alive": True,
        "admin_state_up": True,
    }
    cloud.has("/network/v2.0/agents", {"agents": [agent]})
    cloud.has(
        "/placement/resource_providers", {"resource_providers": [{"uuid": "p1", "name": "compute1", "generation": 3}]}
    )
    stock = {
        "VCPU": {"total": 2, "reserved": 0, "allocation_ratio": 4.0},
        "MEMORY_MB": {"total": 4096, "reserved": 512, "allocation_ratio": 1.0},
    }
    cloud.has("/placement/resource_providers/p1/inventories", {"inventories": stock})
    cloud.has("/placement/resource_providers/p1/usages", {"usages": {"VCPU": 1}})
    cloud.has(
        "/compute/servers/detail",
        {"servers": [{"id": "a", "status": "ACTIVE"}, {"id": "b", "status": "ERROR"}, {"id": "c", "status": "ACTIVE"}]},
    )
    return cloud


def test_a_healthy_lab(whole):
    found = status.fetch(Client(whole.login()))
    assert found.healthy
    assert [(service.name, service.host) for service in found.services] == [
        ("nova-conductor", "controller"),
        ("nova-compute", "compute1"),
        ("L3 agent", "compute1"),
        ("cinder-volume", "controller"),
    ]
    assert found.hosts == [Host("compute1", {"vcpus": Capacity(1, 8), "memory_mib": Capacity(0, 3584)})]
    assert found.servers == {"ACTIVE": 2, "ERROR": 1}


def test_a_service_that_is_down_makes_it_unhealthy_unless_it_is_disabled(whole):
    down = {"binary": "nova-compute", "host": "compute1", "state": "down", "status": "enabled"}
    whole.has("/compute/os-services", {"services": [down]})
    assert not status.fetch(Client(whole.login())).healthy
    whole.has("/compute/os-services", {"services": [{**down, "status": "disabled", "disabled_reason": "new disks"}]})
    assert status.fetch(Client(whole.login())).healthy


def test_an_api_that_fails_is_shown_as_down_and_the_others_are_still_shown(whole, capsys):
    whole.has("/network/v2.0/agents", {"NeutronError": {"message": "No database."}}, status=503)
    found = status.fetch(Client(whole.login()))
    assert not found.healthy
    assert len(found.hosts) == 1
    status.show(found)
    shown = capsys.readouterr().out
    assert "No database." in shown
    assert "servers: 3 (2 ACTIVE, 1 ERROR)" in shown


def test_without_identity_that_alone_is_said(whole):
    cloud = whole.login()
    cloud.auth.auth_url = "http://127.0.0.1:1/identity/v3"
    found = status.fetch(Client(cloud))
    assert not found.healthy and [service.name for service in found.services] == ["identity"]
