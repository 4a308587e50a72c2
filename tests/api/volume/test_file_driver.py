"""Volumes as qcow2 files, by the real qemu-img (Debian package qemu-utils)."""

import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tinstack.volume.drivers.file import FileDriver
from tinstack.volume.drivers.interface import Connected, DriverFailed, Source
from tinstack.volume.drivers.launchers import Children, Units
from tinstack.volume.drivers.storage_daemon import StorageDaemons


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
def sockets() -> Iterator[Path]:
    """Paths of sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="qsd-") as folder:
        yield Path(folder)


def made(tmp_path: Path, sockets: Path) -> FileDriver:
    return FileDriver("lab1", tmp_path / "volumes", StorageDaemons(sockets, "127.0.0.1", (24300, 24399), Children()))


@pytest.fixture
async def driver(tmp_path: Path, sockets: Path) -> AsyncIterator[FileDriver]:
    driver = made(tmp_path, sockets)
    await driver.start()
    yield driver
    await driver.stop()


def children(driver: FileDriver) -> Children:
    launcher = driver._daemons.launcher
    assert isinstance(launcher, Children)
    return launcher


def run(*arguments: str | Path) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def url(info: dict[str, Any]) -> str:
    data = info["data"]
    return f"nbd://{data['host']}:{data['port']}/{data['export']}"


def listed(info: dict[str, Any]) -> list[str]:
    """The names of all exports of that server."""
    host, port = info["data"]["host"], str(info["data"]["port"])
    shown = run("qemu-nbd", "--list", "-b", host, "-p", port)
    return [line.split("'")[1] for line in shown.splitlines() if line.startswith(" export:")]


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


def can_write(url: str) -> bool:
    done = subprocess.run(["qemu-io", "-f", "raw", "-c", "write 0 64k", url], capture_output=True, check=False)
    return done.returncode == 0


async def test_what_is_written_by_nbd_is_in_the_volume(driver: FileDriver) -> None:
    await driver.create("a", 1)
    for _ in range(2):
        info = await driver.connect("a", "x", {}, "rw")
    assert info["driver_volume_type"] == "nbd" and listed(info) == ["x"]
    assert json.loads(run("qemu-img", "info", "--output=json", url(info)))["virtual-size"] == 1 << 30
    run("qemu-io", "-f", "raw", "-c", "write -P 0x41 0 64k", url(info))
    for _ in range(2):
        await driver.disconnect("a", "x")
    assert driver._daemons.volumes() == set()
    run("qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0x41 0 64k", driver.directory / "volume-a.qcow2")


async def test_a_volume_may_be_attached_twice_and_is_exported_to_the_last(driver: FileDriver) -> None:
    await driver.create("a", 1)
    first, second = await driver.connect("a", "x", {}, "rw"), await driver.connect("a", "y", {}, "ro")
    assert listed(first) == listed(second) == ["x", "y"]
    assert not can_write(url(second)) and can_write(url(first))
    await driver.disconnect("a", "x")
    assert listed(second) == ["y"]


async def test_copies_of_an_attached_volume_have_what_was_written(driver: FileDriver) -> None:
    await driver.create("a", 1)
    info = await driver.connect("a", "x", {}, "rw")
    run("qemu-io", "-f", "raw", "-c", "write -P 0x42 1M 64k", url(info))
    await driver.create_snapshot("s", "a")
    await driver.create_from("b", 2, Source("volume", "a"))
    for name in ("snapshot-s", "volume-b"):
        run("qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0x42 1M 64k", driver.directory / f"{name}.qcow2")
    async with driver.content("a", "raw") as file:
        assert file.stat().st_size == 1 << 30
        run("qemu-io", "-r", "-f", "raw", "-c", "read -P 0x42 1M 64k", file)
    assert list(driver.directory.glob("upload-*")) == []


async def test_an_attached_volume_grows_and_is_exported_in_its_new_size(driver: FileDriver) -> None:
    await driver.create("a", 1)
    info = await driver.connect("a", "x", {}, "rw")
    run("qemu-io", "-f", "raw", "-c", "write -P 0x43 0 64k", url(info))
    for _ in range(2):
        await driver.extend("a", 2)
    assert json.loads(run("qemu-img", "info", "--output=json", url(info)))["virtual-size"] == 2 << 30
    run("qemu-io", "-f", "raw", "-c", "read -P 0x43 0 64k", "-c", "write 1G 64k", url(info))


async def test_the_next_service_makes_the_exports_again(tmp_path: Path, sockets: Path, driver: FileDriver) -> None:
    await driver.create("a", 1)
    info = await driver.connect("a", "x", {}, "rw")
    await driver.stop()
    later = made(tmp_path, sockets)
    await later.start()
    connected = [Connected(host="", volume="a", attachment="x", mode="rw", connection=info)]
    for _ in range(2):
        await later.resume(connected)
    assert listed(info) == ["x"]
    assert await later.exports() == [("a", "x")]
    await later.disconnect("a", "x")
    assert await later.exports() == []
    assert later._daemons.volumes() == set()


async def test_a_daemon_that_died_is_started_again_where_it_was(driver: FileDriver) -> None:
    await driver.create("a", 1)
    info = await driver.connect("a", "x", {}, "rw")
    process = children(driver)._processes["a"]
    process.kill()
    await process.wait()
    await driver.resume([Connected(host="", volume="a", attachment="x", mode="rw", connection=info)])
    assert listed(info) == ["x"]


async def test_several_volumes_have_ports_of_their_own(driver: FileDriver) -> None:
    for volume in ("a", "b", "c"):
        await driver.create(volume, 1)
    infos = await asyncio.gather(*(driver.connect(one, f"x{one}", {}, "rw") for one in ("a", "b", "c")))
    assert len({info["data"]["port"] for info in infos}) == 3
    assert [listed(info) for info in infos] == [["xa"], ["xb"], ["xc"]]


async def test_without_the_daemon_an_attachment_fails_with_a_reason(driver: FileDriver) -> None:
    children(driver)._program = "no-such-program"
    await driver.create("a", 1)
    with pytest.raises(DriverFailed, match="can't be run"):
        await driver.connect("a", "x", {}, "rw")


async def test_what_is_started_again_has_all_exports_where_they_were(driver: FileDriver) -> None:
    """As systemd does it, by the arguments that are written."""
    await driver.create("a", 1)
    first, second = await driver.connect("a", "x", {}, "rw"), await driver.connect("a", "y", {}, "ro")
    process = children(driver)._processes["a"]
    process.kill()
    await process.wait()
    await (await driver._daemons._start("a", first["data"]["port"])).close()
    assert listed(first) == listed(second) == ["x", "y"]
    assert can_write(url(first)) and not can_write(url(second))


async def test_an_acknowledged_write_is_in_the_file(driver: FileDriver) -> None:
    """Without a flush, and with the daemon killed at once."""
    await driver.create("a", 1)
    info = await driver.connect("a", "x", {}, "rw")
    pipe = asyncio.subprocess.PIPE
    options = ("-f", "raw", "-t", "writeback", url(info))
    writer = await asyncio.create_subprocess_exec("qemu-io", *options, stdin=pipe, stdout=pipe)
    assert writer.stdin and writer.stdout
    writer.stdin.write(b"write -P 0x44 512M 64k\n")
    while b"wrote" not in await writer.stdout.readline():
        pass
    process = children(driver)._processes["a"]
    process.kill()
    await process.wait()
    writer.kill()
    await writer.wait()
    run("qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0x44 512M 64k", driver.directory / "volume-a.qcow2")


async def test_a_starter_is_asked_for_a_unit_and_its_refusal_is_told(tmp_path: Path, sockets: Path) -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.write(b"Unit is masked.\n" if len(asked) > 2 else b"done\n")
        writer.close()

    path = sockets / "starter"
    async with await asyncio.start_unix_server(answer, path):
        units = Units(str(path))
        await units.start("a", tmp_path, "10.0.0.5", 10810)
        await units.end("a", None)
        with pytest.raises(DriverFailed, match=r"volume b failed: Unit is masked\.$"):
            await units.start("b", tmp_path, "fd00::5", 10811)
    assert asked == ["start a 10.0.0.5 10810", "stop a", "start b [fd00::5] 10811"]
    with pytest.raises(DriverFailed, match="can't be asked for"):
        await Units(str(sockets / "nobody")).end("c", None)
