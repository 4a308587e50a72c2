"""Every service runs as a confined unit of its own on the hosts of its group, and nothing else listens."""

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://controllers"]

PORTS = {
    "identity": 5000,
    "api": 8774,
    "volume": 8776,
    "placement": 8778,
    "image": 9292,
    "network": 9696,
}
WITHOUT_PORT = ("conductor", "scheduler")


@pytest.mark.parametrize("service", [*PORTS, *WITHOUT_PORT])
def test_the_unit_runs_at_boot_and_as_its_own_user(host: Host, service: str) -> None:
    unit = host.service(f"tinstack-{service}")
    assert unit.is_enabled
    assert unit.is_running
    assert unit.systemd_properties["User"] == f"tinstack-{service}"


@pytest.mark.parametrize("service", [*PORTS, *WITHOUT_PORT])
def test_the_unit_may_do_next_to_nothing(host: Host, service: str) -> None:
    properties = host.service(f"tinstack-{service}").systemd_properties
    assert properties.get("CapabilityBoundingSet", "") == ""  # systemd names empty properties only when asked for them
    assert properties["NoNewPrivileges"] == "yes"
    assert properties["ProtectSystem"] == "strict"


@pytest.mark.parametrize(("service", "port"), PORTS.items())
def test_the_api_listens_on_the_management_address_alone(host: Host, service: str, port: int) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    assert host.socket(f"tcp://{address}:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening


@pytest.mark.parametrize("port", [3306, 5672])
def test_database_and_broker_listen_on_the_management_address_alone(host: Host, port: int) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    assert host.socket(f"tcp://{address}:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening


def test_the_broker_knows_no_user_of_its_own_making(host: Host) -> None:
    users = host.check_output("rabbitmqctl --quiet --no-table-headers list_users").splitlines()
    assert "guest" not in {line.split()[0] for line in users}


def test_a_host_may_write_nothing_but_up(host: Host) -> None:
    lines = host.check_output("rabbitmqctl --quiet --no-table-headers list_permissions -p tinstack").splitlines()
    permissions = {line.split("\t")[0]: line.split("\t")[1:3] for line in lines}
    agents = {user: granted for user, granted in permissions.items() if "." in user}
    assert agents
    assert all(granted == ["^$", "^up$"] for granted in agents.values())
