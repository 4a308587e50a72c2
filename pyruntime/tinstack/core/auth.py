"""Token → context for every service but identity itself: asks identity, keeps the answer while that is safe (steps 4–5)."""

import hashlib
import time
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core import crash
from tinstack.core.access_rules import AccessRule
from tinstack.core.bus import Bus
from tinstack.core.client import RemoteError, Session
from tinstack.core.clock import now_us, parse_iso
from tinstack.core.context import LAUNCH, TRUST, Context, LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.core.revocation import RevocationBeat, RevocationListener
from tinstack.core.trace import Tracer

KEEP = 10_000
"""Contexts held at the most; the oldest go first."""


class Validation(msgspec.Struct, frozen=True):
    """How the last token of this task was validated: for the trace. Times in microseconds."""

    start: int
    duration: int
    outcome: str


last_validation: ContextVar[Validation | None] = ContextVar("last_validation", default=None)


def trace_token(tracer: Tracer, step: int, context: Context) -> None:
    """Steps 20, 23 and 26: how the launch token of this task's request was checked; nothing for other tokens."""
    validation = last_validation.get()
    if context.launch and validation:
        crash.point(f"before-{step}")
        tracer.record(
            step,
            start=validation.start,
            duration=validation.duration,
            outcome=validation.outcome,
            server_id=context.launch.server,
        )
        crash.point(f"after-{step}")


class TokenCache:
    """The Authenticator of core.http."""

    def __init__(self, session: Session, bus: Bus, service: str) -> None:
        self._session = session
        self._contexts: dict[bytes, Context] = {}
        self._forgotten = 0
        self._listener = RevocationListener(bus, f"{service}.{uuid4().hex}", self._forget)

    async def start(self) -> None:
        """Listen for revocations."""
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def authenticate(self, token: str) -> Context:
        """The context of a token; raises Unauthorized, or Unavailable when identity can't be asked."""
        start, began = now_us(), time.perf_counter()
        key = hashlib.sha256(token.encode()).digest()
        context = self._contexts.get(key) if self._listener.fresh else None
        if context and context.expires_at > start:
            last_validation.set(Validation(start, int((time.perf_counter() - began) * 1e6), "cached"))
            return context
        forgotten = self._forgotten
        context = await self._ask(token)
        # What identity said before a revocation that was heard meanwhile may be void by now.
        if self._listener.fresh and self._forgotten == forgotten:
            if len(self._contexts) >= KEEP:
                self._contexts.pop(next(iter(self._contexts)))
            self._contexts[key] = context
        last_validation.set(Validation(start, int((time.perf_counter() - began) * 1e6), "ok"))
        return context

    async def _ask(self, token: str) -> Context:
        if not token.isascii() or not token.isprintable() or len(token) > 4096:
            raise Unauthorized
        try:
            answer = await self._session.request(
                "GET", "identity", "/auth/tokens?nocatalog=1", headers={"X-Subject-Token": token}
            )
        except RemoteError as error:
            if error.remote_status in (401, 403, 404):
                raise Unauthorized from error
            raise
        return context_of(answer.json()["token"], token)

    def _forget(self, beat: RevocationBeat | None) -> None:
        self._forgotten += 1
        if beat is None or beat.everything:
            self._contexts.clear()
            return
        audits, users, projects = set(beat.audit_ids), set(beat.user_ids), set(beat.project_ids)
        launches = set(beat.launches)
        gone = [
            key
            for key, context in self._contexts.items()
            if context.audit_id in audits
            or context.user_id in users
            or context.project_id in projects
            or not users.isdisjoint(context.delegation)
            or (context.launch and not launches.isdisjoint((context.launch.launch_id, context.launch.server)))
        ]
        for key in gone:
            del self._contexts[key]


def context_of(body: dict[str, Any], token: str) -> Context:
    """A context from the ``token`` object of identity's answer."""
    user, project, domain = body["user"], body.get("project"), body.get("domain")
    launch, trust = body.get(LAUNCH), body.get(TRUST)
    return Context(
        user_id=user["id"],
        user_name=user["name"],
        user_domain_id=user["domain"]["id"],
        user_domain_name=user["domain"]["name"],
        project_id=project["id"] if project else None,
        project_name=project["name"] if project else None,
        project_domain_id=project["domain"]["id"] if project else None,
        project_domain_name=project["domain"]["name"] if project else None,
        domain_id=domain["id"] if domain else None,
        domain_name=domain["name"] if domain else None,
        system="system" in body,
        roles=frozenset(role["name"].lower() for role in body.get("roles", ())),
        token=token,
        audit_id=body["audit_ids"][0],
        expires_at=parse_iso(body["expires_at"]),
        launch=msgspec.convert(launch, LaunchClaims) if launch else None,
        access_rules=_access_rules(body.get("application_credential", {}).get("access_rules")),
        delegation=(trust["trustor_user"]["id"], trust["trustee_user"]["id"]) if trust else (),
    )


def _access_rules(given: list[dict[str, str]] | None) -> tuple[AccessRule, ...] | None:
    if given is None:
        return None
    return tuple(AccessRule(one["service"], one["method"], one["path"]) for one in given)
