"""Who runs the storage daemons: systemd as units of their own on hosts, this process itself elsewhere (dev, tests)."""

import asyncio
from pathlib import Path
from typing import Protocol

from tinstack.volume.drivers.qmp import ANSWER_SECONDS, DaemonFailed

PROGRAM = "qemu-storage-daemon"
STARTED = b"started"


class Launcher(Protocol):
    """Daemons by their volume's id. ``arguments``: a file with one of them per line, without the program's name."""

    async def start(self, volume: str, arguments: Path) -> None:
        """Run one. Raises DaemonFailed."""

    async def failure(self, volume: str) -> str | None:
        """Why it has ended; None while it runs, and where that is not known."""

    async def ended(self, volume: str) -> None:
        """It was told to quit: it is gone afterwards."""

    async def stop(self) -> list[str]:
        """This process ends: those that can't outlive it."""


class Units:
    """``tinstack-volume-export@ID.service``, started by systemd when it is asked at this socket. They outlive this process,
    and systemd restarts one that dies."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    async def start(self, volume: str, arguments: Path) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(volume.encode() + b"\n")
                    said = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            why = f"its unit can't be started by {self._socket}: {str(error) or 'no answer'}"
            raise DaemonFailed(volume=volume, why=why) from error
        if said.strip() != STARTED:
            raise DaemonFailed(volume=volume, why=said.decode(errors="replace").strip()[-300:] or "it did not start")

    async def failure(self, volume: str) -> str | None:
        return None

    async def ended(self, volume: str) -> None:
        """systemd does not start one again whose arguments are gone."""

    async def stop(self) -> list[str]:
        return []


class Children:
    """Processes of this one, each with a session of its own, so that one whose parent was killed is found again."""

    def __init__(self, program: str = PROGRAM) -> None:
        self._program = program
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, volume: str, arguments: Path) -> None:
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

    async def ended(self, volume: str) -> None:
        process = self._processes.pop(volume, None)
        if process:
            try:
                await asyncio.wait_for(process.wait(), ANSWER_SECONDS)
            except TimeoutError:
                process.kill()

    async def stop(self) -> list[str]:
        return list(self._processes)
