"""A server's folder: what is made, how it may be read, and what is refused before anything is made."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tinstack.compute.drivers.interface import DriverError, Guest
from tinstack.compute.drivers.libvirt import disks
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.compute.drivers.libvirt.formats import inspect
from tinstack.conductor.rpc import FlavorDetails

Programs = list[tuple[str, ...]]


def flavor(**other: int) -> FlavorDetails:
    return FlavorDetails(**({"name": "f", "vcpus": 1, "ram_mib": 128, "root_gib": 2} | other))  # type: ignore[arg-type]


def test_the_root_disk_is_an_overlay_of_the_flavors_size(
    tmp_path: Path, guest: Callable[..., Guest], programs: Programs
) -> None:
    wanted = guest()
    Folder(tmp_path, wanted.id).make(wanted)
    part = str(tmp_path / wanted.id / "disk.part")
    backing = ("-b", str(wanted.image), "-F", "qcow2")
    assert programs == [("qemu-img", "create", "-q", "-f", "qcow2", *backing, part, str(2 << 30))]


def test_a_root_disk_of_no_size_has_the_images(tmp_path: Path, guest: Callable[..., Guest], programs: Programs) -> None:
    wanted = guest(flavor=flavor(root_gib=0))
    Folder(tmp_path, wanted.id).make(wanted)
    assert programs[0][-1] == str(1 << 30)


def test_qemus_group_may_write_disks_and_console_and_only_read_the_config_drive(
    tmp_path: Path, guest: Callable[..., Guest], programs: Programs
) -> None:
    wanted = guest(flavor=flavor(ephemeral_gib=1, swap_mib=8))
    folder = Folder(tmp_path, wanted.id)
    folder.make(wanted)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.path.iterdir()}
    assert modes == {
        "disk": 0o660,
        "disk.eph0": 0o660,
        "disk.swap": 0o660,
        "disk.config": 0o640,
        "console.log": 0o660,
    }


def test_the_flavors_other_disks_are_sparse_and_formatted(
    tmp_path: Path, guest: Callable[..., Guest], programs: Programs
) -> None:
    wanted = guest(flavor=flavor(ephemeral_gib=3, swap_mib=8))
    folder = Folder(tmp_path, wanted.id)
    folder.make(wanted)
    assert [program for program, *_ in programs] == ["qemu-img", "mke2fs", "mkswap"]
    assert (folder.ephemeral.stat().st_size, folder.swap.stat().st_size) == (3 << 30, 8 << 20)
    assert folder.ephemeral.stat().st_blocks == 0


def test_what_is_there_is_not_made_again(tmp_path: Path, guest: Callable[..., Guest], programs: Programs) -> None:
    wanted = guest()
    folder = Folder(tmp_path, wanted.id)
    folder.make(wanted)
    folder.root.write_bytes(b"the guest's data")
    folder.make(wanted)
    assert folder.root.read_bytes() == b"the guest's data" and len(programs) == 1


def test_a_disk_that_was_never_finished_is_made_anew(
    tmp_path: Path, guest: Callable[..., Guest], programs: Programs
) -> None:
    wanted = guest(image=None)
    folder = Folder(tmp_path, wanted.id)
    folder.path.mkdir()
    (folder.path / "disk.config.part").write_bytes(b"half")
    folder.make(wanted)
    assert folder.config_drive.stat().st_size >= 1 << 20 and not (folder.path / "disk.config.part").exists()


def test_a_folder_can_be_removed_twice(tmp_path: Path, guest: Callable[..., Guest], programs: Programs) -> None:
    folder = Folder(tmp_path, guest().id)
    folder.make(guest())
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_a_host_without_room_says_so(tmp_path: Path, guest: Callable[..., Guest]) -> None:
    wanted = guest()
    with pytest.raises(DriverError, match="No such file or directory"):
        Folder(tmp_path / "absent", wanted.id).make(wanted)


def test_an_image_larger_than_the_flavors_disk_is_refused(
    guest: Callable[..., Guest], qcow2: Callable[..., Path]
) -> None:
    with pytest.raises(DriverError, match="its disk has 5 GiB, but the flavor's root disk only 2 GiB"):
        disks.check(guest(image=qcow2(5)))


def test_an_image_that_names_a_file_of_the_host_is_refused(qcow2: Callable[..., Path]) -> None:
    with pytest.raises(DriverError, match="names a backing file"):
        inspect(qcow2(backing=104), "qcow2")
    with pytest.raises(DriverError, match="names an external data file"):
        inspect(qcow2(incompatible=4), "qcow2")


def test_an_old_qcow2_has_no_features(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(struct.pack(">4sIQIIQ", b"QFI\xfb", 2, 0, 0, 16, 7 << 30).ljust(72, b"\0") + b"\xff" * 32)
    assert inspect(path, "qcow2").size == 7 << 30


@pytest.mark.parametrize(("format", "said"), [("qcow2", "registered as qcow2, but is none"), ("vmdk", "'vmdk'")])
def test_another_format_is_refused(tmp_path: Path, format: str, said: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"something else" * 20)
    with pytest.raises(DriverError, match=said):
        inspect(path, format)


def test_a_raw_image_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"QFI\xfb" + bytes(1020))
    assert inspect(path, "raw").format == "raw" and inspect(path, "raw").size == 1024


def test_a_boot_of_the_host_has_one_name_until_run_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    first = disks.boot_of_host()
    assert disks.boot_of_host() == first
    (tmp_path / "boot").unlink()
    assert disks.boot_of_host() not in ("", first)
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    assert len(disks.boot_of_host()) == 36
