"""Each message on the flow's way, and each answer, lost, delivered twice or late: every server ends as asked, and nothing is left.

On a cloud of one process, whose bus drops, duplicates and delays on request.
"""

import contextlib
import itertools
import threading
import time
import tomllib
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from faults import checks, clouds, rigs
from faults.test_operations import ACTIONS, OPPOSITE
from faults.test_ports import attach, detach, ports_of
from tinstack.core.bus.interface import ANSWER, Envelope
from tinstack.core.bus.memory import MemoryBus
from tinstack.dev import configs
from tinstack.dev.cloud import Cloud
from tinstack.network.agent import fake
from tinstack.network.server import telling

CALL_SECONDS = 2.0
"""How long a call waits at most here; a late message comes after that."""

TROUBLES = {"lost": (0, 0.0), "twice": (2, 0.0), "late": (1, CALL_SECONDS + 0.5)}


class Case(NamedTuple):
    """One message (or the answer to it) in one kind of trouble."""

    message: str
    answer: bool
    trouble: str


def cases(calls: list[str], casts: list[str]) -> list[Case]:
    """Every message in every trouble, with answers where there are some."""
    ways = [*((one, False) for one in (*calls, *casts)), *((one, True) for one in calls)]
    return [Case(message, answer, trouble) for (message, answer), trouble in itertools.product(ways, TROUBLES)]


class OfServers:
    """Gives each server (or operation, where a message does not say of which) that it hears of first the next case, which happens once."""

    def __init__(self, wanted: list[Case], known: dict[str, Case] | None = None) -> None:
        self._waiting, self.of = deque(wanted), dict(known or {})
        self._operations: dict[str, str] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        self.happened: set[str] = set()

    def __call__(self, topic: str, envelope: Envelope) -> tuple[int, float]:
        answer = envelope.name == ANSWER
        if answer:
            kind, server = self._asked.get(envelope.id, ("", ""))
        else:
            kind, server = envelope.name, self._server(envelope)
            self._asked[envelope.id] = kind, server
        if not server:
            return 1, 0.0
        if server not in self.of and self._waiting:
            self.of[server] = self._waiting.popleft()
        case = self.of.get(server)
        if case is None or server in self.happened or (case.message, case.answer) != (kind, answer):
            return 1, 0.0
        self.happened.add(server)
        return TROUBLES[case.trouble]

    def _server(self, envelope: Envelope) -> str:
        body: Any = msgspec.json.decode(envelope.body)
        if not isinstance(body, dict):
            return ""
        operation, server = body.get("operation_id"), body.get("server_id")
        if operation and server:
            self._operations[operation] = server
        return str(server or self._operations.get(str(operation), operation or ""))


class OfHosts:
    """The first few messages of each kind, and the answers to others, whoever they are about."""

    def __init__(self, wanted: list[Case], times: int = 2) -> None:
        self._left = {(case.message, case.answer): times for case in wanted}
        self._times, self._trouble = times, wanted[0].trouble
        self._asked: dict[str, str] = {}

    def __call__(self, topic: str, envelope: Envelope) -> tuple[int, float]:
        answer = envelope.name == ANSWER
        kind = self._asked.get(envelope.id, "") if answer else envelope.name
        if not answer:
            self._asked[envelope.id] = kind
        if not self._left.get((kind, answer)):
            return 1, 0.0
        self._left[kind, answer] -= 1
        return TROUBLES[self._trouble]

    @property
    def missed(self) -> list[tuple[str, bool]]:
        """What was not sent yet."""
        return [kind for kind, left in self._left.items() if left == self._times]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clouds.Held]:
    """A whole cloud in this process, with leases and looks as short as the rig's."""
    called = MemoryBus.call

    async def call(self: MemoryBus, topic: str, message: Any, answer: Any, seconds: float = CALL_SECONDS) -> Any:
        return await called(self, topic, message, answer, min(seconds, CALL_SECONDS))

    state = tmp_path_factory.mktemp("messages")
    tuning = tomllib.loads(rigs.TUNING) | {"api": {"owner_lease_seconds": 2.0, "boot_deadline_seconds": 40.0}}
    tuning["scheduler"]["hosts_seconds"] = 0.0
    tuning["conductor"]["network_seconds"] = 3.0
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(MemoryBus, "call", call)
        patch.setattr(telling, "AGAIN_SECONDS", 2.0)
        patch.setattr(fake, "REPORT_SECONDS", 2.0)
        cloud = Cloud(state, configs.ports(clouds.api.free_base()), hosts=2, tuning=tuning)
        stack.enter_context(clouds.api._Thread(cloud))
        held = clouds.Held(state, cloud)
        held.sign_in()
        yield held


