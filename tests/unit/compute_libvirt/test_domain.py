"""The domain's XML: valid whatever is asked for, and what is asked for is in it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinstack.compute.drivers.interface import AttachedDisk, DriverError, Guest, Nic
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.compute.drivers.libvirt.domain import NAMESPACE, describe, render
from tinstack.compute.drivers.libvirt.hardware import DISK_BUSES, VIDEO_MODELS, VIF_MODELS
from tinstack.conductor.rpc import FlavorDetails

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
"""Of the package libvirt0; xmllint is in libxml2-utils."""


def domain(guest: Guest, virt_type: str = "qemu") -> ElementTree.Element:
    folder = Folder(Path("/instances"), guest.id)
    return ElementTree.fromstring(render(describe(guest, folder, virt_type=virt_type, listen="10.0.0.5")))


def volume(number: int = 0, **other: Any) -> AttachedDisk:
    data = {"host": "10.0.0.9", "port": 10809, "export": f"volume-{number}", "tls": True, "access_mode": "rw"}
    values = {"connection": {"driver_volume_type": "nbd", "data": data | other.pop("data", {})}} | other
    return AttachedDisk(volume_id=f"8d5f2a34-3c0e-4b5e-9a43-0242ac1100{number:02d}", attachment_id="a", **values)


def targets(root: ElementTree.Element) -> list[str]:
    return [disk.get("dev", "") for disk in root.findall("devices/disk/target")]


names = st.text(st.characters(codec="utf-8"), max_size=80) | st.sampled_from(
    ["<&>\"'", "]]>", "{{ x }}", "\0\x0b\ufffe"]
)
macs = st.integers(0, 2**24 - 1).map(lambda n: "52:54:00:" + n.to_bytes(3, "big").hex(":"))
nics = st.builds(
    Nic,
    port_id=names,
    mac=macs,
    device=st.from_regex(r"tap[0-9a-f-]{1,11}", fullmatch=True),
    mtu=st.integers(68, 65535),
)
volumes = st.builds(
    volume,
    st.integers(0, 99),
    data=st.fixed_dictionaries(
        {"tls": st.booleans(), "port": st.integers(1, 65535), "access_mode": st.sampled_from(["rw", "ro"])}
    ),
    device=st.none() | st.sampled_from(["/dev/vda", "/dev/vdb", "vdc", "/dev/sdq", "/dev/xvdz", "nonsense <&>"]),
    boot_index=st.none() | st.integers(-1, 3),
)
flavors = st.builds(
    FlavorDetails,
    name=names,
    vcpus=st.integers(1, 240),
    ram_mib=st.integers(1, 4 << 20),
    root_gib=st.integers(0, 10**6),
    ephemeral_gib=st.integers(0, 10),
    swap_mib=st.integers(0, 10),
    extra_specs=st.sampled_from([{}, {"hw_rng:allowed": "False"}]),
)
hardware = st.fixed_dictionaries(
    {},
    optional={
        "hw_disk_bus": st.sampled_from(DISK_BUSES),
        "hw_vif_model": st.sampled_from(VIF_MODELS),
        "hw_video_model": st.sampled_from(VIDEO_MODELS),
        "hw_machine_type": st.sampled_from(["pc", "q35", "pc-i440fx-7.2"]),
        "hw_rng_model": st.just("virtio"),
        "name": names,
    },
)
guests = st.builds(
    Guest,
    id=st.uuids().map(str),
    instance_name=st.integers(1, 2**31).map(lambda n: f"instance-{n:08x}"),
    name=names,
    project_id=names,
    user_id=names,
    flavor=flavors,
    image=st.none() | st.just(Path("/cache/image")),
    image_format=st.just("qcow2"),
    image_properties=hardware,
    nics=st.lists(nics, max_size=4),
    disks=st.lists(volumes, max_size=5),
    config_drive=st.none() | st.just({}),
    metadata=st.dictionaries(names, names, max_size=2),
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(guests, min_size=12, max_size=25), virt_type=st.sampled_from(["kvm", "qemu"]))
def test_whatever_a_user_asks_for_the_xml_is_what_libvirt_accepts(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Guest], virt_type: str
) -> None:
    place = tmp_path_factory.mktemp("xml")
    files = []
    for number, guest in enumerate(asked):
        file = place / f"{number}.xml"
        folder = Folder(Path("/instances <&>"), guest.id)
        file.write_text(render(describe(guest, folder, virt_type=virt_type, listen="10.0.0.5")), encoding="utf-8")
        files.append(file)
        found = targets(ElementTree.parse(file).getroot())
        assert len(found) == len(set(found))
    checked = subprocess.run(
        ["xmllint", "--noout", "--relaxng", str(SCHEMA), *files], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_the_domain_says_whose_it_is_and_keeps_every_character(guest: Callable[..., Guest]) -> None:
    root = domain(guest(name="a <b> & \"c\" 'd' ✓", project_id="p<1>"))
    ours = root.find(f"metadata/{{{NAMESPACE}}}instance")
    assert ours is not None
    assert ours.findtext(f"{{{NAMESPACE}}}name") == "a <b> & \"c\" 'd' ✓"
    owner = ours.find(f"{{{NAMESPACE}}}owner")
    assert owner is not None and owner.get("project") == "p<1>"


def test_the_domain_has_the_servers_id_name_memory_and_cpus(guest: Callable[..., Guest]) -> None:
    wanted = guest()
    root = domain(wanted)
    assert root.findtext("uuid") == wanted.id
    assert root.findtext("name") == wanted.instance_name
    assert root.findtext("memory") == "128"
    assert root.findtext("vcpu") == "1"


def test_a_nic_is_the_tap_that_the_network_agent_made(guest: Callable[..., Guest]) -> None:
    nic = Nic(port_id="p", mac="52:54:00:00:00:01", device="tap1", mtu=1450)
    interface = domain(guest(nics=[nic])).find("devices/interface")
    assert interface is not None and interface.get("type") == "ethernet"
    assert [(child.tag, dict(child.attrib)) for child in interface] == [
        ("mac", {"address": "52:54:00:00:00:01"}),
        ("target", {"dev": "tap1", "managed": "no"}),
        ("model", {"type": "virtio"}),
        ("mtu", {"size": "1450"}),
    ]


def test_root_ephemeral_swap_volume_and_config_drive_have_their_places(guest: Callable[..., Guest]) -> None:
    flavor = FlavorDetails(name="f", vcpus=1, ram_mib=128, root_gib=1, ephemeral_gib=1, swap_mib=1)
    root = domain(guest(flavor=flavor, disks=[volume()]))
    sources = [source.get("file") or source.get("name") for source in root.findall("devices/disk/source")]
    assert [str(source).rpartition("/")[2] for source in sources] == [
        "disk", "disk.eph0", "disk.swap", "volume-0", "disk.config",
    ]  # fmt: skip
    assert targets(root) == ["vda", "vdb", "vdc", "vdd", "vdz"]


def test_without_an_image_the_volume_with_the_lowest_boot_index_is_the_first_disk(guest: Callable[..., Guest]) -> None:
    root = domain(
        guest(image=None, config_drive=None, disks=[volume(2), volume(1, boot_index=1), volume(0, boot_index=0)])
    )
    sources = [source.get("name") for source in root.findall("devices/disk/source")]
    orders = [disk.find("boot") for disk in root.findall("devices/disk")]
    assert sources == ["volume-0", "volume-1", "volume-2"]
    assert [order.get("order") if order is not None else None for order in orders] == ["1", "2", None]


def test_a_volume_gets_the_device_name_that_was_asked_for_where_it_is_free(guest: Callable[..., Guest]) -> None:
    asked = [volume(0, device="/dev/vdc"), volume(1, device="/dev/vda"), volume(2), volume(3, device="/dev/sdc")]
    assert targets(domain(guest(disks=asked, config_drive=None))) == ["vda", "vdc", "vdb", "vdd", "vde"]


def test_a_volumes_disk_stops_the_guest_on_errors_and_is_reached_by_tls(guest: Callable[..., Guest]) -> None:
    disk = domain(guest(disks=[volume()])).findall("devices/disk")[1]
    driver, source = disk.find("driver"), disk.find("source")
    assert driver is not None and source is not None
    assert (driver.get("error_policy"), driver.get("rerror_policy")) == ("stop", "stop")
    assert source.attrib == {"protocol": "nbd", "name": "volume-0", "tls": "yes"}
    assert disk.findtext("serial") == volume().volume_id


def test_an_ide_guest_reads_its_config_drive_as_a_cd(guest: Callable[..., Guest]) -> None:
    drive = domain(guest(image_properties={"hw_disk_bus": "ide"})).findall("devices/disk")[-1]
    assert drive.get("device") == "cdrom"
    assert targets(domain(guest(image_properties={"hw_disk_bus": "ide"}))) == ["hda", "hdd"]


def test_image_properties_choose_the_devices(guest: Callable[..., Guest]) -> None:
    properties = {"hw_disk_bus": "scsi", "hw_vif_model": "e1000", "hw_machine_type": "q35", "hw_video_model": "cirrus"}
    nic = Nic(port_id="p", mac="52:54:00:00:00:01", device="tap1", mtu=1450)
    root = domain(guest(image_properties=properties, nics=[nic], config_drive=None))
    assert targets(root) == ["sda"]
    found = {path: root.find(path) for path in ("os/type", "devices/interface/model", "devices/video/model")}
    shown = {path: element.attrib for path, element in found.items() if element is not None}
    assert shown["os/type"]["machine"] == "q35"
    assert shown["devices/interface/model"]["type"] == "e1000"
    assert shown["devices/video/model"]["type"] == "cirrus"
    assert root.find("devices/controller[@model='virtio-scsi']") is not None


def test_a_flavor_can_take_the_random_number_generator_away(guest: Callable[..., Guest]) -> None:
    flavor = FlavorDetails(name="f", vcpus=1, ram_mib=1, root_gib=2, extra_specs={"hw_rng:allowed": "False"})
    assert domain(guest()).find("devices/rng") is not None
    assert domain(guest(flavor=flavor)).find("devices/rng") is None


def test_kvm_has_the_hosts_cpu_and_emulation_a_bounded_cache(guest: Callable[..., Guest]) -> None:
    kvm, qemu = domain(guest(), "kvm"), domain(guest(), "qemu")
    assert kvm.find("cpu[@mode='host-model']") is not None and kvm.find("features/tcg") is None
    assert qemu.find("cpu[@mode='maximum']") is not None and qemu.findtext("features/tcg/tb-cache") == "32"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"image_properties": {"hw_disk_bus": "xen"}}, "hw_disk_bus is 'xen'"),
        ({"image_properties": {"hw_machine_type": "p c<"}}, "hw_machine_type is 'p c<'"),
        ({"disks": [volume(connection={"driver_volume_type": "iscsi", "data": {}})]}, "handed out as 'iscsi'"),
        ({"disks": [volume(data={"port": "x"})]}, "not usable"),
    ],
)
def test_what_is_not_there_is_said(guest: Callable[..., Guest], other: dict[str, Any], said: str) -> None:
    with pytest.raises(DriverError, match=said):
        domain(guest(**other))
