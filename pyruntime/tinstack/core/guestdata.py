"""What a guest is told about itself: the documents of the metadata service and of the config drive, which say the same.

Pure functions from plain values. Source: Nova's "Metadata" user guide (OpenStack format, network_data.json) and
EC2's instance metadata, as cloud-init's OpenStack, ConfigDrive and Ec2 data sources read them.
"""

import base64
import hashlib
import hmac
from typing import Any

import msgspec

Tree = dict[str, "Tree | str"]

EC2_VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)
OPENSTACK_VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
)
LATEST = "latest"


class GuestAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address of a NIC. ``dhcp``: the guest gets it by DHCP, so that prefix, gateway and routes need not be known."""

    ip: str
    version: int = 4
    dhcp: bool = True
    prefix: int | None = None
    gateway: str | None = None
    routes: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    floating: bool = False


class GuestNic(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC. ``device``: the host's tap, the link's id in network_data.json."""

    port_id: str
    network_id: str
    mac: str
    device: str
    addresses: tuple[GuestAddress, ...] = ()
    mtu: int | None = None
    tag: str | None = None


class GuestDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A tagged disk. ``serial``: the volume's id."""

    serial: str
    tag: str
    bus: str = "virtio"
    path: str | None = None


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """A server as it is told about itself. ``user_data`` is base64, as the user sent it. ``number``: for EC2's ids."""

    id: str
    name: str
    hostname: str
    project_id: str
    availability_zone: str | None = None
    launch_index: int = 0
    number: int = 0
    reservation_id: str = ""
    flavor_name: str = ""
    image_id: str | None = None
    metadata: dict[str, str] = {}
    key_name: str | None = None
    public_key: str | None = None
    key_type: str = "ssh"
    user_data: str | None = None
    admin_password: str | None = None
    security_groups: tuple[str, ...] = ()
    nics: tuple[GuestNic, ...] = ()
    disks: tuple[GuestDisk, ...] = ()


def fqdn(hostname: str, dhcp_domain: str) -> str:
    """The guest's full name; a name that is one already stays."""
    domain = dhcp_domain.strip(".")
    return hostname if "." in hostname or not domain else f"{hostname}.{domain}"


def tap_of(port_id: str) -> str:
    """The tap of a port on its host."""
    return f"tap{port_id[:11]}"


def user_data(guest: Guest) -> bytes | None:
    """As the user wrote it; None where there is none."""
    return base64.b64decode(guest.user_data) if guest.user_data else None


def meta_data(guest: Guest, seed: bytes, *, with_password: bool = False) -> dict[str, Any]:
    """``meta_data.json``. ``seed``: 512 random bytes. ``with_password``: the config drive alone tells it."""
    document: dict[str, Any] = {
        "uuid": guest.id,
        "hostname": guest.hostname,
        "name": guest.name,
        "launch_index": guest.launch_index,
        "availability_zone": guest.availability_zone,
        "project_id": guest.project_id,
        "random_seed": base64.b64encode(seed).decode(),
        "devices": _devices(guest),
        "dedicated_cpus": [],
    }
    if guest.metadata:
        document["meta"] = guest.metadata
    if guest.public_key and guest.key_name:
        document["public_keys"] = {guest.key_name: guest.public_key}
        document["keys"] = [{"name": guest.key_name, "type": guest.key_type, "data": guest.public_key}]
    if with_password and guest.admin_password:
        document["admin_pass"] = guest.admin_password
    return document


def _devices(guest: Guest) -> list[dict[str, Any]]:
    """Devices that the user tagged."""
    nics: list[dict[str, Any]] = [
        {"type": "nic", "bus": "pci", "address": "", "mac": nic.mac, "tags": [nic.tag]} for nic in guest.nics if nic.tag
    ]
    disks: list[dict[str, Any]] = [
        {"type": "disk", "bus": disk.bus, "address": "", "serial": disk.serial, "path": disk.path, "tags": [disk.tag]}
        for disk in guest.disks
    ]
    return nics + disks


def _netmask(address: GuestAddress) -> str:
    prefix = address.prefix or 0
    if address.version == 6:
        return str(prefix)
    bits = (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF
    return ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0))


