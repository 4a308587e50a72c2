"""Signing in: by password, token or application credential, for a scope (steps 1 and 2 of the flow).

Whatever is wrong, the answer is the same 401 after the same time: a hash is computed for users who are not there too, and what
a failure costs beyond it (counting it, say) goes under in ``REFUSAL_SECONDS``.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tinstack.core.clock import SECOND, now_us
from tinstack.core.context import TRUST
from tinstack.core.errors import Forbidden, Unauthorized
from tinstack.core.trace import Tracer
from tinstack.identity.config import Config
from tinstack.identity.errors import Invalid, SignInRefused, TokenMissing
from tinstack.identity.fernet import Token
from tinstack.identity.oauth1 import OAuth1, Signed
from tinstack.identity.passwords import Hashing, secret_matches
from tinstack.identity.rows import ROOT, AccessToken, ApplicationCredential, User
from tinstack.identity.snapshot import SYSTEM, UNSCOPED, Directory, Scope, Snapshot, trust_usable
from tinstack.identity.store import Store
from tinstack.identity.tokens import Tokens, Valid

AUTHENTICATE, ISSUE = 1, 2
REFUSAL_SECONDS = 0.2
KNOWN = ("password", "token", "application_credential", "oauth1")


@asynccontextmanager
async def equal_refusals() -> AsyncIterator[None]:
    """No refusal inside comes sooner than ``REFUSAL_SECONDS``: nothing is learnt from how long it took."""
    began = time.monotonic()
    try:
        yield
    except SignInRefused:
        await asyncio.sleep(began + REFUSAL_SECONDS - time.monotonic())
        raise


ROTATION_SECONDS = 900
"""How long a service user's secret is good after the next one was made: its service is restarted meanwhile."""


class Proof:
    """What the methods have shown so far."""

    def __init__(self) -> None:
        self.user: User | None = None
        self.methods: list[str] = []
        self.parent: Token | None = None
        self.credential: ApplicationCredential | None = None
        self.access_token: AccessToken | None = None

    def add(self, method: str, user: User) -> None:
        """One more method succeeded; all must speak of the same user."""
        if self.user and self.user.id != user.id:
            raise SignInRefused
        self.user = user
        self.methods += [
            name for name in (*(self.parent.methods if self.parent else ()), method) if name not in self.methods
        ]


