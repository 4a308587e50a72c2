"""Guests' disks: an image made of a running guest boots with what the guest had written, and a rebuild gives it a fresh one."""

import re
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from websockets.sync.client import connect

from guests import answers, in_guest, until

testinfra_hosts = ["local://"]


@pytest.fixture
def compute(cloud: Callable[[str], Any]) -> Any:
    """The compute API as the owner of ``hello``."""
    return cloud("tinstack").compute


@pytest.fixture
def image(cloud: Callable[[str], Any], hello: Any, state: Path) -> Iterator[Any]:
    """Of ``hello`` as it runs, with a file that it has written."""
    until(lambda: answers(hello, state), "hello answers", 120)
    in_guest(hello, state, "echo golden > /golden && sync")
    demo = cloud("tinstack")
    made = demo.compute.create_server_image(hello.id, name="golden", wait=True, timeout=240)
    yield made
    demo.image.delete_image(made.id)


def typed(compute: Any, server: Any, state: Path, command: str, end: bytes, seconds: float = 120) -> bytes:
    """What the serial line says to a command, until ``end`` is heard."""
    url = compute.create_server_remote_console(server.id, protocol="serial", type="serial").url
    heard, until_then = b"", time.monotonic() + seconds
    with connect(url, proxy=None, ssl=ssl.create_default_context(cafile=str(state / "ca" / "ca.pem"))) as line:
        while end not in heard:
            assert time.monotonic() < until_then, heard[-500:]
            line.send(f"\r{command}\r")
            try:
                heard += bytes(line.recv(timeout=5))
            except TimeoutError:
                continue
    return heard


def booted(compute: Any, server: Any) -> str | None:
    """The log of a guest that lets people in. What is typed before then is echoed in between its lines."""
    log = str(compute.get_server_console_output(server.id)["output"])
    return log if re.search("^tin: .* ssh\r?$", log, re.MULTILINE) else None


def test_an_image_of_a_running_guest_boots_with_what_it_had_written(
    compute: Any, hello: Any, image: Any, state: Path
) -> None:
    flavor = compute.find_flavor(hello.flavor["original_name"], ignore_missing=False)
    server = compute.create_server(name="copy", image_id=image.id, flavor_id=flavor.id, networks="none")
    try:
        compute.wait_for_server(server, wait=240)
        log = until(lambda: booted(compute, server), "the copy boots")
        lines = [line for line in log.splitlines() if line.startswith("tin: ")]
        assert "initrd" in lines[0] and lines[-1].endswith(" ssh"), "the whole boot is in the log"
        typed(compute, server, state, "echo is-$(cat /golden)", b"is-golden")
    finally:
        compute.delete_server(server)
        compute.wait_for_delete(server, wait=120)


def test_a_rebuilt_guest_has_a_fresh_disk_and_the_same_address(compute: Any, hello: Any, state: Path) -> None:
    until(lambda: answers(hello, state), "hello answers", 120)
    in_guest(hello, state, "echo before > /before && sync")
    compute.rebuild_server(hello.id, image=hello.image.id)
    until(lambda: compute.get_server(hello.id).status == "ACTIVE", "hello is ACTIVE")
    until(lambda: answers(hello, state), "hello answers at the same address", 120)
    assert in_guest(hello, state, "ls /before 2>/dev/null || echo fresh") == "fresh"


def test_a_rescued_guest_has_a_fresh_disk_before_its_own(compute: Any, hello: Any, its_host: Host, state: Path) -> None:
    """The lab's image finds its root by a label that both disks have, so what the guest runs from is not looked at."""
    until(lambda: answers(hello, state), "hello answers", 120)
    in_guest(hello, state, "echo mine > /mine && sync")
    compute.rescue_server(hello.id)
    until(lambda: compute.get_server(hello.id).status == "RESCUE", "hello is rescued")
    until(lambda: answers(hello, state), "the rescued guest answers", 120)
    listed = its_host.check_output(f"virsh domblklist {hello.id}").split()
    assert [listed[listed.index(name) + 1].rsplit("/", 1)[1] for name in ("vda", "vdb")] == ["disk.rescue", "disk"]
    look = "for d in vda2 vdb2; do mkdir -p /look/$d; mount -o ro /dev/$d /look/$d 2>/dev/null || mount -o bind / /look/$d; done; "
    seen = in_guest(hello, state, look + "cat /look/vdb2/mine; ls /look/vda2/mine 2>/dev/null || echo fresh")
    assert seen.split() == ["mine", "fresh"]
    compute.unrescue_server(hello.id)
    until(lambda: compute.get_server(hello.id).status == "ACTIVE", "hello is ACTIVE")
    until(lambda: answers(hello, state), "hello answers again", 120)
    assert in_guest(hello, state, "cat /mine") == "mine"
    its_host.check_output(f"test ! -e /var/lib/tinstack/instances/{hello.id}/disk.rescue")
