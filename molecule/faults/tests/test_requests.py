"""Faults that users make by their requests: the trace and the path name them."""

import time
from collections.abc import Callable
from typing import Any

testinfra_hosts = ["local://"]

MINUTE = 60.0


def test_addresses_that_are_exhausted_are_named_by_the_trace(
    lab: Any, words: dict[str, str], boots: list[Callable[[], object]]
) -> None:
    network = lab.member.network.create_network(name="narrow")
    boots.append(lambda: lab.member.network.delete_network(network))
    subnet = {
        "network_id": network.id,
        "ip_version": 4,
        "cidr": "10.66.0.0/29",
        "enable_dhcp": False,
        "gateway_ip": None,
    }
    lab.member.network.create_subnet(**subnet, allocation_pools=[{"start": "10.66.0.2", "end": "10.66.0.2"}])
    port = lab.member.network.create_port(network_id=network.id)
    boots.append(lambda: lab.member.network.delete_port(port))
    server: Any = lab.member.compute.create_server(
        name="no-address",
        image_id=words["image"],
        flavor_id=next(one.id for one in lab.member.compute.flavors() if one.name == "t1.nano"),
        networks=[{"uuid": network.id}],
    )
    boots.append(lambda: gone(lab, server))
    end = time.monotonic() + 60
    while lab.member.compute.get_server(server.id).status != "ERROR":
        assert time.monotonic() < end
        time.sleep(0.5)
    said = lab.say("trace no-address")
    (line,) = [line for line in said.text.splitlines() if line.startswith("Step 22 (allocate the network) failed")]
    assert f"on {words['hv']}" in line
    assert "No more IP addresses" in line and network.id in line
    assert said.seconds < MINUTE


def gone(lab: Any, server: Any) -> None:
    lab.member.compute.delete_server(server)
    lab.member.compute.wait_for_delete(server, wait=60)


def test_a_port_that_is_switched_off_is_named_by_its_path(lab: Any, words: dict[str, str]) -> None:
    lab.admin.network.update_port(words["port"], admin_state_up=False)
    try:
        said = lab.say("network show hello")
    finally:
        lab.admin.network.update_port(words["port"], admin_state_up=True)
    assert said.code == 1 and "The port is switched off (admin_state_up is false)" in said.text


def test_a_group_without_a_rule_is_named_by_the_path(
    lab: Any, words: dict[str, str], boots: list[Callable[[], object]]
) -> None:
    port = lab.admin.network.get_port(words["port"])
    empty = lab.member.network.create_security_group(name="nothing-in")
    boots.append(lambda: lab.member.network.delete_security_group(empty))
    before = list(port.security_group_ids)
    boots.append(lambda: lab.admin.network.update_port(port.id, security_groups=before))
    lab.admin.network.update_port(port.id, security_groups=[empty.id])
    said = lab.say("network show hello")
    assert said.code == 0
    assert (
        "No rule of its security groups (nothing-in) lets tcp:22 in: such packets are dropped at the port." in said.text
    )