class Authentication:
    """``authenticate`` takes the ``auth`` object of ``POST /v3/auth/tokens``."""

    def __init__(
        self,
        config: Config,
        directory: Directory,
        store: Store,
        tokens: Tokens,
        hashing: Hashing,
        oauth1: OAuth1,
        tracer: Tracer,
    ) -> None:
        self._config, self._directory, self._store = config, directory, store
        self._tokens, self._hashing, self._oauth1, self._tracer = tokens, hashing, oauth1, tracer

    async def authenticate(self, auth: dict[str, Any], signed: Signed) -> Valid:
        """A new token; ``signed``: the request as OAuth signs it.

        Raises SignInRefused, Invalid, and TokenMissing where a token that proves who asks is not valid.
        """
        async with equal_refusals():
            return await self._authenticate(auth, signed)

    async def _authenticate(self, auth: dict[str, Any], signed: Signed) -> Valid:
        start, began = now_us(), time.perf_counter()
        proof = Proof()
        identity = auth["identity"]
        for method in identity["methods"]:
            if method in KNOWN and method not in identity:
                raise Invalid(f"The method {method} is named, but identity.{method} is not there.")
            if method == "password":
                await self._by_password(proof, identity["password"]["user"])
            elif method == "token":
                await self._by_token(proof, identity["token"]["id"])
            elif method == "application_credential":
                await self._by_application_credential(proof, identity["application_credential"])
            elif method == "oauth1":
                await self._by_oauth1(proof, signed)
            else:
                raise SignInRefused
        assert proof.user, "the schema wants one method at least"
        checked = time.perf_counter()
        try:
            valid = await self._issue(proof, auth.get("scope"))
        except Unauthorized as error:
            raise SignInRefused from error
        if not proof.user.machine:
            self._trace(valid, start, int((checked - began) * 1e6), int((time.perf_counter() - checked) * 1e6))
        return valid

    async def check_password(self, user: User | None, password: str) -> None:
        """Raises SignInRefused; counts failures and locks. Nobody (None) takes as long."""
        login = await self._store.login(user.id) if user else None
        right = await self._hashing.verify(login.hash if login else None, password)
        if user is None or login is None:
            raise SignInRefused
        if user.machine and not right:
            # While secrets are rotated a service signs in with the one that it was started with.
            before = await self._store.superseded(user.id, now_us() - ROTATION_SECONDS * SECOND)
            right = before is not None and secret_matches(before, password)
        attempts = 0 if user.machine else self._config.lockout_attempts
        if attempts:
            now = now_us()
            since = now - self._config.lockout_seconds * SECOND
            login = await self._store.login(user.id) or login
            if login.failures >= attempts and login.failed_at > since:
                raise SignInRefused
            if not right:
                await self._store.failed(user.id, now, attempts, since)
            elif login.failures:
                await self._store.succeeded(user.id)
        if not right:
            raise SignInRefused

    async def _by_password(self, proof: Proof, given: dict[str, Any]) -> None:
        user = find_user(await self._directory.current(), given)
        await self.check_password(user, given["password"])
        if user is None or not (await self._directory.current()).user_usable(user):
            raise SignInRefused
        proof.add("password", user)

    async def _by_token(self, proof: Proof, text: str) -> None:
        try:
            valid = await self._tokens.validate(text)
        except Unauthorized as error:
            raise TokenMissing from error
        if valid.token.launch or valid.token.delegated:
            raise Forbidden("This token can't be used to get another one.")
        proof.parent = valid.token
        proof.add("token", valid.user)

    async def _by_application_credential(self, proof: Proof, given: dict[str, Any]) -> None:
        snapshot = await self._directory.current()
        credential = find_application_credential(snapshot, given)
        user = snapshot.users.get(credential.user_id) if credential else None
        right = await self._hashing.verify(credential.secret_hash if credential else None, given["secret"])
        if not right or credential is None or user is None or not snapshot.user_usable(user):
            raise SignInRefused
        proof.credential = credential
        proof.add("application_credential", user)

    async def _by_oauth1(self, proof: Proof, signed: Signed) -> None:
        snapshot = await self._directory.current()
        proof.access_token = await self._oauth1.verify(signed, snapshot.access_tokens)
        user = snapshot.users.get(proof.access_token.user_id)
        if user is None or not snapshot.user_usable(user):
            raise SignInRefused
        proof.add("oauth1", user)

    async def _issue(self, proof: Proof, wanted: Any) -> Valid:
        snapshot = await self._directory.current()
        user = snapshot.users.get(proof.user.id) if proof.user else None
        if user is None:
            raise SignInRefused
        methods = tuple(proof.methods)
        if credential := proof.credential:
            if wanted is not None:
                raise SignInRefused
            return await self._tokens.issue(
                user,
                methods,
                Scope("project", credential.project_id),
                application_credential_id=credential.id,
                expires_at=credential.expires_at,
            )
        if access := proof.access_token:
            if wanted is not None and find_scope(snapshot, wanted) != Scope("project", access.project_id):
                raise SignInRefused
            return await self._tokens.issue(
                user,
                methods,
                Scope("project", access.project_id),
                access_token_id=access.id,
                expires_at=access.expires_at,
            )
        if isinstance(wanted, dict) and (asked := wanted.get(TRUST)):
            return await self._issue_by_trust(snapshot, proof, user, asked["id"])
        scope = _default_scope(snapshot, user) if wanted is None else find_scope(snapshot, wanted)
        return await self._tokens.issue(user, methods, scope, parent=proof.parent)

    async def _issue_by_trust(self, snapshot: Snapshot, proof: Proof, user: User, trust_id: str) -> Valid:
        """For the trustee, by leave of the trustor. Raises SignInRefused for no trust, Forbidden for somebody else's."""
        trust = snapshot.trusts.get(trust_id)
        if trust is None or not trust_usable(trust):
            raise SignInRefused
        if trust.trustee_user_id != user.id:
            raise Forbidden("You are not the trustee of that trust.")
        trustor = snapshot.users.get(trust.trustor_user_id)
        if trustor is None or not snapshot.user_usable(trustor) or snapshot.lost_roles(trust):
            raise Forbidden("The trustor can't delegate these roles any more.")
        valid = await self._tokens.issue(
            trustor if trust.impersonation else user,
            tuple(proof.methods),
            Scope("project", trust.project_id or ""),
            parent=proof.parent,
            trust_id=trust.id,
            expires_at=trust.expires_at,
        )
        if trust.remaining_uses is not None and not await self._store.use_trust(trust.id):
            raise SignInRefused
        return valid

    def _trace(self, valid: Valid, start: int, checking: int, issuing: int) -> None:
        audit_id = valid.token.audit_ids[0]
        self._tracer.record(AUTHENTICATE, start=start, duration=checking, audit_id=audit_id)
        self._tracer.record(ISSUE, start=start + checking, duration=issuing, audit_id=audit_id)


def find_user(snapshot: Snapshot, given: dict[str, Any]) -> User | None:
    """By id, or by name and domain."""
    if "id" in given:
        return snapshot.users.get(given["id"])
    domain_id = _domain_id(snapshot, given.get("domain", {}))
    return snapshot.users.get(snapshot.user_names.get((domain_id or "-", given.get("name", "")), ""))


def find_application_credential(snapshot: Snapshot, given: dict[str, Any]) -> ApplicationCredential | None:
    """By id, or by name and user."""
    if "id" in given:
        return snapshot.application_credentials.get(given["id"])
    user = find_user(snapshot, given.get("user", {}))
    for one in snapshot.application_credentials.values():
        if user and one.user_id == user.id and one.name == given.get("name"):
            return one
    return None


def find_scope(snapshot: Snapshot, wanted: Any) -> Scope:
    """The ``scope`` of a request as ids. Raises SignInRefused for what is not there."""
    if wanted == "unscoped" or "unscoped" in wanted:
        return UNSCOPED
    if "system" in wanted:
        return SYSTEM
    if "domain" in wanted:
        found = _domain_id(snapshot, wanted["domain"])
        if found is None:
            raise SignInRefused
        return Scope("domain", found)
    project = wanted["project"]
    project_id = project.get("id")
    if project_id is None:
        domain_id = _domain_id(snapshot, project.get("domain", {}))
        project_id = snapshot.project_names.get((domain_id or "-", project.get("name", "")))
    if project_id not in snapshot.projects:
        raise SignInRefused
    return Scope("project", project_id)


def _domain_id(snapshot: Snapshot, given: dict[str, Any]) -> str | None:
    if "id" in given:
        return str(given["id"]) if snapshot.domain(given["id"]) else None
    return snapshot.project_names.get((ROOT, given.get("name", "")))


def _default_scope(snapshot: Snapshot, user: User) -> Scope:
    """The user's default project where a role is held on it; else unscoped."""
    scope = Scope("project", user.default_project_id or "")
    if user.default_project_id and snapshot.usable(scope) and snapshot.roles_on(user.id, scope):
        return scope
    return UNSCOPED
