"""Waiting by the event loop's turns, not by the clock: a machine that stands still for a moment changes nothing."""

import asyncio


async def turns(count: int = 100) -> None:
    """Let all tasks that can go on do so, that many times."""
    for _ in range(count):
        await asyncio.sleep(0)
