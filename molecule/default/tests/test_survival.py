"""Real guests while things break: a boot outlives its host's agent and the broker, and a delete leaves nothing on the host.

Runs after the tests that want logs without an error: what breaks is logged."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from testinfra.host import Host

from guests import SECONDS, until

testinfra_hosts = ["local://"]

KILL = "systemctl kill --signal=SIGKILL tinstack-compute"
"""systemd starts it again."""


@pytest.fixture
def admin(cloud: Callable[[str], Any]) -> Any:
    """The administrator."""
    return cloud("tinstack-admin")


@pytest.fixture
def boot(cloud: Callable[[str], Any], hello: Any) -> Iterator[Callable[[], Any]]:
    """Asks for a server like hello; all are deleted in the end."""
    demo, made = cloud("tinstack").compute, []

    def ask() -> Any:
        network = next(iter(cloud("tinstack").network.networks(name="demo-net")))
        flavor = demo.find_flavor(hello.flavor["original_name"], ignore_missing=False)
        made.append(
            demo.create_server(
                name=f"fault-{uuid4().hex[:6]}",
                image_id=hello.image.id,
                flavor_id=flavor.id,
                networks=[{"uuid": network.id}],
            )
        )
        return made[-1]

    yield ask
    for server in made:
        demo.delete_server(server, ignore_missing=True)
    for server in made:
        demo.wait_for_delete(server, wait=int(SECONDS))


def ended(admin: Any, server: Any) -> Any:
    """The server, once nothing is under way for it."""

    def settled() -> Any:
        found = admin.compute.get_server(server.id)
        return found if found.status in ("ACTIVE", "ERROR") and found.task_state is None else None

    return until(settled, f"{server.name} is ACTIVE or in ERROR")


def running(host: Host, server: Any) -> bool:
    """Whether its domain runs there."""
    return host.run(f"virsh domstate {server.id}").stdout.strip() == "running"


def traces(host: Host, id: str, ports: list[str]) -> list[str]:
    """Whatever is there of a server: domain, folder, interfaces."""
    seen = host.check_output("virsh list --all --uuid; ls /var/lib/tinstack/instances; ip -br link")
    return [name for name in (id, *(f"tap{port[:11]}" for port in ports)) if name in seen]


def test_a_boot_outlives_its_hosts_agent(
    admin: Any, boot: Callable[[], Any], host_named: Callable[[str], Host]
) -> None:
    server = boot()
    name = until(lambda: admin.compute.get_server(server.id).hypervisor_hostname, "a host is chosen", 60, 0.05)
    host_named(name).check_output(KILL)
    found = ended(admin, server)
    assert found.status == "ACTIVE", found.fault
    assert running(host_named(found.hypervisor_hostname), server)
    assert host_named(name).service("tinstack-compute").is_running


def test_a_boot_outlives_a_restart_of_the_broker(
    admin: Any, hello: Any, boot: Callable[[], Any], host_named: Callable[[str], Host]
) -> None:
    controller = hello.hypervisor_hostname.rpartition("compute")[0] + "controller"
    server = boot()
    host_named(controller).check_output("systemctl restart rabbitmq-server")
    found = ended(admin, server)
    assert found.status == "ACTIVE", found.fault
    assert running(host_named(found.hypervisor_hostname), server)


@pytest.mark.parametrize("killed", [False, True], ids=["", "while the agent dies"])
def test_a_deleted_server_leaves_no_domain_no_disk_and_no_tap(
    admin: Any, boot: Callable[[], Any], host_named: Callable[[str], Host], killed: bool
) -> None:
    found = ended(admin, boot())
    assert found.status == "ACTIVE", found.fault
    host = host_named(found.hypervisor_hostname)
    ports = [port.id for port in admin.network.ports(device_id=found.id)]
    assert len(traces(host, found.id, ports)) == 2
    admin.compute.delete_server(found)
    if killed:
        host.check_output(KILL)
    admin.compute.wait_for_delete(found, wait=int(SECONDS))
    until(lambda: not traces(host, found.id, ports), "nothing is left on the host", 60)
    until(lambda: host.service("tinstack-compute").is_running, "the agent is there again", 60)
    claims = admin.placement.get(f"/allocations/{found.id}").json()["allocations"]
    assert not claims and not list(admin.network.ports(device_id=found.id))
