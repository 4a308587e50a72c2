"""Tokens: issued, validated, revoked. A token holds what was true of the user at issue only as long as it still is true."""

import logging

import msgspec

from tinstack.core.access_rules import AccessRule
from tinstack.core.clock import SECOND, iso_us_z, now_us
from tinstack.core.context import LAUNCH, TRUST, Context, LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.identity.catalog import catalog_for
from tinstack.identity.fernet import Codec, Token, new_audit_id
from tinstack.identity.revocation import Revoker
from tinstack.identity.rows import AccessToken, ApplicationCredential, Project, Role, Trust, User
from tinstack.identity.snapshot import SYSTEM, UNSCOPED, Directory, Scope, Snapshot
from tinstack.identity.store import Store, Writer

log = logging.getLogger(__name__)

KEEP = 2048
SERVICE = "service"

_encode = msgspec.json.Encoder().encode


class Valid(msgspec.Struct, frozen=True, kw_only=True):
    """A token that holds, with what it stands for at this moment."""

    text: str
    token: Token
    user: User
    user_domain: Project
    project: Project | None
    project_domain: Project | None
    domain: Project | None
    roles: tuple[Role, ...]
    context: Context
    trust: Trust | None = None
    access_token: AccessToken | None = None
    credential: ApplicationCredential | None = None
    access_rules: tuple[AccessRule, ...] | None = None


class _Known(msgspec.Struct):
    """A validated token while nothing changes; ``body`` without the catalog."""

    total: int
    valid: Valid
    body: bytes


class Tokens:
    """``launch_seconds`` and ``seconds``: the longest life of launch tokens and of all others."""

    def __init__(
        self, directory: Directory, store: Store, codec: Codec, revoker: Revoker, seconds: int, launch_seconds: int
    ) -> None:
        self.directory, self._store, self._codec, self._revoker = directory, store, codec, revoker
        self._seconds, self._launch_seconds = seconds, launch_seconds
        self._known: dict[str, _Known] = {}

    async def issue(
        self,
        user: User,
        methods: tuple[str, ...],
        scope: Scope,
        *,
        parent: Token | None = None,
        application_credential_id: str | None = None,
        trust_id: str | None = None,
        access_token_id: str | None = None,
        expires_at: int = 0,
    ) -> Valid:
        """A token for a user who was authenticated. ``parent``: the token it was authenticated by, whose end it keeps.

        ``expires_at``: where it ends sooner than others (0: it does not). Raises Unauthorized where the user has no role there.
        """
        now = now_us()
        end = min(now + self._seconds * SECOND, expires_at or now + self._seconds * SECOND)
        audits: tuple[str, ...] = (new_audit_id(),)
        if parent:
            end = min(end, parent.expires_at)
            audits = (audits[0], parent.audit_ids[-1])
        token = Token(
            user_id=user.id,
            methods=methods,
            scope=scope,
            issued_at=now,
            expires_at=end,
            audit_ids=audits,
            application_credential_id=application_credential_id,
            trust_id=trust_id,
            access_token_id=access_token_id,
        )
        return self._resolve(await self.directory.current(), token, self._codec.seal(token))

    async def issue_launch(self, user_id: str, project_id: str, claims: LaunchClaims, seconds: int) -> Valid:
        """A launch token for a host: of the calling service's user, on the server's project. Raises Unauthorized."""
        now = now_us()
        token = Token(
            user_id=user_id,
            methods=("launch",),
            scope=Scope("project", project_id),
            issued_at=now,
            expires_at=now + min(seconds, self._launch_seconds) * SECOND,
            audit_ids=(new_audit_id(),),
            launch=claims,
        )
        return self._resolve(await self.directory.current(), token, self._codec.seal(token))

    async def validate(self, text: str) -> Valid:
        """The token if it holds now. Raises Unauthorized."""
        return (await self._look_up(text)).valid

    async def validate_ended(self, text: str, grace_seconds: int) -> Valid:
        """The same for a token that ended at most ``grace_seconds`` ago and would hold otherwise. Raises Unauthorized."""
        token = self._codec.open(text)
        if token.expires_at + grace_seconds * SECOND <= now_us():
            raise Unauthorized
        return self._resolve(await self.directory.current(), token, text, ended=token.expires_at <= now_us())

    def validated_body(self, text: str) -> tuple[Valid, bytes]:
        """The same with the answer's bytes, without the catalog; for requests whose own token was validated just before."""
        known = self._in(self.directory.latest, text)
        return known.valid, known.body

    async def authenticate(self, text: str) -> Context:
        """The Authenticator of core.http for this service's own API, which refuses launch tokens: they are for other services."""
        return (await self._look_up(text)).valid.context

    async def revoke(self, text: str) -> None:
        """Void a token now, here and in every service."""
        token = (await self.validate(text)).token

        async def work(writer: Writer) -> None:
            await self._revoker.keep(writer, "audit", [token.audit_ids[0]])

        await self._store.write(work)
        await self._revoker.tell(audit_ids=[token.audit_ids[0]])

    async def revoke_launches(self, launches: list[str]) -> None:
        """Void the launch tokens of attempts of operations, or of servers, now, here and in every service."""

        async def work(writer: Writer) -> None:
            await self._revoker.keep(writer, "launch", launches, seconds=self._launch_seconds)

        await self._store.write(work)
        await self._revoker.tell(launches=launches)

    async def _look_up(self, text: str) -> _Known:
        return self._in(await self.directory.current(), text)

    def _in(self, snapshot: Snapshot, text: str) -> _Known:
        known = self._known.get(text)
        if known and known.total == snapshot.counters.total:
            if known.valid.token.expires_at <= now_us():
                raise Unauthorized
            return known
        valid = self._resolve(snapshot, known.valid.token if known else self._codec.open(text), text)
        if len(self._known) >= KEEP:
            self._known.pop(next(iter(self._known)))
        made = self._known[text] = _Known(snapshot.counters.total, valid, _encode({"token": body_of(valid, None)}))
        return made

    def _resolve(self, snapshot: Snapshot, token: Token, text: str, *, ended: bool = False) -> Valid:
        user = snapshot.users.get(token.user_id)
        scope = token.scope
        if token.expires_at <= now_us() and not ended:
            raise Unauthorized
        if user is None or not snapshot.user_usable(user) or not snapshot.usable(scope):
            raise Unauthorized
        trust = _trust(snapshot, token)
        if _revoked(snapshot, token, user, trust):
            if token.launch:
                log.warning(
                    "the host '%s' used its launch token for server %s, which is revoked: its launch is over",
                    token.launch.host,
                    token.launch.server,
                )
            raise Unauthorized
        roles = _roles(snapshot, token)
        if scope != UNSCOPED and not roles:
            raise Unauthorized
        credential = snapshot.application_credentials.get(token.application_credential_id or "")
        place = snapshot.projects.get(scope.id)
        project = place if scope.kind == "project" else None
        above = snapshot.projects[project.domain_id or project.id] if project else None
        valid = Valid(
            text=text,
            token=token,
            user=user,
            user_domain=snapshot.projects[user.domain_id],
            project=project,
            project_domain=above,
            domain=place if scope.kind == "domain" else None,
            roles=roles,
            trust=trust,
            access_token=snapshot.access_tokens.get(token.access_token_id or ""),
            credential=credential,
            access_rules=_access_rules(snapshot, credential),
            context=Context(user_id=""),
        )
        return msgspec.structs.replace(valid, context=context_of(valid))


