"""The NICs in a domain's XML: found, added, left out. A NIC is known by its tap. Source: libvirt, "Network interfaces"."""

from collections.abc import Callable
from xml.etree import ElementTree

from tinstack.compute.drivers.libvirt.domain import NAMESPACE

ElementTree.register_namespace("tinstack", NAMESPACE)


def find(domain: str, device: str) -> str | None:
    """The interface with that tap, as the domain has it (with its address); None where there is none."""
    for interface in ElementTree.fromstring(domain).iterfind("devices/interface"):
        if _device(interface) == device:
            return ElementTree.tostring(interface, encoding="unicode")
    return None


def with_nic(domain: str, interface: str, device: str) -> str:
    """The domain with that interface as its last; as it is where it has the tap already."""
    if find(domain, device) is not None:
        return domain
    root = ElementTree.fromstring(domain)
    devices = root.find("devices")
    assert devices is not None
    places = [place for place, element in enumerate(devices) if element.tag == "interface"]
    devices.insert(places[-1] + 1 if places else len(devices), ElementTree.fromstring(interface))
    return ElementTree.tostring(root, encoding="unicode")


def without(domain: str, unwanted: Callable[[str], bool]) -> str:
    """The domain without the interfaces of such taps."""
    root = ElementTree.fromstring(domain)
    devices = root.find("devices")
    assert devices is not None
    gone = [one for one in devices.iterfind("interface") if unwanted(_device(one))]
    for interface in gone:
        devices.remove(interface)
    return ElementTree.tostring(root, encoding="unicode") if gone else domain


def _device(interface: ElementTree.Element) -> str:
    target = interface.find("target")
    return "" if target is None else target.get("dev", "")
