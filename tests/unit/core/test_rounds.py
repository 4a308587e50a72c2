"""Questions that are asked together."""

import asyncio
from contextvars import ContextVar

import pytest

from tinstack.core.client import RemoteError
from tinstack.core.errors import ApiError
from tinstack.core.rounds import AT_ONCE, MOST, Rounds

who: ContextVar[int] = ContextVar("who", default=0)


class Service:
    """Answers with twice the number; refuses ``bad`` ones, and everything while ``away``."""

    def __init__(self, *bad: int, away: bool = False) -> None:
        self.bad, self.away = bad, away
        self.alone: list[tuple[int, int]] = []
        self.several: list[list[int]] = []
        self.most = 0
        self.under_way = 0

    async def one(self, number: int) -> int:
        self.alone.append((number, who.get()))
        return (await self._answer([number]))[0]

    async def some(self, numbers: list[int]) -> list[int]:
        self.several.append(numbers)
        return await self._answer(numbers)

    async def _answer(self, numbers: list[int]) -> list[int]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        if self.away:
            raise RemoteError("service", 503, "away")
        if set(numbers) & set(self.bad):
            raise RemoteError("service", 409, "no")
        return [2 * number for number in numbers]


def refused(error: ApiError) -> bool:
    return isinstance(error, RemoteError) and error.remote_status == 409


async def asked(service: Service, count: int) -> list[int | BaseException]:
    rounds = Rounds(service.one, service.some, refused)

    async def ask(number: int) -> int:
        who.set(number)
        return await rounds.ask(number)

    return await asyncio.gather(*(ask(number) for number in range(count)), return_exceptions=True)


async def test_the_first_go_alone_and_the_rest_together():
    service = Service()
    assert await asked(service, 10) == [2 * number for number in range(10)]
    assert [number for number, _ in service.alone] == list(range(AT_ONCE))
    assert service.several == [list(range(AT_ONCE, 10))]


async def test_rounds_have_bounds():
    service = Service()
    assert await asked(service, 4 * MOST) == [2 * number for number in range(4 * MOST)]
    assert max(map(len, service.several)) == MOST
    assert service.most == AT_ONCE


async def test_one_that_is_refused_does_not_harm_the_others_and_each_is_asked_by_its_own_asker():
    service = Service(5)
    found = await asked(service, 10)
    assert isinstance(found.pop(5), RemoteError)
    assert found == [2 * number for number in range(10) if number != 5]
    assert sorted(service.alone) == [(number, number) for number in range(10)]


async def test_what_may_have_been_done_is_not_done_again():
    service = Service(away=True)
    found = await asked(service, 10)
    assert all(isinstance(one, RemoteError) and one.remote_status == 503 for one in found)
    assert len(service.alone) == AT_ONCE


async def test_who_does_not_wait_any_more_holds_nobody_up():
    service = Service()
    rounds = Rounds(service.one, service.some, refused)
    tasks = [asyncio.create_task(rounds.ask(number)) for number in range(6)]
    await asyncio.sleep(0)
    for number in (0, 3):
        tasks[number].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one for one in found if isinstance(one, int)] == [2, 4, 8, 10]
    with pytest.raises(asyncio.CancelledError):
        tasks[3].result()