def _trust(snapshot: Snapshot, token: Token) -> Trust | None:
    """The trust of a token. Raises Unauthorized where it is gone, has ended, or one of its users can't sign in."""
    if token.trust_id is None:
        return None
    trust = snapshot.trusts.get(token.trust_id)
    chain = snapshot.chain(trust) if trust else None
    if trust is None or chain is None or 0 < trust.expires_at <= now_us():
        raise Unauthorized
    for one in chain:
        if not all(snapshot.user_usable(snapshot.users.get(id)) for id in (one.trustor_user_id, one.trustee_user_id)):
            raise Unauthorized
    return trust


def _revoked(snapshot: Snapshot, token: Token, user: User, trust: Trust | None) -> bool:
    revoked = snapshot.revoked
    if not revoked:
        return False
    subjects = [("audit", token.audit_ids[0]), ("user", user.id), ("domain", user.domain_id)]
    if token.scope.kind in ("project", "domain"):
        place = snapshot.projects[token.scope.id]
        subjects += [("project", place.id), ("domain", place.domain_id or place.id)]
    if token.application_credential_id:
        subjects.append(("credential", token.application_credential_id))
    if trust:
        subjects += [("user", trust.trustor_user_id), ("user", trust.trustee_user_id)]
    if token.launch:
        subjects += [("launch", token.launch.launch_id), ("launch", token.launch.server)]
    return any(revoked.get(subject, 0) >= token.issued_at for subject in subjects)


def _roles(snapshot: Snapshot, token: Token) -> tuple[Role, ...]:
    if token.scope == UNSCOPED:
        return ()
    if token.launch:
        return tuple(role for role in snapshot.roles.values() if role.name == SERVICE and not role.domain_id)
    if token.trust_id:
        return _roles_of_trust(snapshot, snapshot.trusts[token.trust_id])
    roles = snapshot.roles_on(token.user_id, token.scope)
    if token.access_token_id:
        return _roles_of_access_token(snapshot, token, roles)
    if token.application_credential_id is None:
        return roles
    credential = snapshot.application_credentials.get(token.application_credential_id)
    if credential is None or 0 < credential.expires_at <= now_us():
        raise Unauthorized
    allowed = set(snapshot.expand(credential.roles))
    return tuple(role for role in roles if role.id in allowed)


