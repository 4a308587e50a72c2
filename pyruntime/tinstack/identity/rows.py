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
    """A secret that stands for some roles of its user on one project; ``expires_at`` 0: never.

    ``access_rules``: ids of the rules one of which a request must meet; None: any request.
    """

    id: str
    user_id: str
    project_id: str
    name: str
    description: str = ""
    secret_hash: str
    expires_at: int = 0
    unrestricted: bool = False
    roles: list[str] = []
    access_rules: list[str] | None = None


class AccessRule(Row, frozen=True, kw_only=True):
    """Requests that an application credential may make: a service's type, a method, and a path with wildcards."""

    id: str
    user_id: str
    service: str
    path: str
    method: str


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


class RegisteredLimit(Row, frozen=True, kw_only=True):
    """How much of a resource every project may have; ``region_id`` '': in all regions."""

    id: str
    service_id: str
    region_id: str
    resource_name: str
    default_limit: int
    description: str | None = None


class Limit(Row, frozen=True, kw_only=True):
    """How much of it one project or one domain may have (the other id is '')."""

    id: str
    service_id: str
    region_id: str
    resource_name: str
    resource_limit: int
    project_id: str
    domain_id: str
    description: str | None = None


class DomainOption(Row, frozen=True, kw_only=True):
    """An option of a domain's configuration: ``value`` as JSON text, sealed where it is a ``secret``."""

    domain_id: str
    section: str
    name: str
    value: str
    secret: bool


class EndpointGroup(Row, frozen=True, kw_only=True):
    """All endpoints that match ``filters`` (service_id, region_id, interface)."""

    id: str
    name: str
    description: str | None
    filters: dict[str, str]


class ProjectEndpoint(Row, frozen=True, kw_only=True):
    """The endpoint stands in the project's catalog."""

    project_id: str
    endpoint_id: str


class ProjectEndpointGroup(Row, frozen=True, kw_only=True):
    """The endpoints of the group stand in the project's catalog."""

    project_id: str
    endpoint_group_id: str


class PolicyAssociation(Row, frozen=True, kw_only=True):
    """The policy document for an endpoint, a service, or a service in a region (what is not meant is '')."""

    endpoint_id: str
    service_id: str
    region_id: str
    policy_id: str


class Consumer(Row, frozen=True, kw_only=True):
    """A program that asks for access by OAuth; ``sealed``: its secret."""

    id: str
    description: str | None
    sealed: str
    extra: dict[str, Any] = {}


class RequestToken(Row, frozen=True, kw_only=True):
    """A consumer's request to be let in; ``verifier`` once a user has granted it."""

    id: str
    consumer_id: str
    project_id: str
    sealed: str
    expires_at: int
    user_id: str | None = None
    verifier: str | None = None
    roles: list[str] = []


class AccessToken(Row, frozen=True, kw_only=True):
    """Leave of a user for a consumer to use some of its roles on one project; ``expires_at`` 0: never."""

    id: str
    consumer_id: str
    user_id: str
    project_id: str
    sealed: str
    expires_at: int
    roles: list[str]


class IdentityProvider(Row, frozen=True, kw_only=True):
    """Who else may say who somebody is."""

    id: str
    domain_id: str
    enabled: bool
    description: str | None
    remote_ids: list[str]
    authorization_ttl: int | None


class Mapping(Row, frozen=True, kw_only=True):
    """What an identity provider's words mean here."""

    id: str
    rules: list[Any]
    schema_version: str


class Protocol(Row, frozen=True, kw_only=True):
    """How an identity provider is spoken to, and by which mapping it is understood."""

    idp_id: str
    id: str
    mapping_id: str
    remote_id_attribute: str | None


class ServiceProvider(Row, frozen=True, kw_only=True):
    """Another cloud that takes our word; those that are enabled stand in tokens."""

    id: str
    auth_url: str
    sp_url: str
    description: str | None
    enabled: bool
    relay_state_prefix: str


class Revocation(Row, frozen=True, kw_only=True):
    """Tokens of ``subject`` issued until ``issued_before`` are void. ``kind``: audit, chain, user, project, domain, credential."""

    id: str
    kind: str
    subject: str
    issued_before: int
    kept_until: int
