"""A guest to ask for, and a hypervisor that holds domains in memory and does what libvirt does with them."""

import asyncio
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinstack.compute.drivers.interface import PAUSED, RUNNING, SHUTDOWN, SUSPENDED, Guest
from tinstack.compute.drivers.libvirt import disks, nics
from tinstack.compute.drivers.libvirt.hypervisor import Heard, HostDescription, LibvirtRefused
from tinstack.conductor.rpc import FlavorDetails

ID = "7d5f2a34-3c0e-4b5e-9a43-0242ac110002"


class MemoryHypervisor:
    """Domains by id: state and XML. ``deaf``: guests ignore the power button. ``calls``: what was asked, in order."""

    def __init__(self) -> None:
        self.domains: dict[str, list[Any]] = {}
        self.calls: list[str] = []
        self.deaf = False
        self.holds = 0
        """How often a guest is asked before it lets go of a device."""
        self.live: dict[str, str] = {}
        """Tap → interface of what was plugged in."""
        self.waits: dict[str, int] = {}
        """Guests that wait for a disk, and how often they are to try."""
        self.pressed = asyncio.Semaphore(0)
        self.refuse: str | None = None
        self.copied: tuple[str, str] | None = None
        self.heard: Heard = lambda id, state: None

    def _set(self, id: str, state: int, what: str) -> None:
        self.calls.append(what)
        if self.refuse == what:
            raise LibvirtRefused(what=what, why="it was told to")
        if id not in self.domains:
            raise LibvirtRefused(what=what, why="there is no such domain")
        self.domains[id][0] = state

    async def open(self, heard: Heard) -> None:
        self.heard = heard

    async def close(self) -> None:
        self.calls.append("close")

    async def host(self) -> HostDescription:
        return HostDescription(
            type="QEMU", version=7002000, ram_mib=2048, vcpus=2, capabilities="<capabilities><host/></capabilities>"
        )

    async def states(self) -> dict[str, int]:
        return {id: state for id, (state, _) in self.domains.items()}

    async def state(self, id: str) -> int | None:
        return self.domains[id][0] if id in self.domains else None

    async def define(self, xml: str) -> None:
        self.calls.append("define")
        found = re.search("<uuid>(.*)</uuid>", xml)
        assert found
        self.domains.setdefault(found[1], [SHUTDOWN, xml])[1] = xml

    async def start(self, id: str) -> None:
        self._set(id, RUNNING, "start")

    async def press_power_button(self, id: str) -> None:
        self._set(id, RUNNING if self.deaf else SHUTDOWN, "power button")
        self.pressed.release()
        if not self.deaf:
            self.heard(id, SHUTDOWN)

    async def switch_off(self, id: str) -> None:
        self._set(id, SHUTDOWN, "switch off")

    async def pause(self, id: str) -> None:
        self._set(id, PAUSED, "pause")

    async def unpause(self, id: str) -> None:
        self._set(id, RUNNING, "unpause")

    async def go_on(self, id: str) -> bool:
        if id not in self.waits:
            return False
        self.calls.append("go on")
        self.waits[id] -= 1
        if self.waits[id] <= 0:
            del self.waits[id]
        return True

    async def save(self, id: str) -> None:
        self._set(id, SUSPENDED, "save")

    async def forget_memory(self, id: str) -> None:
        self._set(id, SHUTDOWN, "forget memory")

    async def forget(self, id: str) -> None:
        self.calls.append("forget")
        self.domains.pop(id, None)

    async def plug(self, id: str, interface: str, device: str) -> None:
        self._set(id, self.domains[id][0], "plug")
        self.live[device] = interface

    async def unplug(self, id: str, device: str, *, ask: bool) -> bool:
        if ask:
            self._set(id, self.domains[id][0], "unplug")
            self.holds -= 1
        if self.holds < 0:
            self.live.pop(device, None)
        return device in self.live

    async def resize_disk(self, id: str, serial: str, size: int) -> None:
        self._set(id, self.domains[id][0], f"resize {serial} {size}")

    async def begin_copy(self, id: str, disk: str, target: str) -> None:
        self._set(id, self.domains[id][0], "copy")
        self.copied = disk, target

    async def is_copying(self, id: str) -> bool:
        return False

    async def end_copy(self, id: str) -> None:
        self.copied = None

    async def statistics(self, id: str) -> dict[str, Any]:
        return {"vcpu.current": 1, "vcpu.0.time": 5, "balloon.maximum": 131072, "balloon.current": 65536}


@pytest.fixture
def hypervisor() -> MemoryHypervisor:
    return MemoryHypervisor()


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """No process is run: what would have been, and qemu-img's file is empty."""
    ran: list[tuple[str, ...]] = []

    def run(program: str, *arguments: str) -> None:
        ran.append((program, *arguments))
        if program == "qemu-img":
            Path(arguments[-2]).touch()

    monkeypatch.setattr(disks, "_run", run)
    monkeypatch.setattr(nics, "missing_taps", lambda domain: [])
    return ran


@pytest.fixture
def qcow2(tmp_path: Path) -> Callable[..., Path]:
    """Makes the header of a qcow2."""

    def make(gib: int = 1, *, backing: int = 0, incompatible: int = 0) -> Path:
        head = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, backing, 0, 16, gib << 30)
        path = tmp_path / "image"
        path.write_bytes(head.ljust(72, b"\0") + struct.pack(">Q", incompatible) + bytes(24))
        return path

    return make


@pytest.fixture
def guest(qcow2: Callable[..., Path]) -> Callable[..., Guest]:
    """A server with an image, a NIC and a config drive; anything can be another."""

    def make(**other: Any) -> Guest:
        flavor = FlavorDetails(name="m1.tiny", vcpus=1, ram_mib=128, root_gib=2)
        values: dict[str, Any] = {
            "id": ID,
            "instance_name": "instance-00000001",
            "name": "hello",
            "project_id": "p1",
            "user_id": "u1",
            "flavor": flavor,
            "image": other.pop("image", None) if "image" in other else qcow2(),
            "image_format": "qcow2",
            "image_properties": {},
            "nics": [],
            "disks": [],
            "config_drive": {"openstack/latest/meta_data.json": b"{}"},
            "metadata": {},
        }
        return Guest(**(values | other))

    return make
