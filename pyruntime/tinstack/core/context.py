"""Who asks, for which project, with which roles; and the request ids that follow a request through all services."""

from collections.abc import Collection
from contextvars import ContextVar
from uuid import uuid4

import msgspec

from tinstack.core.access_rules import AccessRule

LAUNCH = "OS-TINSTACK:launch"
"""The key of the launch claims in a token's body."""

TRUST = "OS-TRUST:trust"
"""The key of the trust in a token's body, and in the scope that asks for it."""

request_id_of_task: ContextVar[str] = ContextVar("request_id", default="-")
"""The *global* request id of what this task works for; log lines, bus messages and REST calls carry it."""


NOBODY = "-"
"""The request id of what no request asked for."""


def only_request_id(ids: Collection[str]) -> str:
    """What work that several requests may have asked for is noted under: the request's id where it was one, else nobody's."""
    return next(iter(ids)) if len(ids) == 1 else NOBODY


def new_request_id() -> str:
    """A request id in OpenStack's form, ``req-<uuid4>``."""
    return f"req-{uuid4()}"


class LaunchClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch token allows: this server on this host, this image, these ports and volumes, nothing else.

    ``networks``: those that the server's ports are on, as whoever asked for the server may use them. ``operation`` and
    ``attempt``: what it was given for; it ends with that.
    """

    host: str
    server: str
    image: str | None = None
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    operation: str | None = None
    attempt: int = 1

    @property
    def launch_id(self) -> str:
        """The attempt that it is for, as revocations name it."""
        return f"{self.operation}.{self.attempt}"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A validated token. Role names are lower-case with implied roles included. ``expires_at`` in microseconds."""

    user_id: str
    user_name: str = ""
    user_domain_id: str = "default"
    user_domain_name: str = "Default"
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None
    system: bool = False
    roles: frozenset[str] = frozenset()
    token: str = ""
    audit_id: str = ""
    expires_at: int = 0
    launch: LaunchClaims | None = None
    delegation: tuple[str, ...] = ()
    """The users on whom a delegated token depends beside its own: trustor and trustee of a trust."""
    access_rules: tuple[AccessRule, ...] | None = None
    """Of an application credential: one of them must permit a request; None: any request may be made."""

    def __repr__(self) -> str:
        """Without the token: contexts end up in logs and tracebacks."""
        return f"Context(user={self.user_id}, project={self.project_id}, roles={sorted(self.roles)})"

    @property
    def is_admin(self) -> bool:
        """Has the role admin (in whatever scope)."""
        return "admin" in self.roles

    @property
    def is_service(self) -> bool:
        """One of our own services (not a host with a launch token)."""
        return "service" in self.roles and self.launch is None

    @property
    def scope(self) -> str:
        """``system``, ``domain``, or ``project`` (an unscoped token counts as one of a project)."""
        return "system" if self.system else "domain" if self.domain_id else "project"

    def own(self) -> dict[str, str | None]:
        """The policy target that stands for 'my own things'."""
        return {"user_id": self.user_id, "project_id": self.project_id, "domain_id": self.domain_id}
