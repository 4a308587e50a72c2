"""One decision: steps 9 to 12 of the flow."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple
from uuid import uuid4

from tinstack.compute import rpc as compute
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import (
    AskHosts,
    AssignHost,
    BeginScheduling,
    Done,
    Hosts,
    HostState,
    SchedulingFailed,
    SchedulingRequest,
    Verdict,
)
from tinstack.core.bus import Bus, Envelope, RemoteFailure
from tinstack.core.client import RemoteError
from tinstack.core.errors import ApiError, Unavailable
from tinstack.core.trace import Tracer
from tinstack.scheduler.claims import Claims, Overtaken
from tinstack.scheduler.config import Config
from tinstack.scheduler.filters import FILTERS, kept, passing
from tinstack.scheduler.rpc import Accepted, SelectHost
from tinstack.scheduler.view import View
from tinstack.scheduler.weighers import best_first

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5
AT_ONCE = 32
"""Decisions under way: enough to keep placement and conductor busy, few enough that none waits long for its answers."""

GROUP_REFUSES = "scheduling.group"
"""The conductor's code for: another member of the server's group came first."""


class NoValidHost(ApiError):
    """No host can take the server; the message has each host's reason, and how many hosts each filter left."""

    code = "scheduler.no_valid_host"

    def __init__(self, step: int, hosts: int, verdicts: list[Verdict]) -> None:
        reasons: dict[str, str] = {}
        for verdict in verdicts:
            if not verdict.passed:
                reasons[verdict.host] = verdict.reason
        said = "; ".join(f"{host}: {reason}" for host, reason in sorted(reasons.items())[:10])
        more = f"; and {len(reasons) - 10} more" if len(reasons) > 10 else ""
        counted = f" Hosts left by each filter: {left_by_filter(hosts, verdicts)}." if hosts else ""
        super().__init__(f"No valid host was found. {said or 'There is no compute host'}{more}.{counted}")
        self.step, self.verdicts = step, verdicts


def left_by_filter(hosts: int, verdicts: list[Verdict]) -> str:
    """``RetryFilter 2 of 2, ComputeFilter 0 of 2``: in the order in which they were asked, up to the one that left none."""
    refused = Counter(verdict.filter for verdict in verdicts if not verdict.passed)
    said, left = [], hosts
    for name in [*FILTERS, *(name for name in refused if name not in FILTERS)]:
        before, left = left, left - refused[name]
        said.append(f"{name} {left} of {before}")
        if left <= 0:
            break
    return ", ".join(said)


class Lease(NamedTuple):
    """How one decision holds its operation. Each has an owner of its own: what this process decided before, past its lease, is another's.

    ``until``: by the monotonic clock, counted from before it was asked for.
    """

    owner: str
    until: float


