"""Rescue: another disk first, the guest's own behind it, and back."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tinstack.compute.drivers.interface import RUNNING, AttachedDisk, Guest, RescueDevice
from tinstack.compute.drivers.libvirt.driver import LibvirtDriver

ID = "7d5f2a34-3c0e-4b5e-9a43-0242ac110002"
pytestmark = pytest.mark.usefixtures("programs")


def files(xml: str) -> list[tuple[str, str]]:
    """The disks: file and name, in their order."""
    found = re.findall(r'<source file="([^"]+)"\s*/>\s*<target dev="(\w+)"', xml)
    return [(Path(file).name, name) for file, name in found]


async def test_a_rescued_guest_has_its_own_disk_behind_the_rescue_disk(
    tmp_path: Path, hypervisor: Any, guest: Callable[..., Guest], qcow2: Callable[..., Path]
) -> None:
    folder = tmp_path / "instances" / ID
    folder.parent.mkdir()
    driver = LibvirtDriver(hypervisor, virt_type="qemu", instances_dir=folder.parent, my_ip="10.0.0.5")
    await driver.spawn(guest())
    before = (folder / "domain.xml").read_text()
    for _ in range(2):
        await driver.rescue(ID, qcow2(), "qcow2", 1)
        assert hypervisor.domains[ID] == [RUNNING, (folder / "domain.xml").read_text()]
        first, *_, last = files(hypervisor.domains[ID][1])
        assert first == ("disk.rescue", "vda") and last[0] == "disk" and last[1] != "vda"
        assert hypervisor.domains[ID][1].count("<boot ") == before.count("<boot ")
    assert (folder / "disk.rescue").exists()
    for _ in range(2):
        await driver.unrescue(ID)
        assert hypervisor.domains[ID] == [RUNNING, before]
        assert {file.name for file in folder.iterdir()} & {"disk.rescue", "unrescue.xml"} == set()


async def test_a_rescue_disk_beside_those_of_a_guest_on_a_volume_is_booted_from_first(
    tmp_path: Path, hypervisor: Any, guest: Callable[..., Guest], qcow2: Callable[..., Path]
) -> None:
    folder = tmp_path / "instances" / ID
    folder.parent.mkdir()
    driver = LibvirtDriver(hypervisor, virt_type="qemu", instances_dir=folder.parent, my_ip="10.0.0.5")
    connection = {"driver_volume_type": "nbd", "data": {"host": "10.0.0.9", "port": 10809, "export": "v1"}}
    root = AttachedDisk(volume_id="a-volume", attachment_id="an-attachment", boot_index=0, connection=connection)
    await driver.spawn(guest(image=None, disks=[root]))
    before = (folder / "domain.xml").read_text()
    for device, named in ((RescueDevice("disk", "virtio"), "vd"), (RescueDevice("cdrom", "scsi"), "sd")):
        for _ in range(2):
            await driver.rescue(ID, qcow2(), "qcow2", 0, device)
        devices = ElementTree.fromstring(hypervisor.domains[ID][1]).find("devices")
        assert devices is not None
        first, *_, last = devices.findall("disk")
        assert [one.find("boot").get("order") for one in (first, last)] == ["2", "1"]  # type: ignore[union-attr]
        assert first.find("source").get("name") == "v1"  # type: ignore[union-attr]
        target, source = last.find("target"), last.find("source")
        assert target is not None and source is not None
        assert (last.get("device"), target.get("bus")) == (device.kind, device.bus)
        assert target.get("dev", "").startswith(named) and source.get("file") == str(folder / "disk.rescue")
        assert (last.find("readonly") is not None) == (device.kind == "cdrom")
        assert len(devices.findall("controller[@type='scsi']")) == int(device.bus == "scsi")
        await driver.unrescue(ID)
        assert hypervisor.domains[ID] == [RUNNING, before]
