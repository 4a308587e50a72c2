"""Images made of this host's guests: the disk as a file of its own, then uploaded by the launch token."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from tinstack.compute.drivers.interface import Driver
from tinstack.compute.lease import Lease
from tinstack.conductor.rpc import ServerDetails
from tinstack.core.client import Http, RemoteError

CHUNK = 1 << 20
IMAGE = "image_id"
"""In an operation's data: the image that waits for the data."""

TRIES, AGAIN_SECONDS = 40, 0.5
"""An upload that died is taken back by the image service when it notices."""

UPLOAD_SECONDS = 3600.0


class Snapshots:
    """Every method may be called again."""

    def __init__(self, http: Http, driver: Driver) -> None:
        self._http, self._driver = http, driver

    async def create(self, server: ServerDetails, lease: Lease) -> None:
        """Fill the image. Raises DriverError, RemoteError, LeaseLost."""
        url = f"{server.endpoints['image']}/v2/images/{server.data[IMAGE]}"
        if (await self._http.send("GET", url, token=lease.token, service="image")).json()["status"] == "active":
            return
        lease.reached(0, "image_pending_upload")
        async with self._driver.snapshot(server.id) as path:
            lease.reached(0, "image_uploading")
            await self._upload(f"{url}/file", path, lease)

    async def _upload(self, url: str, path: Path, lease: Lease) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        for last in (False,) * TRIES + (True,):
            try:
                await self._http.send(
                    "PUT",
                    url,
                    token=lease.token,
                    data=_chunks(path),
                    headers=headers,
                    service="image",
                    seconds=UPLOAD_SECONDS,
                )
                return
            except RemoteError as error:
                if error.remote_status != 409 or last:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
