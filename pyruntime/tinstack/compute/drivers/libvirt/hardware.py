"""The hardware that an image asks for by its ``hw_*`` properties. Source: Image API, "Useful image properties"."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tinstack.compute.drivers.interface import DriverError

DISK_BUSES = ("virtio", "scsi", "sata", "ide")
VIF_MODELS = ("virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "vmxnet3")
VIDEO_MODELS = ("vga", "cirrus", "virtio", "qxl", "bochs", "vmvga", "none")
RNG_MODELS = ("virtio",)
_MACHINE = re.compile(r"[a-z0-9][a-z0-9._-]*")


class UnknownProperty(DriverError):
    """An image property has a value that this driver can't give."""

    code = "compute.libvirt.image_property"
    message = "The image's {name} is '{value}', but this driver has: {choices}."


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """Models of the guest's devices, as libvirt names them. ``rng``: None for no random number generator."""

    disk_bus: str = "virtio"
    vif_model: str = "virtio"
    machine: str = "pc"
    video: str = "vga"
    rng: str | None = "virtio"

    @property
    def hotplug_ports(self) -> int:
        """How many PCI Express ports the guest has: on q35 a device that is plugged in needs an empty one."""
        return 24 if "q35" in self.machine else 0


def wanted(properties: Mapping[str, Any], extra_specs: dict[str, str]) -> Hardware:
    """What image properties and the flavor's extra specs ask for. Raises UnknownProperty."""
    rng: str | None = _choice(properties, "hw_rng_model", RNG_MODELS)
    if extra_specs.get("hw_rng:allowed", "true").lower() in ("false", "0", "no"):
        rng = None
    machine = str(properties.get("hw_machine_type") or Hardware().machine)
    if not _MACHINE.fullmatch(machine):
        raise UnknownProperty(
            name="hw_machine_type", value=machine, choices="pc, q35 and what else QEMU calls a machine"
        )
    return Hardware(
        disk_bus=_choice(properties, "hw_disk_bus", DISK_BUSES),
        vif_model=_choice(properties, "hw_vif_model", VIF_MODELS),
        machine=machine,
        video=_choice(properties, "hw_video_model", VIDEO_MODELS, default="vga"),
        rng=rng,
    )


def _choice(properties: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str = "virtio") -> str:
    value = str(properties.get(name) or default).lower()
    if value not in choices:
        raise UnknownProperty(name=name, value=value, choices=", ".join(choices))
    return value
