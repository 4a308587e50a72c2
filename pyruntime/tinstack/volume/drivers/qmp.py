"""A storage daemon's monitor. Source: QEMU, "QEMU QMP Reference Manual"."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from tinstack.volume.drivers.interface import DriverFailed

ANSWER_SECONDS = 30.0
LEAST_MESSAGE = 1 << 20


class DaemonFailed(DriverFailed):
    message = "The storage daemon of volume {volume} failed: {why}"


class DaemonEnded(DaemonFailed):
    """It went away while it was spoken to."""


class Monitor:
    """A QMP connection."""

    def __init__(self, volume: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._volume, self._reader, self._writer = volume, reader, writer

    async def run(self, command: str, **arguments: Any) -> Any:
        """What it returns. Raises DaemonFailed, DaemonEnded."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                await self._writer.drain()
                while line := await self._reader.readline():
                    answer = json.loads(line)
                    if "return" in answer:
                        return answer["return"]
                    if "error" in answer:
                        raise DaemonFailed(volume=self._volume, why=answer["error"]["desc"])
        except TimeoutError as error:
            raise DaemonFailed(volume=self._volume, why="it did not answer") from error
        except OSError as error:
            raise DaemonEnded(volume=self._volume, why=str(error) or "it ended") from error
        raise DaemonEnded(volume=self._volume, why="it ended")

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def connect(volume: str, path: Path) -> Monitor | None:
    """None where nobody listens. It speaks to one at a time: others wait. Raises DaemonFailed."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LEAST_MESSAGE)
    except OSError:
        return None
    monitor = Monitor(volume, reader, writer)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            greeting = await reader.readline()
    except OSError:
        greeting = b""
    except TimeoutError as error:
        await monitor.close()
        raise DaemonFailed(volume=volume, why="it does not answer") from error
    if not greeting:
        await monitor.close()
        return None
    try:
        await monitor.run("qmp_capabilities")
    except DaemonEnded:
        await monitor.close()
        return None
    return monitor
