"""What guests run on."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tinstack.compute.drivers.interface import DriverError
from tinstack.compute.drivers.libvirt import probe

NULL = Path("/dev/null")
"""A character device that opens and is no KVM."""


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nvmx flags\t: vnmi\nflags\t\t: fpu vme vmx sse\n")
    return path


def ended(monkeypatch: pytest.MonkeyPatch, code: int) -> list[list[str]]:
    ran: list[list[str]] = []

    def run(command: list[str], **other: Any) -> subprocess.CompletedProcess[bytes]:
        ran.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_what_is_configured_is_taken() -> None:
    assert (probe.virt_type("kvm"), probe.virt_type("qemu")) == ("kvm", "qemu")


def test_another_word_is_refused() -> None:
    with pytest.raises(DriverError, match="no virt_type 'xen'"):
        probe.virt_type("xen")


def test_flags_a_device_and_a_boot_sector_that_ran_are_kvm(monkeypatch: pytest.MonkeyPatch, cpuinfo: Path) -> None:
    ran = ended(monkeypatch, probe.RAN)
    assert probe.virt_type("auto", cpuinfo=cpuinfo, device=NULL) == "kvm"
    assert ran[0][:3] == ["qemu-system-x86_64", "-accel", "kvm"] and "std" in ran[0]


def test_a_device_that_opens_is_no_proof(monkeypatch: pytest.MonkeyPatch, cpuinfo: Path) -> None:
    ended(monkeypatch, 1)
    assert probe.virt_type("auto", cpuinfo=cpuinfo, device=NULL) == "qemu"


def test_without_flags_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, cpuinfo: Path) -> None:
    ran = ended(monkeypatch, probe.RAN)
    cpuinfo.write_text("flags\t\t: fpu vmxx notsvm sse\nbugs\t\t: vmx svm\n")
    assert probe.virt_type("auto", cpuinfo=cpuinfo, device=NULL) == "qemu" and not ran


def test_without_a_device_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, cpuinfo: Path, tmp_path: Path) -> None:
    ran = ended(monkeypatch, probe.RAN)
    assert probe.virt_type("auto", cpuinfo=cpuinfo, device=tmp_path / "kvm") == "qemu" and not ran


def test_the_boot_sector_is_one() -> None:
    assert len(probe.BOOT_SECTOR) == 512 and probe.BOOT_SECTOR.endswith(b"\x55\xaa")
