"""A guest as libvirt sees it: typed data, then the domain's XML by a Jinja2 template. Source: libvirt, "Domain XML format"."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from string import ascii_lowercase

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tinstack.compute.drivers.interface import AttachedDisk, Guest, Nic, RescueDevice
from tinstack.compute.drivers.libvirt import hardware, volumes
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.compute.drivers.libvirt.hardware import Hardware
from tinstack.compute.drivers.libvirt.volumes import NbdSource

NAMESPACE = "urn:tinstack:instance:1"
"""Of our element in the domain's metadata; a domain that has it is ours."""

_PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd"}
_DEVICE = re.compile(r"(?:/dev/)?(?:xv|[vsh])d([a-z]{1,2})")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold, not even escaped."""


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """``target``: its name for the guest, a hint; ``boot``: its turn in the boot order; ``file`` or ``nbd``: where it is.

    ``device``: ``disk`` or ``cdrom``.
    """

    bus: str
    device: str = "disk"
    target: str = ""
    format: str = "raw"
    file: str | None = None
    nbd: NbdSource | None = None
    boot: int | None = None
    serial: str | None = None
    readonly: bool = False


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template asks for. ``listen``: the address that the display listens on."""

    guest: Guest
    virt_type: str
    hardware: Hardware
    disks: list[Disk]
    console_log: str
    listen: str
    namespace: str = NAMESPACE


def describe(guest: Guest, folder: Folder, *, virt_type: str, listen: str) -> Domain:
    """Raises DriverError where the image or a volume asks for what is not there."""
    wanted = hardware.wanted(guest.image_properties, guest.flavor.extra_specs)
    return Domain(
        guest=guest,
        virt_type=virt_type,
        hardware=wanted,
        disks=_disks(guest, folder, wanted.disk_bus),
        console_log=str(folder.console),
        listen=listen,
    )


def render(domain: Domain) -> str:
    """The domain's XML."""
    fields = {name: getattr(domain, name) for name in Domain.__struct_fields__}
    return _environment().get_template("domain.xml.j2").render(fields)


def render_nic(nic: Nic, model: str) -> str:
    """One interface of the domain's XML. ``model``: as ``Hardware.vif_model``."""
    return _environment().get_template("interface.xml.j2").render(nic=nic, hardware=Hardware(vif_model=model))


def render_disk(volume: AttachedDisk, bus: str, taken: set[str]) -> str:
    """One volume of the domain's XML. ``bus``: as ``Hardware.disk_bus``; ``taken``: names that other disks have."""
    disk = _volume(volume, bus, None)
    if not disk.target or disk.target in taken:
        disk = msgspec.structs.replace(disk, target=_free(bus, taken))
    return _environment().get_template("disk.xml.j2").render(disk=disk)


def render_rescue_disk(file: str, device: RescueDevice, taken: set[str]) -> str:
    """A disk that is booted from before others, whatever they are."""
    disk = Disk(
        bus=device.bus,
        device=device.kind,
        target=_free(device.bus, taken),
        format="qcow2",
        file=file,
        boot=1,
        readonly=device.kind == "cdrom",
    )
    return _environment().get_template("disk.xml.j2").render(disk=disk)


def backup_xml(disk: str, disks: Collection[str], target: str) -> str:
    """A copy of one disk of several, written by QEMU. Source: libvirt, "Backup XML"."""
    template = _environment().get_template("backup.xml.j2")
    return template.render(disk=disk, others=sorted(set(disks) - {disk}), target=target)


def _disks(guest: Guest, folder: Folder, bus: str) -> list[Disk]:
    """Root disk (or the volume that is booted from), the flavor's other disks, the other volumes, the config drive."""
    flavor = guest.flavor
    root = [Disk(bus=bus, format="qcow2", file=str(folder.root), boot=1)] if guest.image else []
    attached = [_volume(disk, bus, boot) for boot, disk in _boot_order(guest.disks, 1 + len(root))]
    first, later = (root, attached) if root else (attached[:1], attached[1:])
    extra = [Disk(bus=bus, file=str(folder.ephemeral))] if flavor.ephemeral_gib else []
    extra += [Disk(bus=bus, file=str(folder.swap))] if flavor.swap_mib else []
    # An IDE or SATA disk can't be read-only, but who has these has drivers for their CD-ROMs; virtio has none.
    device = "cdrom" if bus in ("ide", "sata") else "disk"
    drive = [Disk(bus=bus, device=device, file=str(folder.config_drive), readonly=True)]
    if guest.config_drive is None:
        drive = []
    return _named([*first, *extra, *later], drive, _PREFIXES[bus])


def _boot_order(disks: list[AttachedDisk], first: int) -> list[tuple[int | None, AttachedDisk]]:
    """The volumes by ``boot_index``, each with its turn; those that are not booted from (none, or negative) are last."""
    booted = sorted((disk for disk in disks if _boots(disk)), key=lambda disk: disk.boot_index or 0)
    return [*enumerate(booted, first), *((None, disk) for disk in disks if not _boots(disk))]


def _boots(disk: AttachedDisk) -> bool:
    return disk.boot_index is not None and disk.boot_index >= 0


def _volume(disk: AttachedDisk, bus: str, boot: int | None) -> Disk:
    nbd = volumes.source(disk)
    wish = _DEVICE.fullmatch(disk.device or "")
    return Disk(
        target=_PREFIXES[bus] + wish[1] if wish else "",
        bus=bus,
        nbd=nbd,
        boot=boot,
        serial=disk.volume_id,
        readonly=nbd.access_mode == "ro",
    )


def _named(disks: list[Disk], drive: list[Disk], prefix: str) -> list[Disk]:
    """Every disk with a name of its own: what was asked for, where it is free. The first disk has the first letter (if no
    other was asked for), the config drive the last."""
    disks = [msgspec.structs.replace(disk, target=disk.target or f"{prefix}a") for disk in disks[:1]] + disks[1:]
    last = f"{prefix}{'d' if prefix == 'hd' else 'z'}"
    asked, taken = {disk.target for disk in disks}, {last} if drive else set()
    free = (name for name in _names(prefix) if name not in asked | taken)
    named = []
    for disk in disks:
        target = disk.target if disk.target and disk.target not in taken else next(free)
        taken.add(target)
        named.append(msgspec.structs.replace(disk, target=target))
    return named + [msgspec.structs.replace(disk, target=last) for disk in drive]


def _names(prefix: str) -> Iterator[str]:
    """vda … vdz, vdaa …"""
    letters = list(ascii_lowercase)
    while True:
        yield from (prefix + each for each in letters)
        letters = [first + second for first in letters for second in ascii_lowercase]


def _free(bus: str, taken: set[str]) -> str:
    return next(name for name in _names(_PREFIXES[bus]) if name not in taken)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_legal,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _legal(value: object) -> object:
    return _ILLEGAL.sub("\ufffd", value) if isinstance(value, str) else value
