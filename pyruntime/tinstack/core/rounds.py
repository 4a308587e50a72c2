"""Questions that come while others are under way, asked together: one alone goes at once, as if there were no others."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from tinstack.core.errors import ApiError

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 2
"""Rounds under way: the next is gathered meanwhile."""

MOST = 32
"""Questions in a round."""


class Rounds(Generic[T, R]):
    """``alone`` asks one question, ``several`` more of them: all or nothing, with the answers in the same order.

    Where ``refused`` says of its error that nothing was done as something was wrong with one of them, each is asked alone. Any other
    error is everybody's, as if each had met it.
    """

    def __init__(
        self,
        alone: Callable[[T], Awaitable[R]],
        several: Callable[[list[T]], Awaitable[Sequence[R]]],
        refused: Callable[[ApiError], bool],
    ) -> None:
        self._alone, self._several, self._refused = alone, several, refused
        self._waiting: list[_Asked[T, R]] = []
        self._rounds: set[asyncio.Task[None]] = set()

    async def ask(self, question: T) -> R:
        """Its own answer, or its own error."""
        asked = _Asked[T, R](question)
        self._waiting.append(asked)
        self._begin()
        return await asked.answer

    def _begin(self) -> None:
        if not self._waiting or len(self._rounds) >= AT_ONCE:
            return
        some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        task = asyncio.get_running_loop().create_task(self._round(some), context=some[0].context)
        self._rounds.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._rounds.discard(task)
        self._begin()

    async def _round(self, some: "list[_Asked[T, R]]") -> None:
        if len(some) == 1:
            await self._ask_alone(some[0])
            return
        try:
            answers = await self._several([one.question for one in some])
        except BaseException as error:
            if isinstance(error, ApiError) and self._refused(error):
                loop = asyncio.get_running_loop()
                await asyncio.gather(*(loop.create_task(self._ask_alone(one), context=one.context) for one in some))
                return
            for one in some:
                one.failed(error)
            return
        for one, answer in zip(some, answers, strict=True):
            one.answered(answer)

    async def _ask_alone(self, one: "_Asked[T, R]") -> None:
        try:
            one.answered(await self._alone(one.question))
        except BaseException as error:
            one.failed(error)


class _Asked(Generic[T, R]):
    """A question that somebody waits for, in the context in which it was asked."""

    def __init__(self, question: T) -> None:
        self.question, self.context = question, contextvars.copy_context()
        self.answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()

    def answered(self, answer: R) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def failed(self, error: BaseException) -> None:
        if not self.answer.done():
            if isinstance(error, asyncio.CancelledError):
                self.answer.cancel()
            else:
                self.answer.set_exception(error)
