"""Two things at the same time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """What both give. Where one fails the other comes to its end all the same, so that nothing of it is under way any more when
    the failure is undone. Raises what the first of them raised, else the second."""
    first, second = asyncio.create_task(one), asyncio.create_task(other)
    try:
        await asyncio.wait((first, second))
    finally:
        first.cancel()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    return first.result(), second.result()