@contextlib.contextmanager
def trouble(small: clouds.Held, fault: Any) -> Iterator[Any]:
    """The bus behaves so meanwhile."""
    small.cloud.hub.fault = fault
    try:
        yield fault
    finally:
        small.cloud.hub.fault = None


def at_once(works: list[Any]) -> None:
    """All of it, each in a thread, a few at a time."""
    waiting = deque(works)

    def work() -> None:
        with contextlib.suppress(IndexError):
            while True:
                waiting.popleft()()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ended(small: clouds.Held, ids: list[str], status: str, fault: OfServers) -> None:
    """All of them, and all cases happened."""
    for server in small.until_settled(ids):
        case = fault.of.get(server["id"])
        assert server["status"] == status, (case, server["status"], server.get("fault"))
        if status == "ACTIVE":
            assert server["addresses"], (case, "its address is known")
    missed = [case for id, case in fault.of.items() if id not in fault.happened]
    assert not missed and not fault._waiting, f"not sent: {missed}"
    assert checks.left_over(small.admin, small.state) == []


BOOT = cases(
    ["SelectHost", "BeginScheduling", "AssignHost", "AskServer", "Progress", "Finished"],
    ["Look", "ServerEvent"],
)
LASTING = {"tinstack:delay": "28:400"}
"""So that progress is told: of what is over at once it is not."""


@pytest.mark.short
def test_a_boot_survives_any_trouble_with_its_messages(small: clouds.Held) -> None:
    with trouble(small, OfServers(BOOT)) as fault:
        ids: list[str] = []
        at_once([lambda n=n: ids.append(small.boot(f"message-{n}", metadata=LASTING)) for n in range(len(BOOT))])
        ended(small, ids, "ACTIVE", fault)
    small.delete_all()


FAILING = cases(["Failed"], [])


def test_a_second_try_survives_any_trouble_with_the_news_of_the_first(small: clouds.Held) -> None:
    with trouble(small, OfServers(FAILING)) as fault:
        metadata = {"tinstack:fault": "28:1"}
        ids = [small.boot(f"second-{n}", metadata=metadata) for n in range(len(FAILING))]
        ended(small, ids, "ACTIVE", fault)
    small.delete_all()


NOWHERE = cases(["SchedulingFailed"], [])


def test_a_boot_without_a_host_survives_any_trouble_with_that_news(small: clouds.Held) -> None:
    huge = {"name": "huge", "vcpus": 1, "ram": 1 << 30, "disk": 1}
    flavor = small.admin.post("compute", "/flavors", {"flavor": huge}).json["flavor"]["id"]
    with trouble(small, OfServers(NOWHERE)) as fault:
        ids = [small.boot(f"nowhere-{n}", flavorRef=flavor) for n in range(len(NOWHERE))]
        ended(small, ids, "ERROR", fault)
    with trouble(small, OfServers(cases([], ["Drive"]))) as fault:
        deleted(small, ids, fault)
    assert small.admin.delete("compute", f"/flavors/{flavor}").status == 202


def deleted(small: clouds.Held, ids: list[str], fault: OfServers) -> None:
    at_once([lambda id=id: small.delete(id) for id in ids])
    checks.until(lambda: not set(ids) & {one["id"] for one in small.servers()}, 30, "all deleted")
    checks.owned_by_someone(small.admin, small.state)
    missed = [case for id, case in fault.of.items() if id not in fault.happened]
    assert not missed and not fault._waiting, f"not sent: {missed}"


CHANGED = cases([], ["NetworkChanged"])


def test_a_floating_ip_is_shown_whatever_became_of_that_news(small: clouds.Held) -> None:
    ids = {small.boot(f"floating-{case}"): case for case in CHANGED}
    small.until_settled(list(ids))
    outside = small.demo.get("network", "/v2.0/networks?router:external=True").json["networks"][0]["id"]
    given: dict[str, Any] = {}
    with trouble(small, OfServers([], ids)) as fault:
        for id in ids:
            [port] = ports_of(small, id)
            wanted = {"floatingip": {"floating_network_id": outside, "port_id": port}}
            given[id] = small.demo.post("network", "/v2.0/floatingips", wanted).json["floatingip"]

        def shown() -> bool:
            return all(
                given[server["id"]]["floating_ip_address"]
                in {one["addr"] for one in itertools.chain(*server["addresses"].values())}
                for server in small.servers()
                if server["id"] in ids
            )

        checks.until(shown, 60, "each floating IP is shown")
        assert fault.happened == set(ids)
    for one in given.values():
        assert small.demo.delete("network", f"/v2.0/floatingips/{one['id']}").status == 204
    small.delete_all()


