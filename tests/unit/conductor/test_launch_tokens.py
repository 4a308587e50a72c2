"""Launch tokens are asked for before their host comes, and never given for anything but what was asked."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tinstack.computedb.rows import Instance
from tinstack.conductor import launch_tokens
from tinstack.conductor.launch_tokens import LaunchTokens
from tinstack.conductor.rpc import FlavorDetails, RequestedPort
from tinstack.core.client import Answer, Session
from tinstack.core.errors import Unavailable
from tinstack.core.operations import Operation
from turns import turns

FLAVOR = FlavorDetails(name="f", vcpus=1, ram_mib=64, root_gib=1)


class Identity:
    """Gives tokens by number. ``away``: so many answers are failures first."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.asked = self.away = 0

    async def request(self, method: str, service: str, path: str, *, json: msgspec.Raw) -> Answer:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise Unavailable("identity is away")
        self.given.append(msgspec.json.decode(json)["launch_token"])
        return Answer(201, {"X-Subject-Token": f"token-{len(self.given)}"}, b"")


def server(**changes: Any) -> Instance:
    port = RequestedPort(id="p1", network_id="n1", ours=True)
    facts: dict[str, Any] = {"id": "s1", "project_id": "p", "user_id": "u", "name": "s", "hostname": "s"}
    facts |= {
        "vm_state": "building",
        "flavor_id": "1",
        "flavor": FLAVOR,
        "reservation_id": "r",
        "image_id": "i1",
        "ports": [port],
        "created_at": 0,
        "updated_at": 0,
    }
    return Instance(**{**facts, **changes})


def operation(attempt: int = 1) -> Operation:
    return Operation(
        id="o1",
        kind="boot",
        subject="s1",
        project_id="p",
        request_id="req",
        generation=1,
        owner="",
        lease_until=0,
        deadline=0,
        attempt=attempt,
    )


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def tokens(identity: Identity) -> LaunchTokens:
    return LaunchTokens(cast(Session, cast(Any, identity)), 300)


async def test_one_that_was_expected_is_asked_for_once_and_given_once(tokens: LaunchTokens, identity: Identity) -> None:
    tokens.expect(operation(), server(), "h1")
    tokens.expect(operation(), server(), "h1")
    assert await tokens.get(operation(), server(), "h1") == "token-1"
    assert await tokens.get(operation(), server(), "h1") == "token-2"
    assert [one["host"] for one in identity.given] == ["h1", "h1"]


@pytest.mark.parametrize(
    ("attempt", "changes", "host"),
    [(2, {}, "h1"), (1, {}, "h2"), (1, {"ports": []}, "h1"), (1, {"image_id": "i2"}, "h1")],
)
async def test_it_is_for_what_is_asked_not_for_what_was_expected(
    tokens: LaunchTokens, identity: Identity, attempt: int, changes: dict[str, Any], host: str
) -> None:
    tokens.expect(operation(), server(image_id="i1"), "h1")
    now = server(**{"image_id": "i1", **changes})
    assert await tokens.get(operation(attempt), now, host) == f"token-{len(identity.given)}"
    told = identity.given[-1]
    assert (told["attempt"], told["host"], told["image"]) == (attempt, host, now.image_id)
    assert told["ports"] == [port.id for port in now.ports]


async def test_it_is_asked_for_again_where_identity_was_away(tokens: LaunchTokens, identity: Identity) -> None:
    identity.away = 1
    tokens.expect(operation(), server(), "h1")
    assert await tokens.get(operation(), server(), "h1") == "token-1"
    identity.away = 1
    with pytest.raises(Unavailable):
        await tokens.get(operation(), server(), "h1")


async def test_nobody_comes(tokens: LaunchTokens, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_tokens, "KEEP_SECONDS", 0.0)
    tokens.expect(operation(), server(), "h1")
    await turns()
    assert await tokens.get(operation(), server(), "h1") == f"token-{len(identity.given)}"
    assert identity.asked == 2, "what nobody came for is not given later"
