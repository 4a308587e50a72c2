"""A guest that runs from a rescue disk: its XML with that disk to boot from, and the XML that it had kept for later.

Source: libvirt, "Domain XML format", ``boot`` of devices.
"""

from pathlib import Path
from xml.etree import ElementTree

from tinstack.compute.drivers.interface import RescueDevice
from tinstack.compute.drivers.libvirt import disks, domain
from tinstack.compute.drivers.libvirt.disks import Folder


def begin(folder: Folder, image: Path, image_format: str, gib: int, beside: RescueDevice | None = None) -> None:
    """Make disk and XML; what is there already stays. Raises DriverError, OSError."""
    disks.make_overlay(folder.rescue, image, image_format, gib)
    if not folder.unrescue_xml.exists():
        kept = folder.unrescue_xml.with_suffix(".part")
        kept.write_text(folder.xml.read_text(encoding="utf-8"), encoding="utf-8")
        kept.rename(folder.unrescue_xml)
    own = folder.unrescue_xml.read_text(encoding="utf-8")
    folder.keep_xml(with_device(own, folder.rescue, beside) if beside else with_disk(own, folder.root, folder.rescue))


def end(folder: Folder) -> None:
    """Back to the XML before; the disk is absent."""
    if folder.unrescue_xml.exists():
        folder.unrescue_xml.rename(folder.xml)
    folder.rescue.unlink(missing_ok=True)


def with_disk(xml: str, root: Path, rescue: Path) -> str:
    """The domain with the rescue disk where its root disk was, and that one behind all others: names of the rest stay."""
    tree = ElementTree.fromstring(xml)
    devices = tree.find("devices")
    assert devices is not None
    found = devices.findall("disk")
    first = next(one for one in found if (source := one.find("source")) is not None and source.get("file") == str(root))
    taken = {target.get("dev", "") for target in devices.iterfind("disk/target")}
    own = ElementTree.fromstring(ElementTree.tostring(first, encoding="unicode"))
    target, source = own.find("target"), first.find("source")
    assert target is not None and source is not None
    prefix = target.get("dev", "vda")[:2]
    target.set(
        "dev", next(f"{prefix}{letter}" for letter in "bcdefghijklmnopqrstuvwxy" if f"{prefix}{letter}" not in taken)
    )
    for boot in own.findall("boot"):
        own.remove(boot)
    source.set("file", str(rescue))
    devices.insert(list(devices).index(found[-1]) + 1, own)
    return ElementTree.tostring(tree, encoding="unicode")


def with_device(xml: str, rescue: Path, device: RescueDevice) -> str:
    """The domain with the rescue disk behind its own, which keep their places; it is booted from before them."""
    tree = ElementTree.fromstring(xml)
    devices = tree.find("devices")
    assert devices is not None
    for boot in devices.iterfind("disk/boot"):
        boot.set("order", str(int(boot.get("order", "1")) + 1))
    if device.bus == "scsi" and devices.find("controller[@type='scsi']") is None:
        devices.append(ElementTree.Element("controller", type="scsi", index="0", model="virtio-scsi"))
    taken = {target.get("dev", "") for target in devices.iterfind("disk/target")}
    disk = ElementTree.fromstring(domain.render_rescue_disk(str(rescue), device, taken))
    devices.insert(list(devices).index(devices.findall("disk")[-1]) + 1, disk)
    return ElementTree.tostring(tree, encoding="unicode")
