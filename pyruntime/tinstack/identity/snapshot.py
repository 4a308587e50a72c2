"""All that reads need, in memory: users, projects, roles, grants, catalog, revocations.

``Directory.current()`` asks the database by one SELECT whether anything has changed since, and loads what has: an answer is
never older than the request. Requests that wait at the same time share one SELECT that began after they came.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tinstack.core.clock import now_us
from tinstack.core.errors import Unavailable
from tinstack.identity.rows import (
    ROOT,
    AccessRule,
    AccessToken,
    ApplicationCredential,
    CatalogService,
    Endpoint,
    EndpointGroup,
    Grant,
    Group,
    Implication,
    Member,
    Project,
    ProjectEndpoint,
    ProjectEndpointGroup,
    Region,
    Revocation,
    Role,
    ServiceProvider,
    Trust,
    User,
)
from tinstack.identity.store import Counters, Store

TRIES = 20


class Scope(NamedTuple):
    """``kind``: project, domain, system or '' (unscoped); ``id``: of the project or domain, ``all`` for the system."""

    kind: str = ""
    id: str = ""


UNSCOPED = Scope()
SYSTEM = Scope("system", "all")


class Snapshot:
    """The state at one moment; never changed once it is shown."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.projects: dict[str, Project] = {}
        self.project_names: dict[tuple[str, str], str] = {}
        self.children: dict[str, list[str]] = {}
        self.users: dict[str, User] = {}
        self.user_names: dict[tuple[str, str], str] = {}
        self.groups: dict[str, Group] = {}
        self.members: dict[str, list[str]] = {}
        self.groups_of: dict[str, list[str]] = {}
        self.roles: dict[str, Role] = {}
        self.implied: dict[str, list[str]] = {}
        self.grants: list[Grant] = []
        self.grants_of: dict[tuple[str, str], list[Grant]] = {}
        self.regions: dict[str, Region] = {}
        self.services: dict[str, CatalogService] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.endpoint_groups: dict[str, EndpointGroup] = {}
        self.project_endpoints: list[ProjectEndpoint] = []
        self.project_endpoint_groups: list[ProjectEndpointGroup] = []
        self.service_providers: list[ServiceProvider] = []
        self.access_rules: dict[str, AccessRule] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.application_credentials: dict[str, ApplicationCredential] = {}
        self.trusts: dict[str, Trust] = {}
        self.revoked: dict[tuple[str, str], int] = {}
        self._roles_of: dict[tuple[str, Scope], tuple[Role, ...]] = {}

    def copy(self) -> "Snapshot":
        """The same sections, to be changed one by one before it is shown."""
        other = Snapshot()
        other.__dict__.update(self.__dict__)
        other._roles_of = {}
        return other

    # --- sections ------------------------------------------------------------------------------

    def set_projects(self, projects: list[Project]) -> None:
        self.projects = {project.id: project for project in projects}
        self.project_names = {(project.domain_id, project.name): project.id for project in projects}
        children: dict[str, list[str]] = defaultdict(list)
        for project in projects:
            if project.parent_id:
                children[project.parent_id].append(project.id)
        self.children = dict(children)

    def set_users(self, users: list[User]) -> None:
        self.users = {user.id: user for user in users}
        self.user_names = {(user.domain_id, user.name): user.id for user in users}

    def set_members(self, members: list[Member]) -> None:
        by_group: dict[str, list[str]] = defaultdict(list)
        by_user: dict[str, list[str]] = defaultdict(list)
        for member in members:
            by_group[member.group_id].append(member.user_id)
            by_user[member.user_id].append(member.group_id)
        self.members, self.groups_of = dict(by_group), dict(by_user)

    def set_roles(self, roles: list[Role], implications: list[Implication]) -> None:
        self.roles = {role.id: role for role in roles}
        implied: dict[str, list[str]] = defaultdict(list)
        for one in implications:
            if one.prior_id in self.roles and one.implied_id in self.roles:
                implied[one.prior_id].append(one.implied_id)
        self.implied = dict(implied)

    def set_grants(self, grants: list[Grant]) -> None:
        self.grants = grants
        by_actor: dict[tuple[str, str], list[Grant]] = defaultdict(list)
        for grant in grants:
            by_actor[grant.actor, grant.actor_id].append(grant)
        self.grants_of = dict(by_actor)

    def set_revocations(self, revocations: list[Revocation]) -> None:
        revoked: dict[tuple[str, str], int] = {}
        for one in revocations:
            key = one.kind, one.subject
            revoked[key] = max(revoked.get(key, 0), one.issued_before)
        self.revoked = revoked

    # --- questions -----------------------------------------------------------------------------

    def domain(self, domain_id: str) -> Project | None:
        """A domain by id."""
        found = self.projects.get(domain_id)
        return found if found and found.is_domain else None

    def ancestors(self, project: Project) -> Iterable[Project]:
        """Parent, grandparent … and the domain last."""
        seen = {project.id}
        while project.parent_id and project.parent_id not in seen and project.parent_id in self.projects:
            project = self.projects[project.parent_id]
            seen.add(project.id)
            yield project

    def usable(self, scope: Scope) -> bool:
        """Whether project or domain (and the project's domain) are there and enabled."""
        if not scope.kind or scope == SYSTEM:
            return True
        found = self.projects.get(scope.id)
        if not found or not found.enabled or (scope.kind == "domain" and not found.is_domain):
            return False
        if found.is_domain:
            return True
        domain = self.projects.get(found.domain_id)
        return domain is not None and domain.enabled

    def user_usable(self, user: User | None) -> bool:
        """Whether user and its domain are enabled."""
        if user is None or not user.enabled:
            return False
        domain = self.projects.get(user.domain_id)
        return domain is not None and domain.enabled

    def expand(self, role_ids: Iterable[str]) -> list[str]:
        """These roles and all that they imply."""
        found: dict[str, None] = {}
        waiting = list(role_ids)
        while waiting:
            role_id = waiting.pop(0)
            if role_id in self.roles and role_id not in found:
                found[role_id] = None
                waiting += self.implied.get(role_id, [])
        return list(found)

    def applies(self, grant: Grant, scope: Scope) -> bool:
        """Whether a grant gives its role on the scope: directly, or inherited from above."""
        if not grant.inherited:
            if grant.target_id != scope.id:
                return False
            return grant.target == scope.kind or (grant.target == "domain" and scope.kind == "project")
        if scope.kind != "project" or (project := self.projects.get(scope.id)) is None:
            return False
        return any(above.id == grant.target_id for above in self.ancestors(project))

    def grants_for(self, user_id: str) -> Iterable[Grant]:
        """Of the user and of the groups it is in."""
        yield from self.grants_of.get(("user", user_id), ())
        for group_id in self.groups_of.get(user_id, ()):
            yield from self.grants_of.get(("group", group_id), ())

    def roles_on(self, user_id: str, scope: Scope) -> tuple[Role, ...]:
        """Effective global roles of a user, as they stand in a token."""
        key = user_id, scope
        found = self._roles_of.get(key)
        if found is None:
            held = (self.roles[role_id] for role_id in self.held(user_id, scope))
            found = self._roles_of[key] = tuple(role for role in held if role.domain_id == ROOT)
        return found

    def held(self, user_id: str, scope: Scope) -> list[str]:
        """Ids of all roles that a user has there, those of domains among them."""
        return self.expand(grant.role_id for grant in self.grants_for(user_id) if self.applies(grant, scope))

    def chain(self, trust: Trust) -> list[Trust] | None:
        """A trust and those that it was made from, back to the first; None where one of them is gone."""
        found = [trust]
        while (above := found[-1].redelegated_trust_id) and len(found) <= len(self.trusts):
            if above not in self.trusts:
                return None
            found.append(self.trusts[above])
        return found

    def lost_roles(self, trust: Trust) -> list[str]:
        """Roles of the trust that the first trustor of its chain does not have; all of them where the chain is broken."""
        chain = self.chain(trust)
        if chain is None or not trust.project_id:
            return list(trust.roles)
        held = self.held(chain[-1].trustor_user_id, Scope("project", trust.project_id))
        return [role for role in trust.roles if role not in held]

    def projects_of(self, user_id: str) -> list[Project]:
        """Enabled projects on which the user has a role."""
        wanted: dict[str, None] = {}
        for grant in self.grants_for(user_id):
            if grant.target == "project" and not grant.inherited:
                wanted[grant.target_id] = None
            elif grant.inherited:
                wanted.update(dict.fromkeys(self.below(grant.target_id)))
        scopes = (Scope("project", project_id) for project_id in wanted)
        there = [scope for scope in scopes if self.usable(scope) and self.roles_on(user_id, scope)]
        return [project for scope in there if not (project := self.projects[scope.id]).is_domain]

    def domains_of(self, user_id: str) -> list[Project]:
        """Enabled domains on which the user has a role."""
        wanted = dict.fromkeys(
            g.target_id for g in self.grants_for(user_id) if g.target == "domain" and not g.inherited
        )
        found = (self.domain(domain_id) for domain_id in wanted)
        return [one for one in found if one and one.enabled and self.roles_on(user_id, Scope("domain", one.id))]

    def below(self, project_id: str) -> list[str]:
        """Ids of all projects below a project or domain."""
        found: dict[str, None] = {}
        waiting = list(self.children.get(project_id, ()))
        while waiting:
            one = waiting.pop(0)
            if one not in found:
                found[one] = None
                waiting += self.children.get(one, [])
        return list(found)

    def users_of(self, actor: str, actor_id: str) -> list[str]:
        """The users whom a grant of that actor concerns."""
        return [actor_id] if actor == "user" else list(self.members.get(actor_id, ()))


