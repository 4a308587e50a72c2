"""One qemu-storage-daemon per volume that is attached: it opens the qcow2 and exports it by NBD, once per attachment.

What it is started with stands in a file, so that whoever starts one again that died gives it all its exports, on its
port. It is spoken to over its QMP socket. Everything may be asked for again.

A write is answered when it is on the disk (``writethrough``): a client that reconnects to another daemon, or to this host
after it was off, never misses what was acknowledged. Source: QEMU, "QEMU Storage Daemon".
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tinstack.volume.drivers.launchers import Launcher
from tinstack.volume.drivers.qmp import ANSWER_SECONDS, DaemonFailed, Monitor, connect

DISK = "disk"
"""The node of the volume's content."""

EXPORT = "attachment-"
"""Before an attachment's id in its export's: QEMU's ids begin with a letter."""

START_SECONDS, LOOK_SECONDS, JOB_SECONDS = 10.0, 0.02, 0.1


class StorageDaemons:
    """``directory``: for their sockets and arguments; ``host``: the address that they listen on; ``ports``: first and last."""

    def __init__(self, directory: Path, host: str, ports: tuple[int, int], launcher: Launcher) -> None:
        self._directory, self.host, self._ports, self.launcher = directory, host, ports, launcher
        self._locks: dict[str, asyncio.Lock] = {}

    async def export(self, volume: str, file: Path, attachment: str, *, writable: bool, port: int | None) -> int:
        """The port on which ``attachment`` is exported; ``port``: where it was before. Raises DaemonFailed."""
        wanted = _export(attachment, writable)
        async with self._lock(volume):
            written, exports = self._read(volume)
            monitor = await self._connect(volume)
            if monitor and written is None:  # nobody knows what it was started with
                await self._quit(volume, monitor)
                monitor = None
            port = (written if monitor else port or written) or self._free_port(volume)
            if monitor is None or exports.get(attachment) != wanted:
                self._write(volume, file, port, {**exports, attachment: wanted})
            monitor = monitor or await self._start(volume, port)
            try:
                if attachment not in await _exported(monitor):
                    await monitor.run("block-export-add", **wanted)
                return port
            finally:
                await monitor.close()

    async def withdraw(self, volume: str, attachment: str) -> None:
        """Not exported any more; with the last export the daemon ends."""
        async with self._lock(volume), self._monitor(volume) as monitor:
            self._forget(volume, attachment)
            if monitor is None:
                if not self._read(volume)[1]:
                    await self.launcher.end(volume, None)
                    self._remove(volume)
                return
            exports = await _exported(monitor)
            if attachment in exports:
                await self._end_export(monitor, attachment)
            if not exports - {attachment}:
                await self._quit(volume, monitor)

    async def exports(self, volume: str) -> set[str]:
        """The attachments for which it is exported, or would be by a daemon that is started again."""
        async with self._lock(volume), self._monitor(volume) as monitor:
            return set(self._read(volume)[1]) | (await _exported(monitor) if monitor else set())

    def volumes(self) -> set[str]:
        """Those that have (or had) a daemon."""
        return {path.stem for path in self._directory.glob("*.*") if path.suffix in (".qmp", ".args")}

    async def resize(self, volume: str, size: int) -> bool:
        """To that many bytes; False where no daemon has it open. Its exports go and come back, as they know only one size:
        guests reconnect. A daemon that dies meanwhile comes back with all of them."""
        async with self._lock(volume), self._monitor(volume) as monitor:
            if monitor is None:
                return False
            for attachment in await _exported(monitor):
                await self._end_export(monitor, attachment)
            try:
                await monitor.run("block_resize", **{"node-name": DISK, "size": size})
            finally:
                for export in self._read(volume)[1].values():
                    await monitor.run("block-export-add", **export)
        return True

    async def copy(self, volume: str, target: Path) -> bool:
        """Its content of this moment into ``target``, an empty qcow2 of its size; False where no daemon has it open.

        The daemon can be spoken to meanwhile.
        """
        node = f"t{target.name[-20:].replace('.', '-')}"[:31]
        async with self._lock(volume), self._monitor(volume) as monitor:
            if monitor is None:
                return False
        await self._forget_copy(volume, node)  # what an earlier process of this service has begun
        try:
            async with self._talk(volume) as monitor:
                place = {"driver": "file", "filename": str(target)}
                await monitor.run("blockdev-add", driver="qcow2", file=place, **{"node-name": node})
                names = {"job-id": node, "auto-dismiss": False}
                await monitor.run("blockdev-backup", device=DISK, target=node, sync="full", **names)
            while True:
                if await self._is_done(volume, node):
                    return True
                await asyncio.sleep(JOB_SECONDS)
        finally:
            with contextlib.suppress(DaemonFailed):
                await self._forget_copy(volume, node)

    async def stop(self) -> None:
        """End those that can't outlive this process: what they export is exported again at its next start."""
        for volume in await self.launcher.stop():
            async with self._lock(volume), self._monitor(volume) as monitor:
                if monitor:
                    await self._quit(volume, monitor)

    # --- inside -----------------------------------------------------------------------------------

    def _lock(self, volume: str) -> asyncio.Lock:
        return self._locks.setdefault(volume, asyncio.Lock())

    def _socket(self, volume: str) -> Path:
        return self._directory / f"{volume}.qmp"

    def _arguments(self, volume: str) -> Path:
        return self._directory / f"{volume}.args"

    def _port_file(self, volume: str) -> Path:
        return self._directory / f"{volume}.port"

    async def _connect(self, volume: str) -> Monitor | None:
        """None where there is no daemon."""
        return await connect(volume, self._socket(volume))

    @asynccontextmanager
    async def _monitor(self, volume: str) -> AsyncIterator[Monitor | None]:
        monitor = await self._connect(volume)
        try:
            yield monitor
        finally:
            if monitor:
                await monitor.close()

    @asynccontextmanager
    async def _talk(self, volume: str) -> AsyncIterator[Monitor]:
        """To a daemon that must be there. Raises DaemonFailed."""
        async with self._lock(volume), self._monitor(volume) as monitor:
            if monitor is None:
                raise DaemonFailed(volume=volume, why="it ended")
            yield monitor

    async def _start(self, volume: str, port: int) -> Monitor:
        self._socket(volume).unlink(missing_ok=True)
        await self.launcher.start(volume, self._arguments(volume), self.host, port)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while (why := await self.launcher.failure(volume)) is None:
                    if monitor := await self._connect(volume):
                        return monitor
                    await asyncio.sleep(LOOK_SECONDS)
                raise DaemonFailed(volume=volume, why=why)
        raise DaemonFailed(volume=volume, why=f"it did not start within {START_SECONDS:g} s")

    def _read(self, volume: str) -> tuple[int | None, dict[str, dict[str, Any]]]:
        """Its port, and its exports by attachment, as they are written."""
        try:
            lines = self._arguments(volume).read_text().splitlines()
            port = int(self._port_file(volume).read_text())
        except (FileNotFoundError, ValueError):
            return None, {}
        options = zip(lines[::2], lines[1::2], strict=False)
        exports = [json.loads(value) for name, value in options if name == "--export"]
        return port, {one["name"]: one for one in exports}

    def _write(self, volume: str, file: Path, port: int, exports: dict[str, dict[str, Any]]) -> None:
        """By rename; what root writes in an operator's name stays the service's."""
        options: list[tuple[str, object]] = [
            ("--blockdev", {"driver": "file", "node-name": "file", "filename": str(file), "aio": "threads"}),
            ("--blockdev", {"driver": "qcow2", "node-name": DISK, "file": "file"}),
            ("--nbd-server", {"addr": self.launcher.address(self.host, port)}),
            *(("--export", export) for export in exports.values()),
            ("--chardev", f"socket,id=qmp,path={_escaped(self._socket(volume))},server=on,wait=off"),
            ("--monitor", "chardev=qmp"),
        ]
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        arguments = "".join(f"{name}\n{_text(value)}\n" for name, value in options)
        for place, text in ((self._port_file(volume), str(port)), (self._arguments(volume), arguments)):
            part = place.with_suffix(".part")
            part.write_text(text)
            if os.geteuid() == 0:
                owner = self._directory.stat()
                os.chown(part, owner.st_uid, owner.st_gid)
            part.rename(place)

    def _forget(self, volume: str, attachment: str) -> None:
        """Out of its arguments; without exports it has none."""
        port, exports = self._read(volume)
        if port is None:
            return
        left = {name: export for name, export in exports.items() if name != attachment}
        if not left:
            self._arguments(volume).unlink()
        elif left != exports:
            self._write(volume, self._file(volume), port, left)

    def _file(self, volume: str) -> Path:
        lines = self._arguments(volume).read_text().splitlines()
        return Path(json.loads(lines[1])["filename"])

    def _free_port(self, volume: str) -> int:
        first, last = self._ports
        taken = {self._read(path.stem)[0] for path in self._directory.glob("*.port") if path.stem != volume}
        for port in (one for one in range(first, last + 1) if one not in taken):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.host, port))
                except OSError:
                    continue
                return port
        raise DaemonFailed(volume=volume, why=f"no port is free from {first} to {last} on {self.host}")

    async def _end_export(self, monitor: Monitor, attachment: str) -> None:
        await monitor.run("block-export-del", id=EXPORT + attachment, mode="hard")
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                if attachment not in await _exported(monitor):
                    return
                await asyncio.sleep(LOOK_SECONDS)

    async def _is_done(self, volume: str, job: str) -> bool:
        async with self._talk(volume) as monitor:
            state = await _job(monitor, job)
        if state is None:
            raise DaemonFailed(volume=volume, why="it was started anew meanwhile")
        if state.get("error"):
            raise DaemonFailed(volume=volume, why=state["error"])
        return bool(state["status"] == "concluded")

    async def _forget_copy(self, volume: str, node: str) -> None:
        """Neither the job nor its target are there."""
        async with self._talk(volume) as monitor:
            while state := await _job(monitor, node):
                if state["status"] == "concluded":
                    await monitor.run("job-dismiss", id=node)
                    break
                await monitor.run("job-cancel", id=node)
                await asyncio.sleep(LOOK_SECONDS)
            if node in {one["node-name"] for one in await monitor.run("query-named-block-nodes", flat=True)}:
                await monitor.run("blockdev-del", **{"node-name": node})

    async def _quit(self, volume: str, monitor: Monitor) -> None:
        """Its arguments go first: one without them is not started again."""
        self._arguments(volume).unlink(missing_ok=True)
        await self.launcher.end(volume, monitor)
        async with asyncio.timeout(ANSWER_SECONDS):
            while (left := await self._connect(volume)) is not None:
                await left.close()
                await asyncio.sleep(LOOK_SECONDS)
        self._remove(volume)

    def _remove(self, volume: str) -> None:
        for path in (self._socket(volume), self._port_file(volume), self._arguments(volume)):
            path.unlink(missing_ok=True)


def _export(attachment: str, writable: bool) -> dict[str, Any]:
    """What QEMU is told of one."""
    fixed = {"type": "nbd", "node-name": DISK, "writethrough": True}
    return {"id": EXPORT + attachment, "name": attachment, "writable": writable, **fixed}


async def _job(monitor: Monitor, id: str) -> dict[str, Any] | None:
    """None where there is none."""
    jobs: list[dict[str, Any]] = await monitor.run("query-jobs")
    return next((one for one in jobs if one["id"] == id), None)


async def _exported(monitor: Monitor) -> set[str]:
    """The attachments."""
    return {one["id"].removeprefix(EXPORT) for one in await monitor.run("query-block-exports")}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _escaped(path: Path) -> str:
    """A comma in an option's value is written twice."""
    return str(path).replace(",", ",,")
