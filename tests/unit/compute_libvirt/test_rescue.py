"""Rescue: another disk first, the guest's own behind it, and back."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinstack.compute.drivers.interface import RUNNING, Guest
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
