"""The compute agent's configuration."""

from tinstack.core.config import HostTls, ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``driver``: libvirt or fake; ``virt_type``: auto, kvm or qemu. ``my_ip``: this host's address on the management network.

    ``reserved_ram_mib``, ``reserved_disk_gib``: kept for the host itself; ``*_allocation_ratio``: how often the rest is sold.
    ``builds_at_once``: guests that are started at the same time. ``console_port``: where the console service reaches serial
    consoles (0: any that is free), encrypted where there is ``tls``. ``simulated_*``: what a host of the fake driver has.
    """

    driver: str = "libvirt"
    virt_type: str = "auto"
    libvirt_uri: str = "qemu:///system"
    instances_dir: str = "/var/lib/tinstack/instances"
    image_cache_dir: str = "/var/lib/tinstack/image-cache"
    my_ip: str = "127.0.0.1"
    reserved_ram_mib: int = 512
    reserved_disk_gib: int = 0
    report_seconds: float = 10.0
    vif_plug_seconds: float = 60.0
    shutdown_seconds: float = 60.0
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    builds_at_once: int = 10
    console_port: int = 0
    tls: HostTls | None = None
    simulated_vcpus: int = 64
    simulated_ram_mib: int = 256 * 1024
    simulated_disk_gib: int = 4096
