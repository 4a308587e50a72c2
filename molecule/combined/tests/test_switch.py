"""One variable and `reconfigure` change the layout, there and back; guests and their volumes notice nothing."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from guests import Lab, answers, in_guest, until

testinfra_hosts = ["local://"]

UNIT = "tinstack-controller"
SERVICES = ("identity", "placement", "image", "volume", "network", "conductor", "scheduler", "api", "console")
SEEN = 'for d in /sys/block/*; do [ "$(cat $d/serial 2>/dev/null)" = {serial} ] && echo /dev/${{d##*/}}; done; true'
WRITE = """dd if=/dev/urandom of=/root/sent bs=64k count=16 2>/dev/null
dd if=/root/sent of={disk} bs=64k oflag=direct 2>/dev/null && echo done"""
COMPARE = "dd if={disk} bs=64k count=16 iflag=direct 2>/dev/null | cmp - /root/sent && echo same"


@dataclass(frozen=True)
class Guest:
    """The demo server with a volume, and the process that it is on the host."""

    server: Any
    disk: str
    process: str


@pytest.fixture(scope="module")
def guest(cloud: Callable[[str], Any], one: Host, state: Path) -> Iterator[Guest]:
    """It has written to the volume."""
    member = cloud("tinstack")
    compute, storage = member.compute, member.block_storage
    server = next(iter(compute.servers(name="^hello$")))
    until(lambda: answers(server, state), "the guest answers")
    volume = storage.create_volume(size=1, name="kept")
    try:
        storage.wait_for_status(volume, "available", wait=240)
        compute.create_volume_attachment(server.id, volume_id=volume.id)
        storage.wait_for_status(volume, "in-use", wait=240)
        disk = until(lambda: in_guest(server, state, SEEN.format(serial=volume.id[:20])), "the guest sees the volume")
        assert in_guest(server, state, WRITE.format(disk=disk)) == "done"
        yield Guest(server, disk, qemu(one))
        compute.delete_volume_attachment(server.id, volume.id)
        storage.wait_for_status(volume, "available", wait=240)
    finally:
        storage.delete_volume(volume, ignore_missing=True)


def qemu(one: Host) -> str:
    """The processes of guests."""
    return str(one.check_output("pgrep -x qemu-system-x86 | sort | xargs"))


def exports(one: Host) -> str:
    """Who the daemons of attached volumes run as."""
    return str(one.check_output("ps -o user:32= -C qemu-storage-daemon"))


@pytest.fixture
def other(inventory: Path, tmp_path: Path) -> Callable[[str], Path]:
    """The inventory with another layout."""

    def layout(name: str) -> Path:
        copy = tmp_path / name
        shutil.copytree(inventory if inventory.is_dir() else inventory.parent, copy)
        file = copy / "group_vars" / "all.yml"
        said = yaml.safe_load(file.read_text())
        file.unlink()  # it may be a link to the scenario's own
        file.write_text(yaml.safe_dump({**said, "tinstack_layout": name}))
        return copy

    return layout


@pytest.mark.parametrize("layout", ["split", "combined"])
def test_the_layout_changes_and_the_guest_runs_on(
    layout: str, lab: Lab, other: Callable[[str], Path], one: Host, guest: Guest, state: Path
) -> None:
    done = lab("reconfigure", over=other(layout))
    assert done.returncode == 0, done.stdout + done.stderr
    here = {UNIT} if layout == "combined" else {f"tinstack-{service}" for service in SERVICES}
    gone = {UNIT, *(f"tinstack-{service}" for service in SERVICES)} - here
    assert all(one.service(unit).is_running and one.service(unit).is_enabled for unit in here)
    for unit in gone:
        assert one.check_output(f"systemctl show --value --property=LoadState {unit}") == "not-found"
        assert not one.file(f"/etc/systemd/system/multi-user.target.wants/{unit}.service").exists
    assert one.check_output("systemctl --failed --no-legend --plain") == ""
    assert exports(one) == (UNIT if layout == "combined" else "tinstack-volume")
    assert qemu(one) == guest.process
    until(lambda: answers(guest.server, state), "the guest answers")
    assert in_guest(guest.server, state, COMPARE.format(disk=guest.disk)) == "same"
    verified = lab("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_secrets_are_rotated_in_one_process_too(lab: Lab, one: Host) -> None:
    before = one.check_output("sha256sum /etc/tinstack/credentials/*/bus")
    done = lab("rotate-secrets")
    assert done.returncode == 0, done.stdout + done.stderr
    assert one.check_output("sha256sum /etc/tinstack/credentials/*/bus") != before
    assert lab("verify").returncode == 0