ACTING = cases(["AskServer", "Finished"], ["Look"])


def test_actions_and_deletes_survive_any_trouble_with_their_messages(small: clouds.Held) -> None:
    """Each server goes there and back (stop and start …), in the same trouble each time, then it is deleted."""
    ways = [kind for kind in ACTIONS if ACTIONS[kind][0] == "ACTIVE"]
    ids: dict[str, tuple[str, Case]] = {}
    at_once(
        [
            lambda kind=kind, case=case: ids.update({small.boot(f"{kind}-{case}"): (kind, case)})
            for kind in ways
            for case in ACTING
        ]
    )
    small.until_settled(list(ids))
    assert len(ids) == len(ways) * len(ACTING)
    for back in (False, True):
        kinds = {id: OPPOSITE.get(kind, kind) if back else kind for id, (kind, _) in ids.items()}
        with trouble(small, OfServers([], {id: case for id, (_, case) in ids.items()})) as fault:
            at_once([lambda id=id, kind=kind: small.act(id, ACTIONS[kind][1]) for id, kind in kinds.items()])
            for server in small.until_settled(list(ids)):
                id = server["id"]
                assert server["status"] == ACTIONS[kinds[id]][2], (kinds[id], ids[id], server.get("fault"))
                guest = checks.guest(small.state, server["OS-EXT-SRV-ATTR:host"], id)
                assert guest and guest["state"] == server["OS-EXT-STS:power_state"], (kinds[id], ids[id])
            assert fault.happened == set(ids), "not all was sent"
    with trouble(small, OfServers([], {id: case for id, (_, case) in ids.items()})) as fault:
        deleted(small, list(ids), fault)


PLUGGING = cases(["AskServer", "Finished"], ["Look"])


def test_ports_are_plugged_in_and_out_in_any_trouble_with_the_messages(small: clouds.Held) -> None:
    ids = {small.boot(f"plugged-{case}"): case for case in PLUGGING}
    small.until_settled(list(ids))
    first = {id: ports_of(small, id) for id in ids}
    answers: dict[str, int] = {}
    with trouble(small, OfServers([], ids)) as fault:
        at_once([lambda id=id: attach(small, id, answers) for id in ids])
        assert set(answers.values()) == {200}, [(ids[id], status) for id, status in answers.items() if status != 200]
        assert fault.happened == set(ids)
    assert checks.left_over(small.admin, small.state) == []
    with trouble(small, OfServers([], ids)) as fault:
        at_once(
            [
                lambda id=id, port=port: detach(small, id, port)
                for id in ids
                for port in set(ports_of(small, id)) - set(first[id])
            ]
        )
        assert fault.happened == set(ids)
    assert checks.left_over(small.admin, small.state) == []
    assert {id: ports_of(small, id) for id in ids} == first
    small.delete_all()


OF_HOSTS = cases(["AskHosts", "AskHostState"], ["LookHost", "Applied", "HostReport", "AgentReport", "TraceEvents"])


@pytest.mark.parametrize("trouble_of", TROUBLES)
def test_boots_survive_any_trouble_with_what_hosts_and_controllers_tell_each_other(
    small: clouds.Held, trouble_of: str
) -> None:
    """The first messages of every kind at once."""
    with trouble(small, OfHosts([case for case in OF_HOSTS if case.trouble == trouble_of])) as fault:
        ids = [small.boot(f"between-hosts-{number}") for number in range(8)]
        for server in small.until_settled(ids):
            assert server["status"] == "ACTIVE", server.get("fault")
        checks.until(lambda: not fault.missed, 15, f"not sent: {fault.missed}")
    small.delete_all()


def test_a_broadcast_of_revocations_that_is_lost_lets_nobody_in(small: clouds.Held) -> None:
    """While identity's heartbeat is not heard, tokens are asked for each time: a revoked one is refused at once."""
    client = clouds.api.Client(small.cloud.auth_url, "demo", small.cloud.secrets.demo, "demo")
    with trouble(small, lambda topic, envelope: (0, 0.0) if envelope.name == "RevocationBeat" else (1, 0.0)):
        assert client.get("compute", "/servers").status == 200
        headers = {"X-Subject-Token": client.token}
        assert client.delete("identity", "/auth/tokens", headers=headers).status == 204
        began = time.monotonic()
        checks.until(lambda: client.get("compute", "/servers").status == 401, 5, "refused")
        assert time.monotonic() - began < 5
