"""Every service runs as a confined unit of its own on the hosts of its group, and nothing else listens."""

import http.client
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    "console": 6080,
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
def test_the_api_listens_on_loopback_and_the_gateway_on_the_management_address(
    host: Host, service: str, port: int
) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    listening = {line.split()[3]: line for line in host.check_output(f"ss -Hltnp sport = :{port}").splitlines()}
    assert set(listening) == {f"127.0.0.1:{port}", f"{address}:{port}"}
    assert "haproxy" in listening[f"{address}:{port}"]


@pytest.mark.parametrize("port", [*PORTS.values(), 8775])
def test_outside_only_tls_is_spoken_and_the_lab_vouches_for_it(host: Host, state: Path, port: int) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    with pytest.raises((OSError, http.client.HTTPException)):
        unencrypted_answer(address, port)
    trusted = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
    with plain(address, port) as raw, trusted.wrap_socket(raw, server_hostname=address) as encrypted:
        assert encrypted.version() in ("TLSv1.2", "TLSv1.3")


def unencrypted_answer(address: str, port: int) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", "/")
    return connection.getresponse()


def plain(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=5)


def test_links_lead_where_the_client_came_from(cloud: Callable[[str], Any]) -> None:
    compute = cloud("tinstack").compute
    root = compute.get_endpoint().rsplit("/v2.1", 1)[0]
    assert root.startswith("https://")
    [link] = [one for one in compute.get(f"{root}/v2.1/").json()["version"]["links"] if one["rel"] == "self"]
    assert link["href"].startswith(f"{root}/")


@pytest.mark.parametrize("port", [3306, 5671])
def test_database_and_broker_listen_on_the_management_address_alone(host: Host, port: int) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    assert host.socket(f"tcp://{address}:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening


def test_the_database_is_not_spoken_to_in_the_clear(host: Host) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    password = "MYSQL_PWD=$(cat /etc/tinstack/credentials/image/database)"
    client = f"{password} mariadb --host={address} --user=tinstack_image --execute='SELECT 1'"
    assert "Access denied" in host.run(f"{client} --skip-ssl").stderr  # with the right password
    assert host.run(f"{client} --ssl-ca=/etc/tinstack/tls/ca.pem --ssl-verify-server-cert").succeeded


def test_the_broker_is_not_spoken_to_in_the_clear(host: Host, state: Path) -> None:
    address = host.ansible.get_variables()["ansible_host"]
    assert not host.socket(f"tcp://{address}:5672").is_listening
    trusted = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
    with plain(address, 5671) as raw, trusted.wrap_socket(raw, server_hostname=address) as encrypted:
        assert encrypted.version() in ("TLSv1.2", "TLSv1.3")


def test_the_broker_knows_no_user_of_its_own_making(host: Host) -> None:
    users = host.check_output("rabbitmqctl --quiet --no-table-headers list_users").splitlines()
    assert "guest" not in {line.split()[0] for line in users}


def test_a_host_may_write_nothing_but_up(host: Host) -> None:
    lines = host.check_output("rabbitmqctl --quiet --no-table-headers list_permissions -p tinstack").splitlines()
    permissions = {line.split("\t")[0]: line.split("\t")[1:3] for line in lines}
    agents = {user: granted for user, granted in permissions.items() if "." in user}
    assert agents
    assert all(granted == ["^$", "^up$"] for granted in agents.values())
