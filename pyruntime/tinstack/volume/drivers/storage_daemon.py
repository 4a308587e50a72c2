"""One qemu-storage-daemon per volume that is attached: it opens the qcow2 and exports it by NBD, once per attachment.

What it does stands in a file, and what it is started with in another, so that whoever starts one again that died gives
it all its exports, on its port. It is spoken to over its QMP socket. Everything may be asked for again.

A write is answered when it is on the disk (``writethrough``): a client that reconnects to another daemon, or to this host
after it was off, never misses what was acknowledged. Source: QEMU, "QEMU Storage Daemon".
"""

import asyncio
import contextlib
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tinstack.volume.drivers.launchers import Launcher
from tinstack.volume.drivers.qmp import ANSWER_SECONDS, DaemonFailed, Monitor, connect

DISK = "disk"
"""The node of the volume's content."""

EXPORT = "attachment-"
"""Before an attachment's id in its export's: QEMU's ids begin with a letter."""

PEERS = "peers"
"""QEMU's list of who may connect."""

HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")

START_SECONDS, LOOK_SECONDS, JOB_SECONDS = 10.0, 0.02, 0.1


class Export(msgspec.Struct, frozen=True):
    """``peer``: the host that it is for."""

    writable: bool
    peer: str


class Daemon(msgspec.Struct):
    """What one does; ``exports`` by attachment."""

    file: str
    port: int
    exports: dict[str, Export] = {}


