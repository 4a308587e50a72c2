"""A guest that QEMU paused for a disk tries until it runs, and who can help is told when two tries were not enough."""

import asyncio

import pytest

from tinstack.compute.drivers.interface import DriverError
from tinstack.compute.drivers.libvirt import waiting
from tinstack.compute.drivers.libvirt.waiting import Waiting

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(waiting, "LAST_SECONDS", 0.002)


class Guest:
    """Pauses again as often as it is told. ``said``: what was told, in order."""

    def __init__(self, times: int) -> None:
        self.times, self.tries, self.said = times, 0, list[str]()
        self.done = asyncio.Event()
        self.error: DriverError | None = None
        self.waiting = Waiting(self.goes_on, self.tell, self.over)

    async def goes_on(self, id: str) -> bool:
        if self.error:
            raise self.error
        await asyncio.sleep(0)
        if self.tries == self.times:
            return False
        self.tries += 1
        return True

    async def tell(self, id: str) -> None:
        self.said.append("waits")

    async def over(self, id: str) -> None:
        self.said.append("over")
        self.done.set()


@pytest.mark.parametrize("times, said", [(0, ["over"]), (1, ["over"]), (2, ["waits", "over"]), (9, ["waits", "over"])])
async def test_it_tries_until_it_runs(times: int, said: list[str]) -> None:
    guest = Guest(times)
    guest.waiting.heard("a")
    guest.waiting.heard("a")
    await asyncio.wait_for(guest.done.wait(), 5)
    assert (guest.tries, guest.said) == (times, said)


async def test_one_that_waits_again_while_it_is_looked_at_is_not_forgotten() -> None:
    guest = Guest(1)

    async def goes_on(id: str) -> bool:
        found = await Guest.goes_on(guest, id)
        if not found and guest.times < 3:  # it pauses between the look and its answer
            guest.times = 3
            guest.waiting.heard("a")
        return found

    guest.waiting = Waiting(goes_on, guest.tell, guest.over)
    guest.waiting.heard("a")
    await asyncio.wait_for(guest.done.wait(), 5)
    assert guest.tries == 3


async def test_a_guest_that_is_gone_ends_it() -> None:
    guest = Guest(5)
    guest.error = DriverError("There is no such guest.")
    guest.waiting.heard("a")
    await asyncio.gather(*guest.waiting._tasks.values())
    assert guest.said == []
    guest.error = None
    guest.waiting.heard("a")
    await asyncio.wait_for(guest.done.wait(), 5)
    assert guest.tries == 5
