"""Claims that are made at the same moment."""

import asyncio
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

from tinstack.conductor.rpc import SchedulingRequest
from tinstack.core.client import RemoteError
from tinstack.scheduler.claims import Claims


class Placement:
    """``free``: by provider. A session, and what answers on it."""

    def __init__(self, **free: int) -> None:
        self.free, self.held = Counter(free), dict[str, str]()
        self.asked = Counter[str]()

    async def request(self, method: str, service: str, path: str, *, json: Any = None, version: str = "") -> Any:
        self.asked[method] += 1
        await asyncio.sleep(0.01)
        if method == "GET":
            held = {self.held[path[13:]]: {}} if path[13:] in self.held else {}
            return SimpleNamespace(
                data=b'{"allocations":%s,"consumer_generation":7}' % str(held).replace("'", '"').encode()
            )
        self._swap(json if method == "POST" else {path[13:]: json})
        return None

    def _swap(self, bodies: dict[str, Any]) -> None:
        held = dict(self.held)
        for server, body in bodies.items():
            if body["consumer_generation"] != (7 if server in held else None):
                raise RemoteError("placement", 409, "consumer generation conflict")
            held[server] = next(iter(body["allocations"]))
        if any(number > self.free[provider] for provider, number in Counter(held.values()).items()):
            raise RemoteError("placement", 409, "would exceed the capacity")
        self.held = held


def request(id: str) -> SchedulingRequest:
    return SchedulingRequest(server_id=id, project_id="p", kind="boot", vcpus=1, ram_mib=64, disk_gib=1)


async def claimed(placement: Placement, *wanted: tuple[str, str]) -> list[bool]:
    session: Any = placement
    claims, until = Claims(session), time.monotonic() + 60
    return await asyncio.gather(*(claims.claim(request(server), provider, until) for server, provider in wanted))


async def test_many_claims_are_few_requests():
    placement = Placement(a=20)
    assert all(await claimed(placement, *((str(number), "a") for number in range(20))))
    assert len(placement.held) == 20
    assert placement.asked == {"PUT": 2, "POST": 1}


async def test_a_full_host_refuses_its_own_claims_alone():
    placement = Placement(a=3, b=9)
    found = await claimed(placement, *((str(number), "a" if number % 2 else "b") for number in range(12)))
    assert sum(found) == 9
    assert Counter(placement.held.values()) == {"a": 3, "b": 6}


async def test_two_claims_of_one_server_are_not_taken_for_one_another():
    placement = Placement(a=9, b=9, c=9)
    found = await claimed(placement, ("1", "c"), ("2", "c"), ("3", "a"), ("3", "b"))
    assert found == [True] * 4
    assert placement.asked["POST"] == 0 and placement.held["3"] in ("a", "b")