class StorageDaemons:
    """``directory``: for their sockets and arguments; ``host``: the address that they listen on; ``ports``: first and last.

    ``tls``: the folder of certificate and key; none but the hosts that a volume is exported for are served then.
    """

    def __init__(
        self, directory: Path, host: str, ports: tuple[int, int], launcher: Launcher, tls: str | None = None
    ) -> None:
        self._directory, self.host, self._ports, self.launcher, self.tls = directory, host, ports, launcher, tls
        self._locks: dict[str, asyncio.Lock] = {}

    async def export(self, volume: str, file: Path, attachment: str, wanted: Export, port: int | None) -> int:
        """The port on which ``attachment`` is exported; ``port``: where it was before. Raises DaemonFailed."""
        async with self._lock(volume):
            known = self._read(volume)
            monitor = await self._connect(volume)
            if monitor and known is None:  # nobody knows what it was started with
                await self._quit(volume, monitor)
                monitor = None
            old = known.port if known else None
            port = (old if monitor else port or old) or self._free_port(volume)
            before = known.exports if known else {}
            daemon = Daemon(str(file), port, {**before, attachment: wanted})
            if monitor is None or daemon != known:
                self._write(volume, daemon)
            monitor = monitor or await self._start(volume, port)
            try:
                if before != daemon.exports:
                    await self._serve_only(monitor, daemon)
                if attachment not in await _exported(monitor):
                    await monitor.run("block-export-add", **_export(attachment, wanted))
                return port
            finally:
                await monitor.close()

    async def withdraw(self, volume: str, attachment: str) -> None:
        """Not exported any more; with the last export the daemon ends."""
        async with self._lock(volume), self._monitor(volume) as monitor:
            daemon = self._read(volume)
            if daemon and attachment in daemon.exports:
                del daemon.exports[attachment]
                self._write(volume, daemon)
            if monitor is None:
                if daemon is None or not daemon.exports:
                    await self._quit(volume, None)
                return
            exports = await _exported(monitor)
            if attachment in exports:
                await self._end_export(monitor, attachment)
            if not exports - {attachment}:
                await self._quit(volume, monitor)
            elif daemon:
                await self._serve_only(monitor, daemon)

    async def exports(self, volume: str) -> set[str]:
        """The attachments for which it is exported, or would be by a daemon that is started again."""
        async with self._lock(volume), self._monitor(volume) as monitor:
            daemon = self._read(volume)
            return set(daemon.exports if daemon else ()) | (await _exported(monitor) if monitor else set())

    def volumes(self) -> set[str]:
        """Those that have (or had) a daemon."""
        return {path.stem for path in self._directory.glob("*.*") if path.suffix in (".qmp", ".json")}

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
                daemon = self._read(volume)
                for attachment, export in daemon.exports.items() if daemon else ():
                    await monitor.run("block-export-add", **_export(attachment, export))
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

    def _file(self, volume: str) -> Path:
        return self._directory / f"{volume}.json"

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

    def _read(self, volume: str) -> Daemon | None:
        try:
            return msgspec.json.decode(self._file(volume).read_bytes(), type=Daemon)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _write(self, volume: str, daemon: Daemon) -> None:
        """What it does and what it is started with, by rename; what root writes in an operator's name stays the service's."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        arguments = "".join(f"{name}\n{_text(value)}\n" for name, value in self._options(volume, daemon))
        texts = {self._file(volume): msgspec.json.encode(daemon), self._arguments(volume): arguments.encode()}
        for place, text in texts.items():
            part = place.with_suffix(".part")
            part.write_bytes(text)
            if os.geteuid() == 0:
                owner = self._directory.stat()
                os.chown(part, owner.st_uid, owner.st_gid)
            part.rename(place)

    def _options(self, volume: str, daemon: Daemon) -> list[tuple[str, object]]:
        server: dict[str, object] = {"addr": self.launcher.address(self.host, daemon.port)}
        objects: list[tuple[str, object]] = []
        if self.tls:
            key = {"qom-type": "tls-creds-x509", "id": "tls", "dir": self.tls, "endpoint": "server"}
            objects = [("--object", {**key, "verify-peer": True}), ("--object", _peers(daemon))]
            server |= {"tls-creds": "tls", "tls-authz": PEERS}
        return [
            *objects,
            ("--blockdev", {"driver": "file", "node-name": "file", "filename": daemon.file, "aio": "threads"}),
            ("--blockdev", {"driver": "qcow2", "node-name": DISK, "file": "file"}),
            ("--nbd-server", server),
            *(("--export", _export(attachment, export)) for attachment, export in daemon.exports.items()),
            ("--chardev", f"socket,id=qmp,path={_escaped(self._socket(volume))},server=on,wait=off"),
            ("--monitor", "chardev=qmp"),
        ]

    async def _serve_only(self, monitor: Monitor, daemon: Daemon) -> None:
        """The hosts that it is exported for; who is connected stays."""
        if self.tls:
            await monitor.run("object-del", id=PEERS)
            await monitor.run("object-add", **_peers(daemon))

    def _free_port(self, volume: str) -> int:
        first, last = self._ports
        others = (self._read(path.stem) for path in self._directory.glob("*.json") if path.stem != volume)
        taken = {one.port for one in others if one}
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

    async def _quit(self, volume: str, monitor: Monitor | None) -> None:
        """Its arguments go first: one without them is not started again."""
        self._arguments(volume).unlink(missing_ok=True)
        await self.launcher.end(volume, monitor)
        async with asyncio.timeout(ANSWER_SECONDS):
            while (left := await self._connect(volume)) is not None:
                await left.close()
                await asyncio.sleep(LOOK_SECONDS)
        for path in (self._socket(volume), self._file(volume)):
            path.unlink(missing_ok=True)


def _export(attachment: str, export: Export) -> dict[str, Any]:
    """What QEMU is told of one."""
    fixed = {"type": "nbd", "node-name": DISK, "writethrough": True}
    return {"id": EXPORT + attachment, "name": attachment, "writable": export.writable, **fixed}


def _peers(daemon: Daemon) -> dict[str, Any]:
    """Who may connect: by the common name of its certificate, which is the last of its names."""
    names = sorted({export.peer for export in daemon.exports.values() if HOST_NAME.fullmatch(export.peer)})
    kinds = (("CN={}", "exact"), ("*,CN={}", "glob"))
    rules = [{"match": text.format(name), "policy": "allow", "format": kind} for name in names for text, kind in kinds]
    return {"qom-type": "authz-list", "id": PEERS, "policy": "deny", "rules": rules}


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
