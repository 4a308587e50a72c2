"""The first users, roles, services and endpoints, from one JSON document; done again it changes nothing.

What the document names is made where it is missing and mended where it differs (endpoint URLs, passwords that no longer
match, missing grants); what it does not name is left alone.
"""

import asyncio
from typing import TypeVar
from uuid import uuid4

import msgspec

from tinstack.core import db as databases
from tinstack.core.clock import now_us
from tinstack.core.config import ConfigError, ServiceConfig
from tinstack.core.db import Database
from tinstack.identity import rows
from tinstack.identity.passwords import Hashing, hash_secret, secret_matches
from tinstack.identity.snapshot import Directory, Snapshot
from tinstack.identity.store import Store, Writer

ROLES = ("admin", "manager", "member", "reader", "service")
IMPLIED = (("admin", "manager"), ("manager", "member"), ("member", "reader"))

R = TypeVar("R", bound=rows.Row)


class Admin(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The first administrator."""

    name: str = "admin"
    password: str


class Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A service of the catalog; ``urls`` by interface."""

    type: str
    name: str
    description: str = ""
    urls: dict[str, str] = {}


class Document(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``roles``: beside the five that are always there. ``service_users``: name → secret (generated, 32 characters at the least)."""

    admin: Admin
    region: str = "RegionOne"
    roles: list[str] = []
    service_users: dict[str, str] = {}
    services: list[Entry] = []


def run(config: ServiceConfig, json_text: str) -> bool:
    """Bootstrap the configured database; whether anything changed. Raises ConfigError for a document that can't be read."""
    if config.database is None:
        raise ConfigError("The identity service needs a [database].")
    document = parse(json_text)
    database = databases.connect(config.database)

    async def whole() -> bool:
        await database.open()
        try:
            return await bootstrap(database, document)
        finally:
            await database.close()

    return asyncio.run(whole())


def parse(json_text: str | bytes) -> Document:
    """Raises ConfigError; the message never repeats a value."""
    try:
        return msgspec.json.decode(json_text, type=Document)
    except msgspec.DecodeError as error:
        raise ConfigError(f"The bootstrap document can't be read: {error}.") from error


async def bootstrap(database: Database, document: Document) -> bool:
    """The same on an open database, for a running loop."""
    hashing = Hashing()
    try:
        return await _Bootstrap(Store(database), hashing).run(document)
    finally:
        hashing.close()


class _Bootstrap:
    """Gathers what is missing against the current state, then writes it in one transaction."""

    def __init__(self, store: Store, hashing: Hashing) -> None:
        self._store, self._hashing = store, hashing
        self._inserts: list[rows.Row] = []
        self._replaces: list[rows.Row] = []
        self._passwords: list[tuple[str, str]] = []
        self._now = Snapshot()

    async def run(self, document: Document) -> bool:
        self._now = await Directory(self._store).current()
        self._domain()
        roles = self._roles(document.roles)
        admin_project = self._project("admin", "The administrators' project")
        service_project = self._project("service", "The services' users")
        admin = self._user(document.admin.name, machine=False)
        await self._person_password(admin, document.admin.password)
        for target, target_id in (("project", admin_project), ("domain", rows.DEFAULT_DOMAIN), ("system", "all")):
            self._grant(admin, target, target_id, roles["admin"])
        for name, secret in document.service_users.items():
            user = self._user(name, machine=True)
            await self._machine_secret(name, user, secret)
            self._grant(user, "project", service_project, roles["service"])
        self._catalog(document)
        if not (self._inserts or self._replaces or self._passwords):
            return False
        await self._store.write(self._write)
        return True

    async def _write(self, writer: Writer) -> None:
        for row in self._inserts:
            await writer.insert(row)
        for row in self._replaces:
            await writer.replace(row)
        for user_id, kept in self._passwords:
            await writer.add_password(uuid4().hex, user_id, kept, now_us())

    def _insert(self, row: R) -> R:
        self._inserts.append(row)
        return row

    def _domain(self) -> None:
        if rows.DEFAULT_DOMAIN not in self._now.projects:
            self._insert(
                rows.Project(
                    id=rows.DEFAULT_DOMAIN,
                    name="Default",
                    domain_id=rows.ROOT,
                    is_domain=True,
                    description="The default domain",
                )
            )

    def _roles(self, names: list[str]) -> dict[str, str]:
        found = {role.name: role.id for role in self._now.roles.values() if role.domain_id == rows.ROOT}
        for name in dict.fromkeys((*ROLES, *names)):
            if name not in found:
                found[name] = self._insert(rows.Role(id=uuid4().hex, name=name)).id
        for prior, implied in IMPLIED:
            if found[implied] not in self._now.implied.get(found[prior], []):
                self._insert(rows.Implication(prior_id=found[prior], implied_id=found[implied]))
        return found

    def _project(self, name: str, description: str) -> str:
        found = self._now.project_names.get((rows.DEFAULT_DOMAIN, name))
        if found:
            return found
        return self._insert(
            rows.Project(
                id=uuid4().hex,
                name=name,
                domain_id=rows.DEFAULT_DOMAIN,
                parent_id=rows.DEFAULT_DOMAIN,
                description=description,
            )
        ).id

    def _user(self, name: str, *, machine: bool) -> str:
        found = self._now.users.get(self._now.user_names.get((rows.DEFAULT_DOMAIN, name), ""))
        if found is None:
            return self._insert(rows.User(id=uuid4().hex, name=name, domain_id=rows.DEFAULT_DOMAIN, machine=machine)).id
        if not found.enabled or found.machine != machine:
            self._replaces.append(msgspec.structs.replace(found, enabled=True, machine=machine))
        return found.id

    async def _person_password(self, user_id: str, password: str) -> None:
        login = await self._store.login(user_id)
        if login is None or not await self._hashing.verify(login.hash, password):
            self._passwords.append((user_id, await self._hashing.hash(password)))

    async def _machine_secret(self, name: str, user_id: str, secret: str) -> None:
        login = await self._store.login(user_id)
        if login is not None and login.hash and secret_matches(login.hash, secret):
            return
        try:
            self._passwords.append((user_id, hash_secret(secret)))
        except ValueError as error:
            raise ConfigError(f"The secret of the service user '{name}' is too short: {error}.") from error

    def _grant(self, user_id: str, target: str, target_id: str, role_id: str) -> None:
        grant = rows.Grant(actor="user", actor_id=user_id, target=target, target_id=target_id, role_id=role_id)
        if grant not in self._now.grants_of.get(("user", user_id), []):
            self._insert(grant)

    def _catalog(self, document: Document) -> None:
        if document.region not in self._now.regions:
            self._insert(rows.Region(id=document.region))
        for entry in document.services:
            service = next(
                (one for one in self._now.services.values() if one.type == entry.type and one.name == entry.name), None
            ) or self._insert(
                rows.CatalogService(id=uuid4().hex, type=entry.type, name=entry.name, description=entry.description)
            )
            for interface, url in entry.urls.items():
                self._endpoint(service.id, document.region, interface, url)

    def _endpoint(self, service_id: str, region_id: str, interface: str, url: str) -> None:
        for one in self._now.endpoints.values():
            if (one.service_id, one.region_id, one.interface) == (service_id, region_id, interface):
                if one.url != url or not one.enabled:
                    self._replaces.append(msgspec.structs.replace(one, url=url, enabled=True))
                return
        self._insert(
            rows.Endpoint(id=uuid4().hex, service_id=service_id, region_id=region_id, interface=interface, url=url)
        )
