"""Many small things done as one."""

import asyncio

from tinstack.core.gather import Gathering
from turns import turns


async def test_what_comes_within_a_moment_is_handled_together():
    handled: asyncio.Queue[list[str]] = asyncio.Queue()
    gathering: Gathering[str] = Gathering("things", 0.02, handled.put)
    gathering.start()
    gathering.add("a")
    gathering.add("b")
    assert await asyncio.wait_for(handled.get(), 5) == ["a", "b"]
    gathering.add("c")
    assert await asyncio.wait_for(handled.get(), 5) == ["c"]
    assert handled.empty()
    await gathering.stop()


async def test_an_error_does_not_end_it():
    handled: asyncio.Queue[list[int]] = asyncio.Queue()

    async def handle(items: list[int]) -> None:
        if items == [1]:
            raise ValueError("no")
        await handled.put(items)

    gathering: Gathering[int] = Gathering("things", 0.0, handle)
    gathering.start()
    gathering.add(1)
    await turns()
    gathering.add(2)
    assert await asyncio.wait_for(handled.get(), 5) == [2]
    await gathering.stop()
