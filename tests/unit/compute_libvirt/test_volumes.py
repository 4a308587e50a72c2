"""Volumes that come and go while a guest is there, and snapshots of its disk."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tinstack.compute.drivers.interface import PAUSED, RUNNING, SHUTDOWN, AttachedDisk, DriverError, Guest
from tinstack.compute.drivers.libvirt import driver as drivers
from tinstack.compute.drivers.libvirt.domain import backup_xml
from tinstack.compute.drivers.libvirt.driver import LibvirtDriver

ID = "7d5f2a34-3c0e-4b5e-9a43-0242ac110002"
VOLUME, OTHER = "cccccccc-cccc-4ccc-8ccc-cccccccccccc", "dddddddd-dddd-4ddd-8ddd-dddddddddddd"


def disk(volume: str = VOLUME, device: str | None = None, **data: Any) -> AttachedDisk:
    found = {"host": "10.0.0.9", "port": 10809, "export": f"attachment-{volume}", **data}
    return AttachedDisk(
        volume_id=volume,
        attachment_id=f"a-{volume}",
        connection={"driver_volume_type": "nbd", "data": found},
        device=device,
    )


@pytest.fixture
async def driver(
    tmp_path: Path, hypervisor: Any, guest: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch, programs: Any
) -> AsyncIterator[LibvirtDriver]:
    """With a guest that runs."""
    monkeypatch.setattr(drivers, "UNPLUG_LOOK_SECONDS", 0.001)
    instances = tmp_path / "instances"
    instances.mkdir()
    made = LibvirtDriver(hypervisor, virt_type="qemu", instances_dir=instances, my_ip="10.0.0.5")
    await made.spawn(guest())
    (instances / ID / "disk").write_bytes(b"QFI\xfb" + bytes(20) + (2 << 30).to_bytes(8, "big") + bytes(80))
    hypervisor.calls.clear()
    programs.clear()
    yield made
    await made.close()


def kept(tmp_path: Path) -> list[ElementTree.Element]:
    root = ElementTree.fromstring((tmp_path / "instances" / ID / "domain.xml").read_text())
    return [one for one in root.iterfind("devices/disk") if one.get("type") == "network"]


def target(element: ElementTree.Element) -> tuple[str | None, str | None]:
    found = element.find("target")
    assert found is not None
    return found.get("dev"), found.get("bus")


async def test_a_volume_is_plugged_in_and_kept(driver: LibvirtDriver, hypervisor: Any, tmp_path: Path) -> None:
    for _ in range(2):
        await driver.attach_disk(ID, disk(device="/dev/vdc"), {})
    [element] = kept(tmp_path)
    assert target(element) == ("vdc", "virtio") and element.findtext("serial") == VOLUME
    source, host = element.find("source"), element.find("source/host")
    assert source is not None and host is not None
    assert source.attrib == {"protocol": "nbd", "name": f"attachment-{VOLUME}", "tls": "no"}
    assert host.attrib == {"name": "10.0.0.9", "port": "10809"}
    assert VOLUME in hypervisor.live
    assert element.find("driver[@rerror_policy='stop']") is not None


async def test_a_name_that_is_taken_becomes_the_next(driver: LibvirtDriver, tmp_path: Path) -> None:
    await driver.attach_disk(ID, disk(device="/dev/vda"), {})
    await driver.attach_disk(ID, disk(OTHER), {"hw_disk_bus": "scsi"})
    assert [target(one) for one in kept(tmp_path)] == [("vdb", "virtio"), ("sda", "scsi")]


async def test_a_volume_that_is_only_read_says_so(driver: LibvirtDriver, tmp_path: Path) -> None:
    await driver.attach_disk(ID, disk(access_mode="ro"), {})
    assert kept(tmp_path)[0].find("readonly") is not None


async def test_a_volume_is_unplugged_alone(driver: LibvirtDriver, hypervisor: Any, tmp_path: Path) -> None:
    await driver.attach_disk(ID, disk(), {})
    await driver.attach_disk(ID, disk(OTHER), {})
    hypervisor.holds = 2
    for _ in range(2):
        await driver.detach_disk(ID, VOLUME)
    assert [one.findtext("serial") for one in kept(tmp_path)] == [OTHER] and set(hypervisor.live) == {OTHER}


async def test_an_unknown_kind_of_volume_changes_nothing(
    driver: LibvirtDriver, hypervisor: Any, tmp_path: Path
) -> None:
    odd = AttachedDisk(volume_id=VOLUME, attachment_id="a", connection={"driver_volume_type": "fake", "data": {}})
    with pytest.raises(DriverError, match="fake"):
        await driver.attach_disk(ID, odd, {})
    assert kept(tmp_path) == [] and hypervisor.calls == []


async def test_a_running_guest_is_copied_by_qemu(driver: LibvirtDriver, hypervisor: Any, tmp_path: Path) -> None:
    folder = tmp_path / "instances" / ID
    async with driver.snapshot(ID) as path:
        assert hypervisor.copied == (str(folder / "disk"), str(path))
        assert path.exists()
    assert not path.exists() and hypervisor.domains[ID][0] == RUNNING


@pytest.mark.parametrize("state", [RUNNING, PAUSED])
async def test_where_qemu_can_not_the_guest_is_paused_meanwhile(
    driver: LibvirtDriver, hypervisor: Any, programs: Any, state: int
) -> None:
    hypervisor.refuse, hypervisor.domains[ID][0] = "copy", state
    async with driver.snapshot(ID):
        assert hypervisor.domains[ID][0] == state
    assert ("pause" in hypervisor.calls) and ("unpause" in hypervisor.calls) == (state == RUNNING)
    assert programs[-1][:4] == ("qemu-img", "convert", "-q", "-U")


async def test_a_guest_that_is_off_is_flattened(driver: LibvirtDriver, hypervisor: Any, programs: Any) -> None:
    hypervisor.domains[ID][0] = SHUTDOWN
    async with driver.snapshot(ID):
        assert hypervisor.calls == []
    assert programs[-1][:3] == ("qemu-img", "convert", "-q") and "-U" not in programs[-1]


def test_the_copy_is_asked_for_in_valid_xml(tmp_path: Path) -> None:
    file = tmp_path / "backup.xml"
    file.write_text(backup_xml("vda", {"vda", "vdb"}, "/instances/x/disk.snapshot"))
    validate = shutil.which("virt-xml-validate")
    assert validate
    subprocess.run([validate, str(file), "domainbackup"], check=True, capture_output=True)
