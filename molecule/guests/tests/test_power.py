"""Power states are true whatever becomes of a guest, and guests come back as they were when their host was down."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from guests import answers, in_guest, play, until

testinfra_hosts = ["local://"]

TOLD_SECONDS = 2.0
"""Within which the API knows what became of a guest by itself."""


@pytest.fixture
def compute(cloud: Callable[[str], Any]) -> Any:
    """The compute API as the owner of ``hello``."""
    return cloud("tinstack").compute


@pytest.fixture
def running(compute: Any, hello: Any, state: Path) -> Iterator[Any]:
    """``hello``, up before and after."""

    def up() -> Any:
        found = compute.get_server(hello.id)
        if found.status == "SHUTOFF" and found.task_state is None:
            compute.start_server(hello.id)
        until(lambda: compute.get_server(hello.id).status == "ACTIVE", "hello is ACTIVE", pause=0.5)
        until(lambda: answers(hello, state), "hello answers", 120)
        return hello

    yield up()
    up()


def becomes(compute: Any, server: Any, status: str, power: int, seconds: float = TOLD_SECONDS) -> None:
    """Looks often, as the time counts."""

    def there() -> bool:
        found = compute.get_server(server.id)
        return (found.status, found.power_state, found.task_state) == (status, power, None)

    until(there, f"{server.name} is {status}", seconds, 0.1)


def told(compute: Any, server: Any) -> str:
    """What the newest action of the server says."""
    return str(next(iter(compute.server_actions(server.id))).message)


def test_a_guest_that_halts_itself_is_shutoff_at_once(compute: Any, running: Any, its_host: Host, state: Path) -> None:
    in_guest(running, state, "poweroff")
    until(lambda: its_host.run(f"virsh domstate {running.id}").stdout.strip() == "shut off", "it is off", 60, 0.1)
    becomes(compute, running, "SHUTOFF", 4)
    assert told(compute, running) == "The guest powered itself off."


def test_a_guest_whose_process_dies_is_shutoff_with_a_sentence(compute: Any, running: Any, its_host: Host) -> None:
    pid = its_host.check_output("cat /run/libvirt/qemu/%s.pid", running.instance_name)
    its_host.check_output("kill -KILL %s", pid)
    becomes(compute, running, "SHUTOFF", 6)
    assert "ended unexpectedly" in told(compute, running)


def test_a_guest_that_libvirt_forgot_is_shutoff_and_can_be_started(compute: Any, running: Any, its_host: Host) -> None:
    its_host.check_output(f"virsh destroy {running.id} && virsh undefine {running.id}")
    becomes(compute, running, "SHUTOFF", 4, 60)


def test_a_guest_that_is_paused_behind_our_back_is_seen(compute: Any, running: Any, its_host: Host) -> None:
    its_host.check_output(f"virsh suspend {running.id}")
    becomes(compute, running, "ACTIVE", 3)
    its_host.check_output(f"virsh resume {running.id}")
    becomes(compute, running, "ACTIVE", 1)


@pytest.fixture
def volume(cloud: Callable[[str], Any], compute: Any, running: Any) -> Iterator[Any]:
    """One that ``hello`` has."""
    storage = cloud("tinstack").block_storage
    made = storage.create_volume(size=1, name="through a reboot")
    try:
        storage.wait_for_status(made, "available", wait=120)
        compute.create_volume_attachment(running.id, volume_id=made.id)
        yield storage.wait_for_status(made, "in-use", wait=120)
        assert storage.get_volume(made).status == "in-use"
        compute.delete_volume_attachment(running.id, made.id)
        storage.wait_for_status(made, "available", wait=120)
    finally:
        storage.delete_volume(made, ignore_missing=True)


def disk(server: Any, state: Path, volume: Any) -> str:
    """Where the guest has it, by the serial number, of which virtio has 20 characters."""
    look = f"grep -l {volume.id[:20]} /sys/block/*/serial 2>/dev/null || true"
    found = until(lambda: in_guest(server, state, look), "the guest sees its volume", 60)
    return f"/dev/{found.split('/')[3]}"


@pytest.mark.parametrize("orderly", [True, False], ids=["shut down", "power cut"])
def test_guests_come_back_as_they_were_when_their_host_was_down(
    compute: Any, running: Any, volume: Any, its_host: Host, inventory: str, state: Path, orderly: bool
) -> None:
    in_guest(running, state, f"echo {orderly} > /kept && sync")
    on_the_volume = f"echo kept {orderly} | dd of={disk(running, state, volume)} bs=512 conv=notrunc,fsync"
    in_guest(running, state, on_the_volume)
    name = running.hypervisor_hostname
    off = boot_beside(compute, running, name)
    try:
        compute.stop_server(off)
        until(lambda: compute.get_server(off.id).status == "SHUTOFF", "the other is SHUTOFF")
        play(inventory, "restart_sandbox", restart_hosts=name, sandbox_host_orderly=str(orderly).lower())
        until(lambda: answers(running, state), "hello answers again", 180)
        becomes(compute, running, "ACTIVE", 1, 60)
        assert in_guest(running, state, "cat /kept") == str(orderly)
        found = in_guest(running, state, f"head -n 1 {disk(running, state, volume)}")
        assert found == f"kept {orderly}"
        time.sleep(15)  # longer than hosts wait between two reports
        still = compute.get_server(off.id)
        assert (still.status, still.power_state) == ("SHUTOFF", 4)
    finally:
        compute.delete_server(off)
        compute.wait_for_delete(off, wait=120)


def boot_beside(compute: Any, server: Any, host: str) -> Any:
    """Another guest on the same host."""
    flavor = compute.find_flavor(server.flavor["original_name"], ignore_missing=False)
    made = compute.create_server(
        name="beside",
        image_id=server.image.id,
        flavor_id=flavor.id,
        networks="none",
        scheduler_hints={"same_host": [server.id]},
    )
    return compute.wait_for_server(made, wait=240)
