"""One decision: steps 9 to 12 of the flow."""

import asyncio
import logging
import os
import time

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
from tinstack.core.bus import Bus, Envelope
from tinstack.core.errors import ApiError
from tinstack.core.trace import Tracer
from tinstack.scheduler.claims import Claims
from tinstack.scheduler.config import Config
from tinstack.scheduler.filters import passing
from tinstack.scheduler.rpc import Accepted, SelectHost
from tinstack.scheduler.weighers import best_first

log = logging.getLogger(__name__)


class NoValidHost(ApiError):
    """No host can take the server; the message has each host's reason."""

    code = "scheduler.no_valid_host"

    def __init__(self, step: int, verdicts: list[Verdict]) -> None:
        reasons: dict[str, str] = {}
        for verdict in verdicts:
            if not verdict.passed:
                reasons[verdict.host] = verdict.reason
        said = "; ".join(f"{host}: {reason}" for host, reason in sorted(reasons.items())[:10])
        more = f"; and {len(reasons) - 10} more" if len(reasons) > 10 else ""
        super().__init__(f"No valid host was found. {said or 'There is no compute host'}{more}.")
        self.step, self.verdicts = step, verdicts


class Scheduler:
    """Takes requests, finds and claims a host, tells it."""

    def __init__(self, config: Config, bus: Bus, claims: Claims, tracer: Tracer) -> None:
        self._config, self._bus, self._claims, self._tracer = config, bus, claims, tracer
        self.owner = f"scheduler@{config.host}/{os.getpid()}"
        self._hosts: list[HostState] = []
        self._hosts_at = 0.0
        self._asking = asyncio.Lock()
        self._deciding: set[asyncio.Task[None]] = set()

    async def select_host(self, message: SelectHost, envelope: Envelope) -> Accepted:
        """Step 9: hold the operation, answer, and decide in the background."""
        with self._tracer.step(9, message.server_id):
            begin = BeginScheduling(operation_id=message.operation_id, generation=message.generation, owner=self.owner)
            request = await self._bus.call(conductor.TOPIC, begin, SchedulingRequest)
        task = asyncio.create_task(self._decide(message, request))
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)
        return Accepted()

    async def stop(self) -> None:
        """Let decisions that are under way end."""
        if self._deciding:
            await asyncio.wait(self._deciding, timeout=5)

    async def _decide(self, message: SelectHost, request: SchedulingRequest) -> None:
        try:
            with self._tracer.step(10, request.server_id):
                ordered, verdicts = await self._candidates(request)
            with self._tracer.step(11, request.server_id):
                host, alternates = await self._claim(request, ordered, verdicts)
                await self._assign(message, host, alternates, verdicts)
            with self._tracer.step(12, request.server_id):
                look = compute.Look(
                    server_id=message.server_id, operation_id=message.operation_id, generation=message.generation
                )
                await self._bus.cast(compute.topic(host), look)
        except NoValidHost as error:
            await self._give_up(message, error.step, error.text, error.verdicts)
        except ApiError as error:
            log.warning("no decision for server %s: %s", request.server_id, error.text)
            await self._give_up(message, 10, error.text, [])
        except Exception as error:
            log.exception("no decision for server %s", request.server_id)
            await self._give_up(message, 10, f"{type(error).__name__}: {error}", [])

    async def _candidates(self, request: SchedulingRequest) -> tuple[list[HostState], list[Verdict]]:
        hosts, roomy = await asyncio.gather(self._view(), self._claims.providers_with_room(request))
        left, verdicts = passing(hosts, request)
        room = [host for host in left if host.provider in roomy]
        verdicts += [
            Verdict(host=host.host, filter="Placement", passed=False, reason="it has not enough free CPUs, memory or disk")
            for host in left
            if host.provider not in roomy
        ]
        if not room:
            raise NoValidHost(10, verdicts)
        return best_first(room, request, self._config), verdicts

    async def _claim(
        self, request: SchedulingRequest, ordered: list[HostState], verdicts: list[Verdict]
    ) -> tuple[str, list[str]]:
        for place, host in enumerate(ordered):
            if await self._claims.claim(request, host.provider):
                others = ordered[place + 1 : place + 1 + self._config.alternates]
                return host.host, [other.host for other in others]
            verdicts.append(Verdict(host=host.host, filter="Claim", passed=False, reason="its room was sold meanwhile"))
        raise NoValidHost(11, verdicts)

    async def _assign(self, message: SelectHost, host: str, alternates: list[str], verdicts: list[Verdict]) -> None:
        assign = AssignHost(
            operation_id=message.operation_id, owner=self.owner, host=host, alternates=alternates, verdicts=verdicts
        )
        try:
            await self._bus.call(conductor.TOPIC, assign, Done)
        except ApiError:
            await self._claims.release(message.server_id)
            raise

    async def _give_up(self, message: SelectHost, step: int, reason: str, verdicts: list[Verdict]) -> None:
        failed = SchedulingFailed(
            operation_id=message.operation_id, owner=self.owner, step=step, reason=reason, verdicts=verdicts
        )
        try:
            await self._bus.call(conductor.TOPIC, failed, Done)
        except ApiError as error:
            log.warning("the conductor did not hear that %s failed (its lease will run out): %s", message.operation_id, error.text)

    async def _view(self) -> list[HostState]:
        """The hosts as the conductor knows them, at most ``hosts_seconds`` old."""
        async with self._asking:
            if time.monotonic() - self._hosts_at > self._config.hosts_seconds:
                answer = await self._bus.call(conductor.TOPIC, AskHosts(), Hosts)
                self._hosts, self._hosts_at = answer.hosts, time.monotonic()
        return self._hosts
