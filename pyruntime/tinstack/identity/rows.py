"""Rows of the identity database as they are held in memory. Times in microseconds; ``extra``: what clients keep with a row."""

from typing import Any

import msgspec

DEFAULT_DOMAIN = "default"
ROOT = ""
"""The ``domain_id`` of what belongs to no domain."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row."""


class Project(Row, frozen=True, kw_only=True):
    """A project, or a domain (``is_domain``; then ``domain_id`` and ``parent_id`` are '')."""

    id: str
    name: str
    domain_id: str
    parent_id: str = ""
    is_domain: bool = False
    enabled: bool = True
    description: str = ""
    tags: list[str] = []
    extra: dict[str, Any] = {}


class User(Row, frozen=True, kw_only=True):
    """``machine``: one of our services, signing in with a generated secret; it is never locked out."""

    id: str
    name: str
    domain_id: str
    enabled: bool = True
    machine: bool = False
    default_project_id: str | None = None
    extra: dict[str, Any] = {}


class Group(Row, frozen=True, kw_only=True):
    """Users who get the same roles."""

    id: str
    name: str
    domain_id: str
    description: str = ""
    extra: dict[str, Any] = {}


class Member(Row, frozen=True, kw_only=True):
    """A user in a group."""

    group_id: str
    user_id: str


class Role(Row, frozen=True, kw_only=True):
    """A role; of one domain only where ``domain_id`` is not '' (such a role never stands in a token)."""

    id: str
    name: str
    domain_id: str = ROOT
    description: str = ""
    extra: dict[str, Any] = {}


class Implication(Row, frozen=True, kw_only=True):
    """Who has the prior role has the implied one too."""

    prior_id: str
    implied_id: str


class Grant(Row, frozen=True, kw_only=True):
    """A role of an actor (``user``, ``group``) on a target (``project``, ``domain``, ``system`` with id ``all``).

    ``inherited``: it holds on all projects below the target, not on the target.
    """

    actor: str
    actor_id: str
    target: str
    target_id: str
    role_id: str
    inherited: bool = False


class Region(Row, frozen=True, kw_only=True):
    """A region."""

    id: str
    description: str = ""
    parent_region_id: str | None = None
    extra: dict[str, Any] = {}


class Policy(Row, frozen=True, kw_only=True):
    """A document that some other service understands; ``blob`` is kept as it came."""

    id: str
    type: str
    blob: str
    extra: dict[str, Any] = {}


class CatalogService(Row, frozen=True, kw_only=True):
    """A service of the catalog."""

    id: str
    type: str
    name: str = ""
    description: str = ""
    enabled: bool = True
    extra: dict[str, Any] = {}


class Endpoint(Row, frozen=True, kw_only=True):
    """Where a service is: ``interface`` is public, internal or admin."""

    id: str
    service_id: str
    region_id: str | None
    interface: str
    url: str
    enabled: bool = True
    extra: dict[str, Any] = {}


class ApplicationCredential(Row, frozen=True, kw_only=True):
    """A secret that stands for some roles of its user on one project; ``expires_at`` 0: never."""

    id: str
    user_id: str
    project_id: str
    name: str
    description: str = ""
    secret_hash: str
    expires_at: int = 0
    unrestricted: bool = False
    roles: list[str] = []


class Credential(Row, frozen=True, kw_only=True):
    """A secret that is kept for a user (EC2 keys, TOTP seeds …): ``sealed`` is what it says, encrypted."""

    id: str
    user_id: str
    project_id: str | None
    type: str
    sealed: str
    extra: dict[str, Any] = {}


class Trust(Row, frozen=True, kw_only=True):
    """Leave of the trustor for the trustee to use some of the trustor's roles on one project.

    ``impersonation``: tokens speak in the trustor's name. ``expires_at`` 0: never. ``remaining_uses``: tokens that may still be
    had, None: any number. ``redelegation_count``: how many more trusts may come one after the other from this one, itself
    made from ``redelegated_trust_id``.
    """

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str | None
    impersonation: bool
    roles: list[str]
    expires_at: int = 0
    remaining_uses: int | None = None
    redelegation_count: int = 0
    redelegated_trust_id: str | None = None


class Revocation(Row, frozen=True, kw_only=True):
    """Tokens of ``subject`` issued until ``issued_before`` are void. ``kind``: audit, chain, user, project, domain, credential."""

    id: str
    kind: str
    subject: str
    issued_before: int
    kept_until: int
