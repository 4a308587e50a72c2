"""One qemu-storage-daemon per volume that is attached: it opens the qcow2 and exports it by NBD, once per attachment.

It is spoken to over its QMP socket, so that one that outlived this process is found again. Everything may be asked for
again. Source: QEMU, "QEMU Storage Daemon" and "QEMU QMP Reference Manual".
"""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tinstack.volume.drivers.interface import DriverFailed

log = logging.getLogger(__name__)

DISK = "disk"
"""The node of the volume's content."""

EXPORT = "attachment-"
"""Before an attachment's id in its export's: QEMU's ids begin with a letter."""

START_SECONDS, LOOK_SECONDS, ANSWER_SECONDS = 10.0, 0.02, 30.0
LEAST_MESSAGE = 1 << 20


class DaemonFailed(DriverFailed):
    message = "The storage daemon of volume {volume} failed: {why}"


class Monitor:
    """A QMP connection."""

    def __init__(self, volume: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._volume, self._reader, self._writer = volume, reader, writer

    async def run(self, command: str, **arguments: Any) -> Any:
        """What it returns. Raises DaemonFailed."""
        self._writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._writer.drain()
                while line := await self._reader.readline():
                    answer = json.loads(line)
                    if "return" in answer:
                        return answer["return"]
                    if "error" in answer:
                        raise DaemonFailed(volume=self._volume, why=answer["error"]["desc"])
        except (OSError, TimeoutError) as error:
            raise DaemonFailed(volume=self._volume, why=str(error) or "it did not answer") from error
        raise DaemonFailed(volume=self._volume, why="it ended")

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class StorageDaemons:
    """``directory``: for their sockets; ``host``: the address that they listen on; ``ports``: first and last of theirs."""

    def __init__(
        self, directory: Path, host: str, ports: tuple[int, int], program: str = "qemu-storage-daemon"
    ) -> None:
        self._directory, self.host, self._ports, self._program = directory, host, ports, program
        self._locks: dict[str, asyncio.Lock] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def export(self, volume: str, file: Path, attachment: str, *, writable: bool, port: int | None) -> int:
        """The port on which ``attachment`` is exported; ``port``: where it was before. Raises DaemonFailed."""
        async with self._lock(volume):
            monitor = await self._connect(volume) or await self._start(volume, file, port)
            try:
                if attachment not in await _exported(monitor):
                    await monitor.run(
                        "block-export-add",
                        id=EXPORT + attachment,
                        name=attachment,
                        type="nbd",
                        writable=writable,
                        **{"node-name": DISK},
                    )
                return int(self._port_file(volume).read_text())
            finally:
                await monitor.close()

    async def withdraw(self, volume: str, attachment: str) -> None:
        """Not exported any more; with the last export the daemon ends."""
        async with self._lock(volume):
            monitor = await self._connect(volume)
            if monitor is None:
                return
            try:
                exports = await _exported(monitor)
                if attachment in exports:
                    await monitor.run("block-export-del", id=EXPORT + attachment, mode="hard")
                    await self._until_gone(monitor, attachment)
                if not exports - {attachment}:
                    await self._quit(volume, monitor)
            finally:
                await monitor.close()

    async def keep(self, volume: str, attachments: Collection[str]) -> None:
        """No other exports than these; a daemon without any ends."""
        exports = await self.exports(volume)
        if exports is None:
            return
        for one in (exports - set(attachments)) or ({""} if not exports else set()):
            await self.withdraw(volume, one)

    async def exports(self, volume: str) -> set[str] | None:
        """The attachments for which it is exported; None where there is no daemon."""
        monitor = await self._connect(volume)
        if monitor is None:
            return None
        try:
            return await _exported(monitor)
        finally:
            await monitor.close()

    def volumes(self) -> set[str]:
        """Those that have (or had) a daemon."""
        return {path.name.removesuffix(".qmp") for path in self._directory.glob("*.qmp")}

    async def copy(self, volume: str, target: Path) -> bool:
        """Its content of this moment into ``target``, an empty qcow2 of its size; False where no daemon has it open."""
        async with self._lock(volume):
            monitor = await self._connect(volume)
            if monitor is None:
                return False
            node, job = f"t{target.name[-20:].replace('.', '-')}"[:31], "copy"
            try:
                place = {"driver": "file", "filename": str(target)}
                await monitor.run("blockdev-add", driver="qcow2", file=place, **{"node-name": node})
                try:
                    names = {"job-id": job, "auto-dismiss": False}
                    await monitor.run("blockdev-backup", device=DISK, target=node, sync="full", **names)
                    await self._until_done(volume, monitor, job)
                finally:
                    await monitor.run("blockdev-del", **{"node-name": node})
            finally:
                await monitor.close()
        return True

    async def stop(self) -> None:
        """End those that this process began: what they export is exported again at its next start."""
        for volume in list(self._processes):
            async with self._lock(volume):
                if monitor := await self._connect(volume):
                    await self._quit(volume, monitor)
                    await monitor.close()

    # --- inside -----------------------------------------------------------------------------------

    def _lock(self, volume: str) -> asyncio.Lock:
        return self._locks.setdefault(volume, asyncio.Lock())

    def _socket(self, volume: str) -> Path:
        return self._directory / f"{volume}.qmp"

    def _port_file(self, volume: str) -> Path:
        return self._directory / f"{volume}.port"

    async def _connect(self, volume: str) -> Monitor | None:
        """None where there is no daemon."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket(volume), limit=LEAST_MESSAGE)
        except OSError:
            return None
        monitor = Monitor(volume, reader, writer)
        await reader.readline()
        await monitor.run("qmp_capabilities")
        return monitor

    async def _start(self, volume: str, file: Path, port: int | None) -> Monitor:
        chosen = self._free_port(volume, port)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._socket(volume).unlink(missing_ok=True)
        self._port_file(volume).write_text(str(chosen))
        process = await self._spawn(volume, file, chosen)
        self._processes[volume] = process
        try:
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None:
                    monitor = await self._connect(volume)
                    if monitor:
                        return monitor
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            process.kill()
        assert process.stderr
        said = (await process.stderr.read(2000)).decode(errors="replace").strip()
        self._processes.pop(volume, None)
        raise DaemonFailed(volume=volume, why=said[-300:] or "it did not start")

    async def _spawn(self, volume: str, file: Path, port: int) -> asyncio.subprocess.Process:
        arguments = [
            "--blockdev", f"driver=file,node-name=file,filename={_escaped(file)},aio=threads",
            "--blockdev", f"driver=qcow2,node-name={DISK},file=file",
            "--nbd-server", f"addr.type=inet,addr.host={self.host},addr.port={port}",
            "--chardev", f"socket,id=qmp,path={_escaped(self._socket(volume))},server=on,wait=off",
            "--monitor", "chardev=qmp",
        ]  # fmt: skip
        nothing = asyncio.subprocess.DEVNULL
        try:
            return await asyncio.create_subprocess_exec(
                self._program, *arguments, stdin=nothing, stdout=nothing, stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DaemonFailed(volume=volume, why=f"{self._program} can't be run: {error.strerror}") from error

    def _free_port(self, volume: str, wanted: int | None) -> int:
        first, last = self._ports
        taken = {int(path.read_text() or 0) for path in self._directory.glob("*.port") if path.stem != volume}
        order = [wanted] if wanted else []
        for port in order + [one for one in range(first, last + 1) if one not in taken]:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.host, port))
                except OSError as error:
                    if port == wanted:
                        raise DaemonFailed(volume=volume, why=f"its port {port} is taken: {error.strerror}") from error
                    continue
                return port
        raise DaemonFailed(volume=volume, why=f"no port is free from {first} to {last} on {self.host}")

    async def _until_gone(self, monitor: Monitor, attachment: str) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                if attachment not in await _exported(monitor):
                    return
                await asyncio.sleep(LOOK_SECONDS)

    async def _until_done(self, volume: str, monitor: Monitor, job: str) -> None:
        while True:
            [state] = [one for one in await monitor.run("query-jobs") if one["id"] == job]
            if state["status"] == "concluded":
                await monitor.run("job-dismiss", id=job)
                if state.get("error"):
                    raise DaemonFailed(volume=volume, why=state["error"])
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _quit(self, volume: str, monitor: Monitor) -> None:
        with contextlib.suppress(DaemonFailed):
            await monitor.run("quit")
        process = self._processes.pop(volume, None)
        if process:
            try:
                await asyncio.wait_for(process.wait(), ANSWER_SECONDS)
            except TimeoutError:
                process.kill()
        self._socket(volume).unlink(missing_ok=True)
        self._port_file(volume).unlink(missing_ok=True)


async def _exported(monitor: Monitor) -> set[str]:
    """The attachments."""
    return {one["id"].removeprefix(EXPORT) for one in await monitor.run("query-block-exports")}


def _escaped(path: Path) -> str:
    """A comma in an option's value is written twice."""
    return str(path).replace(",", ",,")
