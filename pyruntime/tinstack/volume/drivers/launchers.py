"""Who runs the storage daemons: systemd as units of their own on hosts, this process itself elsewhere (dev, tests)."""

import asyncio
import contextlib
from pathlib import Path
from typing import Protocol

from tinstack.volume.drivers.qmp import ANSWER_SECONDS, DaemonFailed, Monitor

PROGRAM = "qemu-storage-daemon"
DONE = b"done"


class Launcher(Protocol):
    """Daemons by their volume's id. ``arguments``: a file with one of them per line, without the program's name."""

    def address(self, host: str, port: int) -> dict[str, str]:
        """What it is told to listen on there."""

    async def start(self, volume: str, arguments: Path, host: str, port: int) -> None:
        """Run one. Raises DaemonFailed."""

    async def failure(self, volume: str) -> str | None:
        """Why it has ended; None while it runs, and where that is not known."""

    async def end(self, volume: str, monitor: Monitor | None) -> None:
        """It is gone afterwards. Raises DaemonFailed."""

    async def stop(self) -> list[str]:
        """This process ends: those that can't outlive it."""


class Units:
    """``tinstack-volume-export@ID.service`` and ``.socket``, which systemd starts and stops when it is asked at ``socket``.

    They outlive this process. systemd restarts a daemon that dies, and has its port meanwhile.
    """

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def address(self, host: str, port: int) -> dict[str, str]:
        return {"type": "fd", "str": "3"}  # the first that systemd hands over

    async def start(self, volume: str, arguments: Path, host: str, port: int) -> None:
        await self._ask(volume, f"start {volume} {f'[{host}]' if ':' in host else host} {port}")

    async def _ask(self, volume: str, line: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(line.encode() + b"\n")
                    said = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            why = f"its units can't be asked for at {self._socket}: {str(error) or 'no answer'}"
            raise DaemonFailed(volume=volume, why=why) from error
        if said.strip() != DONE:
            raise DaemonFailed(
                volume=volume, why=said.decode(errors="replace").strip()[-300:] or "systemd said nothing"
            )

    async def failure(self, volume: str) -> str | None:
        return None

    async def end(self, volume: str, monitor: Monitor | None) -> None:
        """Its port is free afterwards, too. One that is no unit quits."""
        await self._ask(volume, f"stop {volume}")
        await _quit(monitor)

    async def stop(self) -> list[str]:
        return []


class Children:
    """Processes of this one, each with a session of its own, so that one whose parent was killed is found again."""

    def __init__(self, program: str = PROGRAM) -> None:
        self._program = program
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    def address(self, host: str, port: int) -> dict[str, str]:
        return {"type": "inet", "host": host, "port": str(port)}

    async def start(self, volume: str, arguments: Path, host: str, port: int) -> None:
        nothing = asyncio.subprocess.DEVNULL
        options = (await asyncio.to_thread(arguments.read_text)).splitlines()
        try:
            self._processes[volume] = await asyncio.create_subprocess_exec(
                self._program, *options, stdin=nothing, stdout=nothing,
                stderr=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DaemonFailed(volume=volume, why=f"{self._program} can't be run: {error.strerror}") from error

    async def failure(self, volume: str) -> str | None:
        process = self._processes.get(volume)
        if process is None or process.returncode is None:
            return None
        assert process.stderr
        said = (await process.stderr.read(2000)).decode(errors="replace").strip()
        return said[-300:] or f"it ended with {process.returncode}"

    async def end(self, volume: str, monitor: Monitor | None) -> None:
        await _quit(monitor)
        process = self._processes.pop(volume, None)
        if process:
            try:
                await asyncio.wait_for(process.wait(), ANSWER_SECONDS)
            except TimeoutError:
                process.kill()

    async def stop(self) -> list[str]:
        return list(self._processes)


async def _quit(monitor: Monitor | None) -> None:
    if monitor:
        with contextlib.suppress(DaemonFailed):
            await monitor.run("quit")
        await monitor.close()
