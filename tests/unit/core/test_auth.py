"""The cache of validated tokens: what was revoked is refused at once, whenever the news of it comes."""

import asyncio
from typing import Any

import msgspec

from tinstack.core.auth import TokenCache
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.client import Answer
from tinstack.core.revocation import KEY, RevocationBeat
from turns import turns

TOKEN = {
    "user": {"id": "u", "name": "n", "domain": {"id": "default", "name": "Default"}},
    "audit_ids": ["a"],
    "expires_at": "2099-01-01T00:00:00.000000Z",
}


class Identity:
    """Answers when it is let; counts the questions."""

    def __init__(self) -> None:
        self.asked, self.may_answer = 0, asyncio.Event()
        self.may_answer.set()

    async def request(self, *_: Any, **__: Any) -> Answer:
        self.asked += 1
        await self.may_answer.wait()
        return Answer(200, {}, msgspec.json.encode({"token": TOKEN}))


async def test_a_token_that_is_revoked_while_identity_is_asked_is_not_kept() -> None:
    hub, identity = Hub(), Identity()
    teller, listener = MemoryBus(hub, "identity", "controller"), MemoryBus(hub, "image", "controller")
    cache = TokenCache(identity, listener, "image")  # type: ignore[arg-type]
    await cache.start()
    await teller.broadcast(KEY, RevocationBeat(source="s", sequence=1))
    await turns()
    for _ in range(2):
        await cache.authenticate("kept")
    assert identity.asked == 1

    identity.may_answer.clear()
    asking = asyncio.create_task(cache.authenticate("t"))
    await turns()
    await teller.broadcast(KEY, RevocationBeat(source="s", sequence=2, audit_ids=["a"]))
    await turns()
    identity.may_answer.set()
    await asking
    await cache.authenticate("t")
    assert identity.asked == 3
    await cache.stop()
