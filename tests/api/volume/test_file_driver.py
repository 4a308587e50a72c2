"""Volumes as qcow2 files, by the real qemu-img (Debian package qemu-utils)."""

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tinstack.core.errors import NotImplementedHere
from tinstack.volume.drivers.file import FileDriver
from tinstack.volume.drivers.interface import DriverFailed, Source


def info(path: Path) -> Any:
    return json.loads(
        subprocess.run(["qemu-img", "info", "--output=json", path], check=True, capture_output=True).stdout
    )


def head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(10)


def convert(place: Path, raw: Path) -> None:
    subprocess.run(["qemu-img", "convert", "-O", "raw", place, raw], check=True)


@pytest.fixture
async def driver(tmp_path: Path) -> FileDriver:
    driver = FileDriver("lab1", tmp_path / "volumes")
    await driver.start()
    return driver


async def image() -> AsyncIterator[bytes]:
    yield b"image data" * 100


async def test_volumes_grow_are_copied_and_go(driver: FileDriver) -> None:
    for _ in range(2):
        await driver.create("a", 1)
    await driver.extend("a", 2)
    assert info(driver.directory / "volume-a.qcow2")["virtual-size"] == 2 << 30
    await driver.create_snapshot("s", "a")
    await driver.create_from("b", 3, Source("snapshot", "s"))
    await driver.create_from("c", 2, Source("volume", "a"))
    assert info(driver.directory / "volume-b.qcow2")["virtual-size"] == 3 << 30
    assert "backing-filename" not in info(driver.directory / "volume-b.qcow2")
    await driver.delete_snapshot("s")
    for volume in ("a", "a", "b", "c"):
        await driver.delete(volume)
    assert list(driver.directory.iterdir()) == []


async def test_a_volume_has_its_images_content(driver: FileDriver) -> None:
    await driver.create_from_image("a", 1, "raw", image())
    place = driver.directory / "volume-a.qcow2"
    assert info(place)["virtual-size"] == 1 << 30
    raw = driver.directory / "a.raw"
    convert(place, raw)
    assert head(raw) == b"image data"


async def test_data_of_another_format_are_not_guessed(driver: FileDriver) -> None:
    with pytest.raises(DriverFailed):
        await driver.create_from_image("a", 1, "qcow2", image())
    assert list(driver.directory.iterdir()) == []


async def test_there_are_no_exports(driver: FileDriver) -> None:
    with pytest.raises(NotImplementedHere):
        await driver.connect("a", "x", {}, "rw")