def _network(number: int, nic: GuestNic, address: GuestAddress) -> dict[str, Any]:
    family = f"ipv{address.version}"
    network: dict[str, Any] = {
        "id": f"network{number}",
        "type": family,
        "link": nic.device,
        "network_id": nic.network_id,
    }
    if address.dhcp or address.prefix is None:
        return network | {"type": f"{family}_dhcp"}
    default = "0.0.0.0" if address.version == 4 else "::"
    routes = [{"network": default, "netmask": default, "gateway": address.gateway}] if address.gateway else []
    for destination, hop in address.routes:
        net, _, prefix = destination.partition("/")
        mask = _netmask(GuestAddress(ip=net, version=address.version, prefix=int(prefix or 0)))
        routes.append({"network": net, "netmask": mask, "gateway": hop})
    services = [{"type": "dns", "address": server} for server in address.dns]
    return network | {
        "ip_address": address.ip,
        "netmask": _netmask(address),
        "routes": routes,
        "services": services,
    }


def network_data(guest: Guest) -> dict[str, Any]:
    """``network_data.json``."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: dict[str, dict[str, str]] = {}
    for nic in guest.nics:
        links.append(
            {
                "id": nic.device,
                "vif_id": nic.port_id,
                "type": "phy",
                "mtu": nic.mtu,
                "ethernet_mac_address": nic.mac,
            }
        )
        for address in nic.addresses:
            if address.floating:
                continue
            networks.append(_network(len(networks), nic, address))
            services |= {server: {"type": "dns", "address": server} for server in address.dns}
    return {"links": links, "networks": networks, "services": list(services.values())}


def openstack_files(guest: Guest, seed: bytes, *, with_password: bool = False) -> dict[str, bytes]:
    """The files below ``openstack/<version>/``: config drive and metadata service alike."""
    encode = msgspec.json.encode
    files = {
        "meta_data.json": encode(meta_data(guest, seed, with_password=with_password)),
        "network_data.json": encode(network_data(guest)),
        "vendor_data.json": b"{}",
        "vendor_data2.json": b"{}",
    }
    data = user_data(guest)
    if data is not None:
        files["user_data"] = data
    return files


def _first(guest: Guest, *, floating: bool) -> str:
    for nic in guest.nics:
        for address in nic.addresses:
            if address.version == 4 and address.floating == floating:
                return address.ip
    return ""


def ec2_meta_data(guest: Guest) -> Tree:
    """The tree below ``latest/meta-data``."""
    image = guest.image_id.replace("-", "")[:8] if guest.image_id else "00000000"
    tree: Tree = {
        "ami-id": f"ami-{image}",
        "ami-launch-index": str(guest.launch_index),
        "ami-manifest-path": "unknown",
        "block-device-mapping": {"ami": "vda", "root": "/dev/vda"},
        "hostname": guest.hostname,
        "instance-action": "none",
        "instance-id": f"i-{guest.number:08x}",
        "instance-type": guest.flavor_name,
        "local-hostname": guest.hostname,
        "local-ipv4": _first(guest, floating=False),
        "placement": {"availability-zone": guest.availability_zone or ""},
        "public-hostname": guest.hostname,
        "public-ipv4": _first(guest, floating=True),
        "reservation-id": guest.reservation_id,
        "security-groups": "\n".join(guest.security_groups),
    }
    if guest.public_key and guest.key_name:
        tree["public-keys"] = {f"0={guest.key_name}": {"openssh-key": guest.public_key}}
    return tree


def listed(tree: Tree) -> str:
    """A folder of the tree as EC2 lists it: folders end in a slash, keys are ``0=name``."""
    return "\n".join(key if "=" in key or isinstance(value, str) else f"{key}/" for key, value in tree.items())


def found_in(tree: Tree, path: list[str]) -> str | None:
    """The text at a path: a value, or the listing of a folder; None where there is nothing."""
    here: Tree | str = tree
    for part in path:
        if isinstance(here, str):
            return None
        key = next((name for name in here if name == part or name.startswith(f"{part}=")), None)
        if key is None:
            return None
        here = here[key]
    return here if isinstance(here, str) else listed(here)


def each_secret(configured: str) -> list[str]:
    """One a line, the newest first: that one signs. The others are still accepted while secrets are rotated."""
    return [line.strip() for line in configured.splitlines() if line.strip()]


def newest(configured: str) -> str:
    """The one that signs; empty where none is configured."""
    return next(iter(each_secret(configured)), "")


def host_key(secret: str, host: str) -> str:
    """The key by which a host signs metadata requests; each host is given its own alone."""
    return hmac.new(secret.encode(), host.encode(), hashlib.sha256).hexdigest()


def signature(key: str, instance_id: str) -> str:
    """The value of ``X-Instance-ID-Signature``."""
    return hmac.new(key.encode(), instance_id.encode(), hashlib.sha256).hexdigest()
