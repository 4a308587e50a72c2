"""The config drive's file system, read back by a reader of its own."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinstack.compute.drivers.interface import DriverError
from tinstack.compute.drivers.libvirt import config_drive, iso9660

SECTOR = 2048


def records(image: bytes, place: int, size: int) -> Iterator[tuple[bytes, int, int, bool, bytes]]:
    """(name, place, size, is a directory, system use) of each record (ECMA-119, 9.1)."""
    at, end = place * SECTOR, place * SECTOR + size
    while at < end:
        length = image[at]
        if not length:
            at = (at // SECTOR + 1) * SECTOR
            continue
        record = image[at : at + length]
        found, used = struct.unpack_from("<I4xI", record, 2)
        assert struct.unpack_from(">I", record, 6)[0] == found and struct.unpack_from(">I", record, 14)[0] == used
        name = record[33 : 33 + record[32]]
        yield name, found, used, bool(record[25] & 2), record[33 + record[32] + 1 - record[32] % 2 :]
        at += length


def rock_ridge_name(use: bytes) -> str:
    while len(use) >= 4:
        if use[:2] == b"NM":
            return use[5 : use[2]].decode()
        use = use[use[2] :]
    raise AssertionError("no NM entry")


def read(image: bytes, descriptor: int) -> dict[str, bytes]:
    """Every file by its true name, by the primary (1) or the supplementary (2) volume descriptor."""
    volume = image[(15 + descriptor) * SECTOR : (16 + descriptor) * SECTOR]
    assert volume[:6] == bytes((descriptor,)) + b"CD001"
    assert struct.unpack_from("<I", volume, 80)[0] * SECTOR == len(image)
    found: dict[str, bytes] = {}

    def walk(place: int, size: int, path: str) -> None:
        for name, at, used, folder, use in list(records(image, place, size))[2:]:
            true = name.decode("utf-16-be") if descriptor == 2 else rock_ridge_name(use)
            if folder:
                walk(at, used, f"{path}{true}/")
            else:
                found[path + true] = image[at * SECTOR : at * SECTOR + used]

    place, size = struct.unpack_from("<I4xI", volume, 156 + 2)
    walk(place, size, "")
    return found


part = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789._-", min_size=1, max_size=64)
paths = st.lists(part, min_size=1, max_size=3).map("/".join)


def without_clashes(files: dict[str, bytes]) -> dict[str, bytes]:
    """No path that is a folder of another."""
    return {path: data for path, data in files.items() if not any(other.startswith(f"{path}/") for other in files)}


@given(files=st.dictionaries(paths, st.binary(max_size=5000), max_size=60).map(without_clashes))
def test_both_trees_hold_every_file_under_its_true_name(files: dict[str, bytes]) -> None:
    image = iso9660.image(files, "config-2")
    assert read(image, 1) == files
    assert read(image, 2) == files


def test_both_volumes_have_the_label_that_guests_look_for() -> None:
    image = iso9660.image({}, "config-2")
    assert image[16 * SECTOR + 40 :][:32] == b"config-2".ljust(32)
    assert image[17 * SECTOR + 40 :][:32].decode("utf-16-be").rstrip() == "config-2"


def test_the_root_says_that_there_is_rock_ridge() -> None:
    image = iso9660.image({"a": b""}, "config-2")
    place, size = struct.unpack_from("<I4xI", image, 16 * SECTOR + 156 + 2)
    use = next(records(image, place, size))[4]
    assert use.startswith(b"SP\x07\x01\xbe\xef") and b"RRIP_1991A" in use


def test_busybox_did_not_find_the_label_on_a_disk_smaller_than_its_furthest_probe() -> None:
    assert len(config_drive.content({"a": b"b"})) >= 1 << 20


@pytest.mark.parametrize("name", ["a" * 65, "naïve", "a//b"])
def test_a_name_that_can_not_be_is_said(name: str) -> None:
    with pytest.raises(DriverError, match="config drive can't be made"):
        config_drive.content({name: b""})
