"""The data of images: upload, format inspection, download."""

import asyncio
import hashlib
import struct
from pathlib import Path
from typing import Any

import pytest

from tinstack.core.context import Context
from tinstack.image.rows import SAVING

MI = 1024 * 1024


def qcow2(size: int = 64 * MI, *, version: int = 3, backing: int = 0, incompatible: int = 0) -> bytes:
    head = b"QFI\xfb" + struct.pack(">IQIIQ", version, backing, 0, 16, size)
    return head.ljust(72, b"\0") + struct.pack(">Q", incompatible) + bytes(2000)


def vmdk(kind: str = "monolithicSparse", extent: str = 'RW 128 SPARSE "x.vmdk"') -> bytes:
    text = f'# Disk DescriptorFile\nversion=1\ncreateType="{kind}"\n{extent}\n'.encode()
    return struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 128, 128, 1, 20).ljust(512, b"\0") + text.ljust(20 * 512, b"\0")


def vhd(kind: int = 3) -> bytes:
    footer = bytearray(512)
    footer[:8] = b"conectix"
    footer[48:56] = struct.pack(">Q", 77 * 512)
    footer[60:64] = struct.pack(">I", kind)
    return bytes(footer) + bytes(2048)


def vdi() -> bytes:
    head = bytearray(1024)
    head[64:68] = b"\x7f\x10\xda\xbe"
    head[0x170:0x178] = struct.pack("<Q", 4 * MI)
    return bytes(head)


def iso() -> bytes:
    return bytes(32768) + b"\x01CD001\x01" + bytes(4096)


def partitioned() -> bytes:
    head = bytearray(512)
    head[446], head[450], head[510:512] = 0x80, 0x83, b"\x55\xaa"
    return bytes(head) + bytes(4096)


