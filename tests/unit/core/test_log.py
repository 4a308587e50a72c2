"""Log lines of several services in one process."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinstack.core import log
from tinstack.core.config import LogConfig


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    log.setup({"none": LogConfig()})
    root.handlers[:], root.level = before


def lines(file: Path) -> list[tuple[str, str]]:
    read = [json.loads(line) for line in file.read_text().splitlines()]
    return [(line["service"], line["message"]) for line in read]


async def test_a_service_s_tasks_write_to_its_own_file_at_its_own_level(tmp_path: Path) -> None:
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    log.setup({"one": LogConfig(file=str(one)), "other": LogConfig(file=str(other), level="WARNING")})
    said = logging.getLogger("said")

    async def speak(service: str) -> None:
        log.service_of_task.set(service)
        await asyncio.create_task(later(service))
        await asyncio.to_thread(said.warning, "from a thread of %s", service)

    async def later(service: str) -> None:
        said.info("a trifle of %s", service)
        said.warning("from a task of %s", service)

    await asyncio.gather(speak("one"), speak("other"))
    said.warning("of none")
    assert lines(one) == [
        ("one", "a trifle of one"),
        ("one", "from a task of one"),
        ("one", "from a thread of one"),
        ("one", "of none"),
    ]
    assert lines(other) == [("other", "from a task of other"), ("other", "from a thread of other")]
