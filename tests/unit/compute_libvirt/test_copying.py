"""A volume that grew: libvirt is asked until QEMU has connected anew, which its monitor is made to."""

import json
import sys
from types import ModuleType
from typing import Any

import pytest

from tinstack.compute.drivers.libvirt import copying


class Refused(Exception):
    """libvirt.libvirtError."""


class Domain:
    """QEMU connects at the second read."""

    def __init__(self, kind: str = "network", reads: int = 2) -> None:
        self.kind, self.reads, self.read, self.size = kind, reads, list[str](), 0

    def XMLDesc(self, flags: int) -> str:
        source = "<source protocol='nbd' index='3'/><target dev='vdb'/><serial>v1</serial>"
        other = "<disk type='network'><source index='1'/><target dev='vda'/><serial>v0</serial></disk>"
        return f"<domain><devices>{other}<disk type='{self.kind}'>{source}</disk></devices></domain>"

    def blockResize(self, name: str, size: int, flags: int) -> None:
        if len(self.read) < self.reads:
            raise Refused("Cannot grow NBD nodes")
        assert name == "vdb"
        self.size = size


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    libvirt, qemu = ModuleType("libvirt"), ModuleType("libvirt_qemu")

    def command(domain: Any, text: str, flags: int) -> None:
        domain.read.append(json.loads(text)["arguments"]["command-line"])

    libvirt.__dict__.update(libvirtError=Refused, VIR_DOMAIN_BLOCK_RESIZE_BYTES=1)
    qemu.__dict__.update(qemuMonitorCommand=command)
    monkeypatch.setitem(sys.modules, "libvirt", libvirt)
    monkeypatch.setitem(sys.modules, "libvirt_qemu", qemu)
    monkeypatch.setattr(copying, "CONNECT_LOOK_SECONDS", 0)


def test_a_volume_is_read_until_its_size_is_known() -> None:
    domain = Domain()
    copying.resize(domain, "v1", 2 << 30)
    assert domain.size == 2 << 30
    assert domain.read == ['qemu-io libvirt-3-format "read 0 512"'] * 2


def test_a_disk_in_a_file_is_refused_at_once() -> None:
    domain = Domain("file")
    with pytest.raises(Refused):
        copying.resize(domain, "v1", 2 << 30)
    assert domain.read == []


def test_it_ends_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CONNECT_SECONDS", 0)
    with pytest.raises(Refused):
        copying.resize(Domain(reads=10**6), "v1", 2 << 30)
