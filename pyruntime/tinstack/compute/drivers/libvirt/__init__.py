"""Guests on libvirt: KVM, or QEMU's own emulation where there is none."""

from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import Driver


def create(config: Config) -> Driver:
    """The driver; libvirt's binding is loaded only where it is used."""
    from tinstack.compute.drivers.libvirt.driver import LibvirtDriver

    return LibvirtDriver(config)
