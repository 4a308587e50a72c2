"""Guests under libvirt and QEMU (flow step 28): disks, config drive, domain XML, power, console and figures.

Only ``hypervisor.py`` imports libvirt, and only when a connection is opened: the module comes from the distribution.
"""

from pathlib import Path

from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import Driver
from tinstack.compute.drivers.libvirt.driver import LibvirtDriver
from tinstack.compute.drivers.libvirt.hypervisor import LibvirtHypervisor


def create(config: Config) -> Driver:
    """The driver as the agent's configuration describes it."""
    return LibvirtDriver(
        LibvirtHypervisor(config.libvirt_uri),
        virt_type=config.virt_type,
        instances_dir=Path(config.instances_dir),
        my_ip=config.my_ip,
    )