def trust_usable(trust: Trust) -> bool:
    """Whether it has neither ended nor been used up: what is not usable can't be found."""
    return (not trust.expires_at or trust.expires_at > now_us()) and trust.remaining_uses != 0


class Directory:
    """Gives the current snapshot."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshot = Snapshot()
        self._lock = asyncio.Lock()
        self._started = self._finished = 0

    async def current(self) -> Snapshot:
        """A snapshot that holds all that was committed before this call."""
        mine = self._started + 1
        async with self._lock:
            if self._finished < mine:
                self._started = number = self._started + 1
                if await self._store.total() != self._snapshot.counters.total:
                    await self._reload()
                self._finished = number
            return self._snapshot

    @property
    def latest(self) -> Snapshot:
        """What ``current`` gave last: for a request that has asked it already."""
        return self._snapshot

    async def _reload(self) -> None:
        for _ in range(TRIES):
            counters = await self._store.counters()
            fresh = self._snapshot.copy()
            for section in Counters.__struct_fields__[1:]:
                if getattr(counters, section) != getattr(self._snapshot.counters, section):
                    await self._load(fresh, section)
            if (await self._store.counters()) == counters:
                fresh.counters = counters
                self._snapshot = fresh
                return
        raise Unavailable("The directory changes too fast to be read; try again.")

    async def _load(self, into: Snapshot, section: str) -> None:
        load = self._store.load
        match section:
            case "projects":
                into.set_projects(await load(Project))
            case "users":
                into.set_users(await load(User))
            case "user_groups":
                into.groups = {group.id: group for group in await load(Group)}
            case "members":
                into.set_members(await load(Member))
            case "roles":
                into.set_roles(await load(Role), await load(Implication))
            case "grants":
                into.set_grants(await load(Grant))
            case "catalog":
                into.regions = {region.id: region for region in await load(Region)}
                into.services = {service.id: service for service in await load(CatalogService)}
                into.endpoints = {endpoint.id: endpoint for endpoint in await load(Endpoint)}
                into.endpoint_groups = {group.id: group for group in await load(EndpointGroup)}
                into.project_endpoints = await load(ProjectEndpoint)
                into.project_endpoint_groups = await load(ProjectEndpointGroup)
                into.service_providers = [one for one in await load(ServiceProvider) if one.enabled]
            case "application_credentials":
                into.application_credentials = {one.id: one for one in await load(ApplicationCredential)}
                into.access_rules = {rule.id: rule for rule in await load(AccessRule)}
            case "delegations":
                into.trusts = {trust.id: trust for trust in await load(Trust)}
                into.access_tokens = {token.id: token for token in await load(AccessToken)}
            case "revocations":
                into.set_revocations(await load(Revocation))