def _roles_of_access_token(snapshot: Snapshot, token: Token, held: tuple[Role, ...]) -> tuple[Role, ...]:
    """What the user granted, as long as it has it all. Raises Unauthorized."""
    access = snapshot.access_tokens.get(token.access_token_id or "")
    ids = {role.id for role in held}
    if access is None or 0 < access.expires_at <= now_us() or not ids.issuperset(access.roles):
        raise Unauthorized
    allowed = set(snapshot.expand(access.roles))
    return tuple(role for role in held if role.id in allowed)


def _access_rules(snapshot: Snapshot, credential: ApplicationCredential | None) -> tuple[AccessRule, ...] | None:
    if credential is None or credential.access_rules is None:
        return None
    found = (snapshot.access_rules[one] for one in credential.access_rules if one in snapshot.access_rules)
    return tuple(AccessRule(rule.service, rule.method, rule.path) for rule in found)


def _roles_of_trust(snapshot: Snapshot, trust: Trust) -> tuple[Role, ...]:
    """Its roles and what they imply, as long as the trustor has them all. Raises Unauthorized."""
    if snapshot.lost_roles(trust):
        raise Unauthorized
    expanded = (snapshot.roles[id] for id in snapshot.expand(trust.roles))
    return tuple(role for role in expanded if not role.domain_id)


def context_of(valid: Valid) -> Context:
    """What core.http and core.policy know of the caller."""
    token, project, above, domain = valid.token, valid.project, valid.project_domain, valid.domain
    return Context(
        user_id=valid.user.id,
        user_name=valid.user.name,
        user_domain_id=valid.user_domain.id,
        user_domain_name=valid.user_domain.name,
        project_id=project.id if project else None,
        project_name=project.name if project else None,
        project_domain_id=above.id if above else None,
        project_domain_name=above.name if above else None,
        domain_id=domain.id if domain else None,
        domain_name=domain.name if domain else None,
        system=token.scope == SYSTEM,
        roles=frozenset(role.name.lower() for role in valid.roles),
        token=valid.text,
        audit_id=token.audit_ids[0],
        expires_at=token.expires_at,
        launch=token.launch,
        access_rules=valid.access_rules,
        delegation=(valid.trust.trustor_user_id, valid.trust.trustee_user_id) if valid.trust else (),
    )


def body_of(valid: Valid, snapshot: Snapshot | None) -> dict[str, object]:
    """The ``token`` object of answers; with the catalog where a snapshot is given and the token is scoped."""
    token = valid.token
    body: dict[str, object] = {
        "methods": list(token.methods),
        "user": {
            "domain": {"id": valid.user_domain.id, "name": valid.user_domain.name},
            "id": valid.user.id,
            "name": valid.user.name,
            "password_expires_at": None,
        },
        "audit_ids": list(token.audit_ids),
        "expires_at": iso_us_z(token.expires_at),
        "issued_at": iso_us_z(token.issued_at),
    }
    if valid.project and valid.project_domain:
        above = valid.project_domain
        body["project"] = {
            "domain": {"id": above.id, "name": above.name},
            "id": valid.project.id,
            "name": valid.project.name,
        }
        body["is_domain"] = valid.project.is_domain
    elif valid.domain:
        body["domain"] = {"id": valid.domain.id, "name": valid.domain.name}
    elif token.scope == SYSTEM:
        body["system"] = {"all": True}
    if token.scope != UNSCOPED:
        body["roles"] = [{"id": role.id, "name": role.name} for role in valid.roles]
        if snapshot:
            body["catalog"] = catalog_for(snapshot, valid.project.id if valid.project else None)
            if snapshot.service_providers:
                body["service_providers"] = [
                    {"id": one.id, "auth_url": one.auth_url, "sp_url": one.sp_url} for one in snapshot.service_providers
                ]
    if credential := valid.credential:
        about: dict[str, object] = {
            "id": credential.id,
            "name": credential.name,
            "restricted": not credential.unrestricted,
        }
        if valid.access_rules is not None:
            about["access_rules"] = [msgspec.to_builtins(rule) for rule in valid.access_rules]
        body["application_credential"] = about
    if access := valid.access_token:
        body["OS-OAUTH1"] = {"access_token_id": access.id, "consumer_id": access.consumer_id}
    if trust := valid.trust:
        body[TRUST] = {
            "id": trust.id,
            "impersonation": trust.impersonation,
            "trustor_user": {"id": trust.trustor_user_id},
            "trustee_user": {"id": trust.trustee_user_id},
        }
    if token.launch:
        body[LAUNCH] = msgspec.to_builtins(token.launch)
    return body
