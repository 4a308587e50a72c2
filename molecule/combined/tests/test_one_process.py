"""With tinstack_layout: combined the services of a controller are one process: same ports, same configuration, same logs."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

from guests import Lab

testinfra_hosts = ["local://"]

SERVICES = {
    "identity": 5000,
    "placement": 8778,
    "image": 9292,
    "volume": 8776,
    "network": 9696,
    "conductor": None,
    "scheduler": None,
    "api": 8774,
    "console": 6080,
}
UNIT = "tinstack-controller"
BUDGET_MIB = 110


def units(one: Host) -> set[str]:
    """Those of ours that are there, but for the ones of single networks and volumes."""
    said = one.check_output("systemctl list-units --all --plain --no-legend 'tinstack-*.service'")
    return {line.split()[0].removesuffix(".service") for line in said.splitlines() if "@" not in line.split()[0]}


def test_the_services_have_one_unit_of_one_process_within_its_budget(
    one: Host, record_property: Callable[[str, object], None]
) -> None:
    assert units(one) == {UNIT, "tinstack-compute", "tinstack-network-agent"}
    unit = one.service(UNIT)
    assert unit.is_enabled
    assert unit.is_running
    main = unit.systemd_properties["MainPID"]
    group = unit.systemd_properties["ControlGroup"]
    processes = one.check_output(
        f"cat /sys/fs/cgroup/*{group}/cgroup.procs /sys/fs/cgroup{group}/cgroup.procs 2>/dev/null; true"
    )
    assert set(processes.split()) == {main}
    kib = int(one.check_output(f"awk '/^Pss:/ {{print $2}}' /proc/{main}/smaps_rollup"))
    record_property("pss_mib", kib / 1024)
    print(f"\n{UNIT}: {kib / 1024:.1f} MiB PSS")
    assert kib / 1024 <= BUDGET_MIB


@pytest.mark.parametrize("port", [*filter(None, SERVICES.values()), 8775])
def test_it_has_the_ports_of_all_and_the_gateway_is_before_them(one: Host, port: int) -> None:
    main = one.service(UNIT).systemd_properties["MainPID"]
    listening = {line.split()[3]: line for line in one.check_output(f"ss -Hltnp sport = :{port}").splitlines()}
    address = one.ansible.get_variables()["ansible_host"]
    assert set(listening) == {f"127.0.0.1:{port}", f"{address}:{port}"}
    assert f"pid={main}," in listening[f"127.0.0.1:{port}"]
    assert "haproxy" in listening[f"{address}:{port}"]


def test_its_account_reads_the_configurations_and_owns_the_states_and_nothing_else(one: Host) -> None:
    properties = one.service(UNIT).systemd_properties
    assert properties["User"] == UNIT
    assert properties.get("CapabilityBoundingSet", "") == ""
    for service in SERVICES:
        file = one.file(f"/etc/tinstack/{service}.toml")
        assert (file.user, file.group, file.mode) == ("root", UNIT, 0o640)
        assert one.file(f"/var/lib/tinstack/{service}").user == UNIT
    credentials = one.file("/etc/tinstack/credentials")
    assert (credentials.user, credentials.mode) == ("root", 0o700)
    assert one.file("/etc/tinstack/compute.toml").group == "tinstack-compute"
    assert one.file("/var/lib/tinstack/instances").user == "tinstack-compute"


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_writes_to_its_own_log(one: Host, service: str) -> None:
    lines = one.check_output(f"tail -n 500 /var/log/tinstack/{service}.log").splitlines()
    assert lines
    assert {json.loads(line)["service"] for line in lines} <= {service, "metadata"}


def test_each_service_has_its_own_user_at_bus_and_database(one: Host) -> None:
    connected = "rabbitmqctl --quiet --no-table-headers list_connections user"
    assert set(one.check_output(connected).split()) >= set(SERVICES)
    rows = one.check_output("mariadb -NBe 'select distinct user from information_schema.processlist'").split()
    databases = {"identity", "placement", "image", "volume", "network", "conductor", "api"}
    assert {f"tinstack_{name}" for name in databases} <= set(rows)


def test_a_guest_boots_and_is_deleted(cloud: Callable[[str], Any]) -> None:
    compute = cloud("tinstack").compute
    made = compute.create_server(
        name="brief",
        image_id=cloud("tinstack").image.find_image("tiny").id,
        flavor_id=compute.find_flavor("t1.nano").id,
        networks=[{"uuid": cloud("tinstack").network.find_network("demo-net").id}],
    )
    try:
        assert compute.wait_for_server(made, wait=240).status == "ACTIVE"
    finally:
        compute.delete_server(made)
    compute.wait_for_delete(made, wait=240)


@pytest.mark.parametrize("words", [("status",), ("verify",), ("verify", "--security")], ids=" ".join)
def test_the_lab_is_well(lab: Lab, words: tuple[str, ...]) -> None:
    done = lab(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    if words == ("status",):
        assert UNIT in done.stdout


def test_the_lines_of_a_service_are_found(lab: Lab) -> None:
    done = lab("logs", "--service", "conductor", "--since", "1d", "--json")
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["service"] for line in done.stdout.splitlines()} == {"conductor"}


def test_where_nothing_has_changed_nothing_is_restarted(lab: Lab) -> None:
    done = lab("reconfigure", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["units"] == []
