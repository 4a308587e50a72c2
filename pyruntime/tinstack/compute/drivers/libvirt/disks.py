"""A server's folder and the local disks in it.

Disks are named as libvirt's AppArmor helper lets them be read anywhere: ``disk`` and ``disk.*``. Nothing here changes
owners: folders inherit the group of the instances' folder (QEMU's, by its setgid bit), and files are opened to it.
A disk is made under another name and renamed, so that one that is there is whole.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from tinstack.compute.drivers.interface import DriverError, Guest
from tinstack.compute.drivers.libvirt import config_drive
from tinstack.compute.drivers.libvirt.formats import UnusableImage, inspect, virtual_size

GIB, MIB = 1 << 30, 1 << 20
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SHARED, READABLE = 0o660, 0o640
"""Modes of what QEMU writes and of what it only reads."""


class Folder:
    """``<instances>/<server id>``."""

    def __init__(self, instances: Path, id: str) -> None:
        self.path = instances / id
        self.root, self.ephemeral = self.path / "disk", self.path / "disk.eph0"
        self.swap, self.config_drive = self.path / "disk.swap", self.path / "disk.config"
        self.snapshot, self.rescue = self.path / "disk.snapshot", self.path / "disk.rescue"
        self.unrescue_xml = self.path / "unrescue.xml"
        self.xml, self.console, self.started = (self.path / name for name in ("domain.xml", "console.log", "started"))

    def make(self, guest: Guest) -> None:
        """All local files of that guest but the domain's XML; what is there already stays. Raises DriverError."""
        flavor = guest.flavor
        try:
            self.path.mkdir(mode=0o770, exist_ok=True)
            self.console.touch()
            self.console.chmod(SHARED)
            if guest.image:
                make_overlay(self.root, guest.image, guest.image_format, flavor.root_gib)
            if flavor.ephemeral_gib:
                _make(self.ephemeral, SHARED, lambda part: _ephemeral(part, flavor.ephemeral_gib))
            if flavor.swap_mib:
                _make(self.swap, SHARED, lambda part: _swap(part, flavor.swap_mib))
            if guest.config_drive is not None:
                drive = config_drive.content(guest.config_drive)
                _make(self.config_drive, READABLE, lambda part: _write(part, drive))
        except OSError as error:
            raise DriverError(f"The disks can't be made: {error.filename or self.path}: {error.strerror}.") from error

    def keep_xml(self, xml: str) -> str:
        """Keep the domain's XML; what is then in the file. Raises DriverError."""
        part = self.xml.with_suffix(".part")
        try:
            part.write_text(xml, encoding="utf-8")
            part.rename(self.xml)
            return self.xml.read_text(encoding="utf-8")
        except OSError as error:
            raise DriverError(f"The domain's XML can't be kept: {self.xml}: {error.strerror}.") from error

    def kept_xml(self) -> str | None:
        """What was kept; None where there is nothing."""
        try:
            return self.xml.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def mark_started(self) -> None:
        """Note the time, as QEMU does not tell since when it runs, and the boot of the host that it was in."""
        self.started.write_text(boot_of_host())

    def started_in(self) -> str | None:
        """The boot of the host in which the guest was started last; None where that is not known."""
        try:
            return self.started.read_text() or None
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """The folder is absent afterwards. Raises DriverError."""
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise DriverError(f"{error.filename or self.path} can't be removed: {error.strerror}.") from error


def boot_of_host() -> str:
    """A name for this boot of the host, another after each: our own below /run, as containers share the kernel's."""
    runtime = os.environ.get("RUNTIME_DIRECTORY")
    if not runtime:
        return BOOT_ID.read_text().strip()
    mark = Path(runtime) / "boot"
    if not mark.exists():
        part = mark.with_suffix(".part")
        part.write_text(str(uuid4()))
        part.rename(mark)
    return mark.read_text()


def blank(disk: Path, target: Path) -> None:
    """A qcow2 of the disk's size at ``target``, for QEMU to write to. Raises DriverError."""
    target.unlink(missing_ok=True)
    _run("qemu-img", "create", "-q", "-f", "qcow2", str(target), str(_overlay_size(disk)))
    target.chmod(SHARED)


def flatten(disk: Path, target: Path, *, shared: bool = False) -> None:
    """What the guest sees of its disk, without the image below it. ``shared``: a paused guest has it open. Raises DriverError."""
    target.unlink(missing_ok=True)
    _run(
        "qemu-img", "convert", "-q", *(("-U",) if shared else ()), "-f", "qcow2", "-O", "qcow2", str(disk), str(target)
    )


def _overlay_size(disk: Path) -> int:
    """Of one of our own overlays: its header is QEMU's, and the guest can't write there."""
    with disk.open("rb") as file:
        return virtual_size(file.read(104))


def check(guest: Guest) -> None:
    """Whether the image fits; changes nothing. Raises DriverError."""
    if not guest.image:
        return
    image, size = inspect(guest.image, guest.image_format), guest.flavor.root_gib * GIB
    if size and image.size > size:
        needs = -(-image.size // GIB)
        raise UnusableImage(
            why=f"its disk has {needs} GiB, but the flavor's root disk only {guest.flavor.root_gib} GiB"
        )


def _make(path: Path, mode: int, write: Callable[[Path], None]) -> None:
    if path.exists():
        return
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    write(part)
    part.chmod(mode)
    part.rename(path)


def make_overlay(path: Path, image: Path, image_format: str, gib: int) -> None:
    """A disk on that image, of that size at least; one that is there stays. Raises DriverError."""
    _make(path, SHARED, lambda part: _overlay(part, image, image_format, gib))


def _overlay(path: Path, image: Path, image_format: str, gib: int) -> None:
    below = inspect(image, image_format)
    backing = ("-b", str(below.path), "-F", below.format)
    _run("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(path), str(max(below.size, gib * GIB)))


def _ephemeral(path: Path, gib: int) -> None:
    _sparse(path, gib * GIB)
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "ephemeral0", str(path))


def _swap(path: Path, mib: int) -> None:
    _sparse(path, mib * MIB)
    _run("mkswap", str(path))


def _sparse(path: Path, size: int) -> None:
    _write(path, b"")
    os.truncate(path, size)


def _write(path: Path, data: bytes) -> None:
    """A new file that is nobody else's to read until it is finished."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _run(program: str, *arguments: str) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise DriverError(f"{program} can't be run: {error.strerror}.") from error
    if done.returncode:
        raise DriverError(f"{program} failed: {done.stderr.strip()[-300:]}.")
