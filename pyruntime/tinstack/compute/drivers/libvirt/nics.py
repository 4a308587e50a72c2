"""The devices in a domain's XML that come and go: found, added, left out.

A NIC is known by its tap, a volume by its id, which is the disk's serial. Source: libvirt, "Devices".
"""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from tinstack.compute.drivers.libvirt.domain import NAMESPACE

LINKS = Path("/sys/class/net")

ElementTree.register_namespace("tinstack", NAMESPACE)


def find(domain: str, device: str) -> str | None:
    """The interface with that tap or the disk with that serial, as the domain has it (with its address)."""
    root = ElementTree.fromstring(domain)
    for element in (*root.iterfind("devices/interface"), *root.iterfind("devices/disk")):
        if _device(element) == device:
            return ElementTree.tostring(element, encoding="unicode")
    return None


def disk_of_file(domain: str, path: str) -> str:
    """The name of the disk that is in that file: vda. Raises LookupError."""
    for disk in ElementTree.fromstring(domain).iterfind("devices/disk"):
        source, target = disk.find("source"), disk.find("target")
        if source is not None and target is not None and source.get("file") == path:
            return target.get("dev", "")
    raise LookupError(f"the guest has no disk {path}")


def disk_of_serial(domain: str, serial: str) -> str:
    """The name of the disk with that serial: vdb. Raises LookupError."""
    for disk in ElementTree.fromstring(domain).iterfind("devices/disk"):
        target = disk.find("target")
        if target is not None and disk.findtext("serial") == serial:
            return target.get("dev", "")
    raise LookupError(f"the guest has no disk {serial}")


def node_of_serial(domain: str, serial: str) -> str | None:
    """QEMU's node of a volume, in the XML of a guest that runs; None where it is a file."""
    for disk in ElementTree.fromstring(domain).iterfind("devices/disk[@type='network']"):
        source = disk.find("source")
        if source is not None and source.get("index") and disk.findtext("serial") == serial:
            return f"libvirt-{source.get('index')}-format"
    return None


def missing_taps(domain: str) -> list[str]:
    """Its taps that are not there. They are the network agent's: a host that boots has none yet."""
    taps = [_device(one) for one in ElementTree.fromstring(domain).iterfind("devices/interface[@type='ethernet']")]
    return [tap for tap in taps if not (LINKS / tap).exists()]


def disk_targets(domain: str) -> set[str]:
    """The names of its disks: vda …"""
    return {target.get("dev", "") for target in ElementTree.fromstring(domain).iterfind("devices/disk/target")}


def with_device(domain: str, xml: str, device: str) -> str:
    """The domain with that interface or disk as its last; as it is where it has it already."""
    if find(domain, device) is not None:
        return domain
    root = ElementTree.fromstring(domain)
    devices = root.find("devices")
    assert devices is not None
    added = ElementTree.fromstring(xml)
    places = [place for place, element in enumerate(devices) if element.tag == added.tag]
    devices.insert(places[-1] + 1 if places else len(devices), added)
    return ElementTree.tostring(root, encoding="unicode")


def without(domain: str, unwanted: Callable[[str], bool], kind: str = "interface") -> str:
    """The domain without the interfaces of such taps; ``kind``: or without the disks of such serials."""
    root = ElementTree.fromstring(domain)
    devices = root.find("devices")
    assert devices is not None
    gone = [one for one in devices.iterfind(kind) if unwanted(_device(one))]
    for interface in gone:
        devices.remove(interface)
    return ElementTree.tostring(root, encoding="unicode") if gone else domain


def _device(element: ElementTree.Element) -> str:
    if element.tag == "disk":
        return element.findtext("serial", "")
    target = element.find("target")
    return "" if target is None else target.get("dev", "")