class Scheduler:
    """Takes requests, finds and claims a host, tells it."""

    def __init__(self, config: Config, bus: Bus, claims: Claims, tracer: Tracer) -> None:
        self._config, self._bus, self._claims, self._tracer = config, bus, claims, tracer
        self._view = View(self._ask_hosts, claims.providers_with_room, config.hosts_seconds)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._deciding: set[asyncio.Task[None]] = set()

    async def select_host(self, message: SelectHost, envelope: Envelope) -> Accepted:
        """Step 9: hold the operation, answer, and decide in the background."""
        self._view.prepare()
        asked, owner = time.monotonic(), f"scheduler@{self._config.host}/{uuid4().hex[:12]}"
        with self._tracer.step(9, message.server_id):
            begin = BeginScheduling(operation_id=message.operation_id, generation=message.generation, owner=owner)
            request = await self._bus.call(conductor.TOPIC, begin, SchedulingRequest)
        lease = Lease(owner, asked + request.lease_seconds)
        task = asyncio.create_task(self._decide_in_turn(message, request, lease))
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)
        return Accepted()

    async def stop(self) -> None:
        """Let decisions that are under way end."""
        if self._deciding:
            await asyncio.wait(self._deciding, timeout=5)

    async def _decide_in_turn(self, message: SelectHost, request: SchedulingRequest, lease: Lease) -> None:
        async with self._turns:
            await self._decide(message, request, lease)

    async def _decide(self, message: SelectHost, request: SchedulingRequest, lease: Lease) -> None:
        step, attempt = 10, 0
        try:
            host, shunned = None, dict[str, Verdict]()
            while host is None:
                step = 10
                with self._tracer.step(10, request.server_id):
                    ordered, verdicts = await self._candidates_until(request, shunned, lease, fresh=attempt > 0)
                step, attempt = 11, attempt + 1
                with self._tracer.step(11, request.server_id):
                    host = await self._claim(message, request, ordered, verdicts, shunned, lease)
            step = 12
            with self._tracer.step(12, request.server_id):
                look = compute.Look(
                    server_id=message.server_id, operation_id=message.operation_id, generation=message.generation
                )
                await self._bus.cast(compute.topic(host), look)
        except NoValidHost as error:
            await self._give_up(message, lease, error.step, error.text, error.verdicts)
        except Overtaken as error:
            log.info("%s", error.text)
        except ApiError as error:
            log.warning("no decision for server %s: %s", request.server_id, error.text)
            await self._give_up(message, lease, step, error.text, [])
        except Exception as error:
            log.exception("no decision for server %s", request.server_id)
            await self._give_up(message, lease, step, f"{type(error).__name__}: {error}", [])

    async def _candidates_until(
        self, request: SchedulingRequest, shunned: Mapping[str, Verdict], lease: Lease, *, fresh: bool
    ) -> tuple[list[HostState], list[Verdict]]:
        """The same; what is out of reach for a moment is asked again, and so is what leaves no host but may be old."""
        while True:
            try:
                return await self._candidates(request, shunned, fresh=fresh)
            except NoValidHost:
                if fresh:
                    raise
                fresh = True
            except ApiError as error:
                await _pause(request, error, lease)

    async def _candidates(
        self, request: SchedulingRequest, shunned: Mapping[str, Verdict], *, fresh: bool
    ) -> tuple[list[HostState], list[Verdict]]:
        """The best hosts first, and why the others are out. ``shunned``: those that refused this server. Raises NoValidHost."""
        hosts, roomy = await self._view.look(request, fresh=fresh)
        left, verdicts = passing(hosts, request)
        if shunned:
            verdicts += [shunned[host.host] for host in left if host.host in shunned]
            left = [host for host in left if host.host not in shunned]
        room = [host for host in left if host.provider in roomy]
        if len(room) < len(left):
            verdicts += [
                Verdict(
                    host=host.host,
                    filter="Placement",
                    passed=False,
                    reason="it has not enough free CPUs, memory or disk",
                )
                for host in left
                if host.provider not in roomy
            ]
        if not room:
            raise NoValidHost(10, len(hosts), verdicts)
        return best_first(room, request, self._config), kept(verdicts, len(hosts))

    async def _claim(
        self,
        message: SelectHost,
        request: SchedulingRequest,
        ordered: list[HostState],
        verdicts: list[Verdict],
        shunned: dict[str, Verdict],
        lease: Lease,
    ) -> str | None:
        """Claim the best host that still has room, and have it swapped into the server. None where none of them has any more:
        others were faster, and who has room is to be asked anew. Raises Overtaken."""
        for place, host in enumerate(ordered):
            if time.monotonic() > lease.until:
                raise Overtaken(id=request.server_id)
            self._view.count(host.host, request)
            if not await self._claim_until(request, host.provider, lease):
                self._view.count(host.host, request, -1)
                self._view.full(host.provider, request)
                continue
            others = ordered[place + 1 : place + 1 + self._config.alternates]
            refused = await self._assign(message, request, host, [other.host for other in others], verdicts, lease)
            if refused is None:
                return host.host
            self._view.count(host.host, request, -1)
            shunned[host.host] = refused
        return None

    async def _claim_until(self, request: SchedulingRequest, provider: str, lease: Lease) -> bool:
        """Whether there was room. A lost answer is asked for again, as a claim made twice is one."""
        while True:
            try:
                return await self._claims.claim(request, provider, lease.until)
            except ApiError as error:
                await _pause(request, error, lease)

    async def _assign(
        self,
        message: SelectHost,
        request: SchedulingRequest,
        host: HostState,
        alternates: list[str],
        verdicts: list[Verdict],
        lease: Lease,
    ) -> Verdict | None:
        """None once it is done, or why this host may not be it. Raises Overtaken.

        A lost answer is asked for again: only a refusal gives the claim back, and only while nobody else can have claimed.
        """
        assign = AssignHost(
            operation_id=message.operation_id,
            owner=lease.owner,
            host=host.host,
            alternates=alternates,
            verdicts=verdicts,
        )
        while True:
            try:
                await self._bus.call(conductor.TOPIC, assign, Done)
                return None
            except RemoteFailure as error:
                if error.remote_status >= 500 and time.monotonic() + AGAIN_SECONDS < lease.until:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                if time.monotonic() < lease.until:
                    await self._claims.release(request, lease.until)
                if error.remote_code == GROUP_REFUSES:
                    return Verdict(host=host.host, filter="ServerGroup", passed=False, reason=error.text)
                if error.remote_status in (404, 409):
                    raise Overtaken(id=message.server_id) from error
                raise
            except Unavailable as error:
                if time.monotonic() > lease.until:
                    raise Overtaken(id=message.server_id) from error
                log.warning("the conductor has not answered for server %s yet: %s", message.server_id, error.text)

    async def _give_up(
        self, message: SelectHost, lease: Lease, step: int, reason: str, verdicts: list[Verdict]
    ) -> None:
        failed = SchedulingFailed(
            operation_id=message.operation_id,
            owner=lease.owner,
            step=step,
            reason=reason,
            verdicts=kept(verdicts, len({one.host for one in verdicts})),
        )
        try:
            await self._bus.call(conductor.TOPIC, failed, Done)
        except ApiError as error:
            log.warning(
                "the conductor did not hear that %s failed (its lease will run out): %s",
                message.operation_id,
                error.text,
            )

    async def _ask_hosts(self) -> list[HostState]:
        return (await self._bus.call(conductor.TOPIC, AskHosts(), Hosts)).hosts


async def _pause(request: SchedulingRequest, error: ApiError, lease: Lease) -> None:
    """Wait a moment before it is tried again. Raises the error where that is of no use, Overtaken where the lease is over:
    the operation may be someone's again by now, this process's own next decision included."""
    if not _passes(error):
        raise error
    if time.monotonic() > lease.until:
        raise Overtaken(id=request.server_id) from error
    if time.monotonic() + AGAIN_SECONDS > lease.until:
        raise error
    log.warning("the decision for server %s waits: %s", request.server_id, error.text)
    await asyncio.sleep(AGAIN_SECONDS)


def _passes(error: ApiError) -> bool:
    """Whether it may be otherwise in a moment: something is out of reach, not refused."""
    if isinstance(error, RemoteError | RemoteFailure):
        return error.remote_status >= 500
    return isinstance(error, Unavailable)