async def test_upload_and_download(client: Any, parts: Any, stored: Any) -> None:
    data = bytes(range(256)) * 8000
    image = await client.create(data=data)
    shown = (await client("GET", image["self"])).json
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", len(data), len(data))
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert (shown["os_hash_algo"], shown["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())
    got = await client("GET", image["file"])
    assert got.status_code == 200
    assert got.content == data
    assert got.headers["content-md5"] == shown["checksum"]
    assert got.headers["content-length"] == str(len(data))
    assert (await client.upload(image["id"], data)).status_code == 409
    assert (await client("DELETE", image["self"])).status_code == 204
    assert stored() == []


@pytest.mark.parametrize(
    "asked, status, part, shown",
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("lines=1-2", 416, None, "bytes */10"),
    ],
)
async def test_ranges(client: Any, asked: str, status: int, part: bytes | None, shown: str) -> None:
    image = await client.create(data=b"0123456789")
    got = await client("GET", image["file"], headers={"Range": asked})
    assert (got.status_code, got.headers["content-range"]) == (status, shown)
    assert part is None or got.content == part


async def test_without_data_there_is_no_content(client: Any) -> None:
    image = await client.create()
    answer = await client("GET", image["file"])
    assert (answer.status_code, answer.content) == (204, b"")


async def test_data_need_formats_and_the_right_media_type(client: Any) -> None:
    bare = (await client("POST", "/v2/images", {"name": "x"})).json
    assert (await client.upload(bare["id"], b"x")).status_code == 400
    image = await client.create()
    answer = await client("PUT", image["file"], data=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_too_large_an_image_is_queued_again(client: Any, parts: Any, stored: Any) -> None:
    image = await client.create()
    assert (await client.upload(image["id"], bytes(8 * MI + 1))).status_code == 413
    assert (await client("GET", image["self"])).json["status"] == "queued"
    assert stored() == []


@pytest.mark.parametrize(
    "disk_format, data, virtual_size",
    [
        ("raw", b"anything", 8),
        ("raw", partitioned(), 4608),
        ("ami", b"anything", 8),
        ("qcow2", qcow2(), 64 * MI),
        ("qcow2", qcow2(version=2), 64 * MI),
        ("vmdk", vmdk(), 128 * 512),
        ("vmdk", vmdk("streamOptimized"), 128 * 512),
        ("vhd", vhd(), 77 * 512),
        ("vhd", (vhd()[512:] + vhd()[:512]), 77 * 512),
        ("vdi", vdi(), 4 * MI),
        ("iso", iso(), len(iso())),
    ],
)
async def test_what_the_data_are(client: Any, disk_format: str, data: bytes, virtual_size: int) -> None:
    container = "ami" if disk_format == "ami" else "bare"
    image = await client.create(disk_format=disk_format, container_format=container, data=data)
    assert (await client("GET", image["self"])).json["virtual_size"] == virtual_size


@pytest.mark.parametrize(
    "disk_format, data",
    [
        ("qcow2", b"no header at all"),
        ("qcow2", qcow2()[:20]),
        ("qcow2", qcow2(backing=100)),
        ("qcow2", qcow2(incompatible=4)),
        ("qcow2", qcow2(incompatible=1 << 40)),
        ("qcow2", qcow2(version=9)),
        ("raw", qcow2()),
        ("raw", vmdk()),
        ("raw", iso()),
        ("raw", vhd()),
        ("raw", vdi()),
        ("raw", b"LUKS\xba\xbe" + bytes(1000)),
        ("vmdk", vmdk("monolithicFlat", 'RW 128 FLAT "/etc/shadow" 0')),
        ("vmdk", vmdk(extent='RW 128 SPARSE "/etc/shadow"')),
        ("vmdk", vmdk(extent='RW 1 SPARSE "a"\nRW 1 FLAT "b"')),
        ("vmdk", b'# Disk DescriptorFile\ncreateType="monolithicFlat"\nRW 128 FLAT "/etc/shadow" 0\n'),
        ("vhd", vhd(4)),
        ("vhdx", b"vhdxfile" + bytes(100)),
        ("iso", qcow2()),
    ],
)
async def test_what_is_refused_leaves_the_image_queued(
    client: Any, parts: Any, stored: Any, disk_format: str, data: bytes
) -> None:
    image = await client.create(disk_format=disk_format)
    assert (await client.upload(image["id"], data)).status_code == 415
    assert (await client("GET", image["self"])).json["status"] == "queued"
    assert stored() == []


async def test_deactivated_data_are_for_admins_only(client: Any) -> None:
    image = await client.create(data=b"data", visibility="community")
    for _ in range(2):
        assert (await client("POST", f"{image['self']}/actions/deactivate")).status_code == 204
    assert (await client("GET", image["file"])).status_code == 403
    assert (await client("GET", image["file"], token="admin")).content == b"data"
    assert (await client("POST", f"{image['self']}/actions/reactivate", token="bob")).status_code == 403
    assert (await client("POST", f"{image['self']}/actions/reactivate")).status_code == 204
    assert (await client("GET", image["file"])).content == b"data"
    queued = await client.create()
    assert (await client("POST", f"{queued['self']}/actions/deactivate")).status_code == 403


async def test_an_upload_that_died_is_taken_back(client: Any, parts: Any) -> None:
    image = await client.create()
    assert await parts.images.swap(image["id"], "queued", SAVING)
    left = Path(parts.stores.default.directory) / f"{image['id']}.0123.part"
    left.write_bytes(b"half")
    await parts.images.sweep()
    assert (await client("GET", image["self"])).json["status"] == "queued"
    assert not left.exists()


async def test_a_cut_upload_is_no_upload(client: Any, parts: Any, stored: Any) -> None:
    image = await client.create()
    row = await parts.images.visible(Context(user_id="alice", project_id="p1"), image["id"])

    async def cut() -> Any:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await parts.images.upload(row, cut(), "file")
    assert (await client("GET", image["self"])).json["status"] == "queued"
    assert stored() == []


async def imported(client: Any, image: Any) -> str:
    """The status after the import ended."""
    async with asyncio.timeout(60):
        while True:
            status = str((await client("GET", image["self"])).json["status"])
            if status != "importing":
                return status
            await asyncio.sleep(0.005)


async def test_staged_data_are_imported(client: Any, stored: Any) -> None:
    image = await client.create()
    assert (await client("POST", f"{image['self']}/import", {"method": {"name": "glance-direct"}})).status_code == 409
    octets = {"Content-Type": "application/octet-stream"}
    assert (await client("PUT", f"{image['self']}/stage", data=b"data", headers=octets)).status_code == 204
    assert (await client("GET", image["self"])).json["status"] == "uploading"
    assert (await client("POST", f"{image['self']}/import", {"method": {"name": "magic"}})).status_code == 400
    body = {"method": {"name": "glance-direct"}, "stores": ["file"]}
    assert (await client("POST", f"{image['self']}/import", {**body, "stores": ["none"]})).status_code == 409
    assert (await client("POST", f"{image['self']}/import", body)).status_code == 202
    assert await imported(client, image) == "active"
    assert (await client("GET", image["file"])).content == b"data"
    assert stored() == [image["id"]]


async def test_an_import_of_disguised_data_leaves_nothing(client: Any, stored: Any) -> None:
    image = await client.create()
    octets = {"Content-Type": "application/octet-stream"}
    await client("PUT", f"{image['self']}/stage", data=qcow2(), headers=octets)
    await client("POST", f"{image['self']}/import", {"method": {"name": "glance-direct"}})
    assert await imported(client, image) == "queued"
    assert stored() == []
