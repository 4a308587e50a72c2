"""Several stores, imports from the web, copies, conversion and their tasks."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp.web
import pytest

from tinstack.image import tables
from tinstack.image.config import DownloadConfig
from tinstack.image.download import DownloadFailed, Downloads
from tinstack.image.errors import Invalid
from tinstack.image.parts import Parts

from .conftest import Client, Tokens

DATA = b"x" * 100_000


@pytest.fixture
async def web() -> AsyncIterator[str]:
    """A web server on loopback: /data, /far (a redirect to it), /loop, anything else is 404."""

    async def data(request: Any) -> aiohttp.web.Response:
        return aiohttp.web.Response(body=DATA)

    async def far(request: Any) -> aiohttp.web.Response:
        raise aiohttp.web.HTTPFound("/data")

    async def loop(request: Any) -> aiohttp.web.Response:
        raise aiohttp.web.HTTPFound("/loop")

    app = aiohttp.web.Application()
    app.add_routes(
        [aiohttp.web.get(path, handler) for path, handler in (("/data", data), ("/far", far), ("/loop", loop))]
    )
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _import(client: Client, image: Any, token: str = "alice", **body: Any) -> int:
    return int((await client("POST", f"{image['self']}/import", body, token=token)).status_code)


async def _finished(client: Client, parts: Parts, image: Any) -> Any:
    await asyncio.gather(*parts.imports._running)
    return (await client("GET", image["self"], token="admin")).json


async def _task(client: Client, image: Any) -> Any:
    return (await client("GET", f"{image['self']}/tasks")).json["tasks"][-1]


@pytest.mark.parametrize("path", ["/data", "/far"])
async def test_data_come_from_the_web(client: Client, parts: Parts, web: str, path: str) -> None:
    image = await client.create()
    assert await _import(client, image, method={"name": "web-download", "uri": web + path}) == 202
    shown = await _finished(client, parts, image)
    assert shown["status"] == "active"
    assert shown["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    assert shown["stores"] == "file"
    task = await _task(client, image)
    assert task["status"] == "success"
    assert task["input"]["import_req"]["method"]["name"] == "web-download"


@pytest.mark.parametrize("path", ["/none", "/loop"])
async def test_data_that_are_not_there_leave_the_image_queued(
    client: Client, parts: Parts, web: str, path: str
) -> None:
    image = await client.create()
    assert await _import(client, image, method={"name": "web-download", "uri": web + path}) == 202
    shown = await _finished(client, parts, image)
    assert shown["status"] == "queued"
    assert shown["os_glance_failed_import"] == "file"
    assert (await _task(client, image))["status"] == "failure"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "http://",
        "http://user:secret@example.com/x",
        "http://127.0.0.1/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/x",
        "http://example.com:22/x",
        "http://blocked.example/x",
        "http://example.com:99999/x",
    ],
)
def test_what_must_not_be_fetched(uri: str) -> None:
    with pytest.raises(Invalid):
        Downloads(DownloadConfig(blocked_hosts=["blocked.example"])).check(uri)


async def test_a_name_for_an_internal_address_is_refused_when_it_is_looked_up(web: str) -> None:
    downloads = Downloads(DownloadConfig(allowed_ports=[]))
    uri = web.replace("127.0.0.1", "localhost") + "/data"
    downloads.check(uri)
    with pytest.raises(DownloadFailed):
        async with downloads.open(uri):
            pass
    async with Downloads(DownloadConfig(allowed_ports=[], internal_addresses=True)).open(uri) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == DATA


async def test_an_image_is_imported_to_all_stores_and_deleted_from_one(client: Client, parts: Parts, web: str) -> None:
    image = await client.create()
    method = {"name": "web-download", "uri": f"{web}/data"}
    assert await _import(client, image, method=method, all_stores=True) == 202
    assert (await _finished(client, parts, image))["stores"] == "file,other"
    path = f"/v2/stores/{{}}/{image['id']}"
    assert (await client("DELETE", path.format("file"))).status_code == 403
    assert (await client("DELETE", path.format("none"), token="admin")).status_code == 404
    assert (await client("DELETE", path.format("file"), token="admin")).status_code == 204
    assert (await client("GET", image["self"])).json["stores"] == "other"
    assert (await client("GET", f"{image['self']}/file")).content == DATA
    assert (await client("DELETE", path.format("other"), token="admin")).status_code == 403
    assert (await client("DELETE", image["self"])).status_code == 204
    assert not parts.stores.files["other"].path(image["id"]).exists()


async def test_an_active_image_is_copied_to_the_stores_that_lack_it(client: Client, parts: Parts) -> None:
    image = await client.create(data=DATA)
    copy: dict[str, Any] = {"method": {"name": "copy-image"}, "all_stores": True}
    assert await _import(client, image, **copy) == 403
    assert await _import(client, image, token="admin", **copy) == 202
    shown = await _finished(client, parts, image)
    assert shown["stores"] == "file,other"
    assert shown["os_glance_importing_to_stores"] == shown["os_glance_failed_import"] == ""
    named: dict[str, Any] = {"method": {"name": "copy-image"}, "stores": ["other"]}
    assert await _import(client, image, token="admin", **named) == 400


async def test_a_copy_that_is_not_what_the_image_was_is_no_copy(client: Client, parts: Parts) -> None:
    image = await client.create(data=DATA)
    await asyncio.to_thread(parts.stores.default.path(image["id"]).write_bytes, b"y" * len(DATA))
    copy: dict[str, Any] = {"method": {"name": "copy-image"}, "all_stores": True}
    assert await _import(client, image, token="admin", **copy) == 202
    shown = await _finished(client, parts, image)
    assert (shown["status"], shown["stores"], shown["os_glance_failed_import"]) == ("active", "file", "other")
    assert not parts.stores.files["other"].path(image["id"]).exists()


async def test_an_upload_names_its_store(client: Client, parts: Parts) -> None:
    image = await client.create()
    headers = {"Content-Type": "application/octet-stream", "X-Image-Meta-Store": "none"}
    assert (await client("PUT", f"{image['self']}/file", data=b"d", headers=headers)).status_code == 400
    headers["X-Image-Meta-Store"] = "other"
    assert (await client("PUT", f"{image['self']}/file", data=b"d", headers=headers)).status_code == 204
    assert (await client("GET", image["self"])).json["stores"] == "other"


async def test_a_task_makes_an_image(client: Client, parts: Parts, web: str) -> None:
    properties = {"name": "n", "disk_format": "raw", "container_format": "bare"}
    given = {"import_from": f"{web}/data", "import_from_format": "raw", "image_properties": properties}
    assert (await client("POST", "/v2/tasks", {"type": "import", "input": given})).status_code == 403
    partly = {"type": "import", "input": {"import_from": web}}
    assert (await client("POST", "/v2/tasks", partly, token="admin")).status_code == 400
    made = await client("POST", "/v2/tasks", {"type": "import", "input": given}, token="admin")
    assert made.status_code == 201
    await asyncio.gather(*parts.imports._running)
    task = (await client("GET", f"/v2/tasks/{made.json['id']}", token="admin")).json
    assert task["status"] == "success"
    image = (await client("GET", f"/v2/images/{task['result']['image_id']}", token="admin")).json
    assert (image["status"], image["size"]) == ("active", len(DATA))
    listed = (await client("GET", "/v2/tasks?limit=1", token="admin")).json
    assert [one["id"] for one in listed["tasks"]] == [task["id"]]
    assert (await client("GET", "/v2/tasks/unknown", token="admin")).status_code == 404


async def test_a_task_whose_service_ended_has_failed(client: Client, parts: Parts) -> None:
    image = await client.create(data=DATA)
    context = Tokens.contexts["admin"]
    task = await parts.tasks.create(context, "api_image_import", {}, image["id"], "req-1")
    await parts.images.say(image["id"], {"os_glance_importing_to_stores": "other"})
    await parts.imports.sweep()
    assert (await parts.tasks.one(task.id)).status == "pending"
    await _age(parts, task.id)
    await parts.imports.sweep()
    assert (await parts.tasks.one(task.id)).status == "failure"
    assert (await client("GET", image["self"])).json["os_glance_importing_to_stores"] == ""


async def _age(parts: Parts, id: str) -> None:
    old = tables.tasks.update().where(tables.tasks.c.id == id).values(updated_at=1)

    async def work(tx: Any) -> None:
        await tx.run(old)

    await parts.database.transact(work)


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="there is no qemu-img here")
async def test_imported_data_are_converted_after_a_look_at_them(client: Client, parts: Parts, tmp_path: Path) -> None:
    parts.imports._convert_to = "raw"
    disk = tmp_path / "disk.qcow2"
    process = await asyncio.create_subprocess_exec("qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M")
    assert await process.wait() == 0
    octets = {"Content-Type": "application/octet-stream"}
    for content, status in ((await asyncio.to_thread(disk.read_bytes), "active"), (b"no disk", "queued")):
        image = await client.create(disk_format="qcow2")
        assert (await client("PUT", f"{image['self']}/stage", data=content, headers=octets)).status_code == 204
        assert await _import(client, image, method={"name": "glance-direct"}) == 202
        shown = await _finished(client, parts, image)
        assert shown["status"] == status
        if status == "active":
            assert (shown["disk_format"], shown["size"]) == ("raw", 1024 * 1024)
    assert not list(parts.stores.default.directory.glob("*.staged*"))
