"""Rows as the Identity API shows them, lists with their links, and the filters that all lists know."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from tinstack.core.clock import iso_us, iso_us_z
from tinstack.core.http import Request, page_of
from tinstack.core.http.request import FALSE
from tinstack.identity import rows

Body = dict[str, Any]

_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda value, wanted: wanted in value,
    "icontains": lambda value, wanted: wanted.lower() in value.lower(),
    "startswith": lambda value, wanted: value.startswith(wanted),
    "istartswith": lambda value, wanted: value.lower().startswith(wanted.lower()),
    "endswith": lambda value, wanted: value.endswith(wanted),
    "iendswith": lambda value, wanted: value.lower().endswith(wanted.lower()),
}


def _self(request: Request, collection_name: str, identifier: str) -> Body:
    return {"self": f"{request.root_url}/v3/{collection_name}/{identifier}"}


def plain(request: Request, row: rows.Row, path: str, key: str | None = None, **instead: Any) -> Body:
    """A row as it is, but for the fields given by name; ``key`` ends its link where it has no id."""
    fields = {name: getattr(row, name) for name in row.__struct_fields__ if name != "extra"}
    return {**getattr(row, "extra", {}), **fields, **instead, "links": _self(request, path, key or fields["id"])}


def project(request: Request, row: rows.Project) -> Body:
    """A project; a domain too, seen as one."""
    return {
        "options": {},
        **row.extra,
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id or None,
        "description": row.description,
        "enabled": row.enabled,
        "parent_id": row.parent_id or None,
        "is_domain": row.is_domain,
        "tags": row.tags,
        "links": _self(request, "projects", row.id),
    }


def domain(request: Request, row: rows.Project) -> Body:
    """A domain."""
    return {
        "options": {},
        **row.extra,
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "tags": row.tags,
        "links": _self(request, "domains", row.id),
    }


def user(request: Request, row: rows.User) -> Body:
    """A user; never anything of its password."""
    shown = {
        "options": {},
        **row.extra,
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id,
        "enabled": row.enabled,
        "password_expires_at": None,
        "links": _self(request, "users", row.id),
    }
    if row.default_project_id:
        shown["default_project_id"] = row.default_project_id
    return shown


def group(request: Request, row: rows.Group) -> Body:
    """A group."""
    return {
        **row.extra,
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id,
        "description": row.description,
        "links": _self(request, "groups", row.id),
    }


def role(request: Request, row: rows.Role) -> Body:
    """A role."""
    return {
        "options": {},
        **row.extra,
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id or None,
        "description": row.description or None,
        "links": _self(request, "roles", row.id),
    }


def region(request: Request, row: rows.Region) -> Body:
    """A region."""
    return {
        **row.extra,
        "id": row.id,
        "description": row.description,
        "parent_region_id": row.parent_region_id,
        "links": _self(request, "regions", row.id),
    }


def policy(request: Request, row: rows.Policy) -> Body:
    """A policy document."""
    return {
        **row.extra,
        "id": row.id,
        "type": row.type,
        "blob": row.blob,
        "links": _self(request, "policies", row.id),
    }


def service(request: Request, row: rows.CatalogService) -> Body:
    """A service."""
    return {
        **row.extra,
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "description": row.description,
        "enabled": row.enabled,
        "links": _self(request, "services", row.id),
    }


def endpoint(request: Request, row: rows.Endpoint) -> Body:
    """An endpoint."""
    return {
        **row.extra,
        "id": row.id,
        "service_id": row.service_id,
        "region": row.region_id,
        "region_id": row.region_id,
        "interface": row.interface,
        "url": row.url,
        "enabled": row.enabled,
        "links": _self(request, "endpoints", row.id),
    }


def application_credential(
    request: Request, row: rows.ApplicationCredential, roles: list[rows.Role], secret: str | None = None
) -> Body:
    """An application credential; its secret only in the answer that makes it."""
    shown = {
        "id": row.id,
        "name": row.name,
        "description": row.description or None,
        "user_id": row.user_id,
        "project_id": row.project_id,
        "system": None,
        "expires_at": iso_us(row.expires_at) if row.expires_at else None,
        "unrestricted": row.unrestricted,
        "roles": [{"id": one.id, "name": one.name, "domain_id": one.domain_id or None} for one in roles],
        "links": _self(request, f"users/{row.user_id}/application_credentials", row.id),
    }
    return shown if secret is None else shown | {"secret": secret}


def said_by_rule(row: rows.AccessRule) -> Body:
    """An access rule as part of what it belongs to."""
    return {"id": row.id, "service": row.service, "path": row.path, "method": row.method}


def access_rule(request: Request, row: rows.AccessRule) -> Body:
    """An access rule."""
    return said_by_rule(row) | {"links": _self(request, f"users/{row.user_id}/access_rules", row.id)}


def credential(request: Request, row: rows.Credential, blob: str) -> Body:
    """A credential with what it says."""
    return {
        **row.extra,
        "id": row.id,
        "user_id": row.user_id,
        "project_id": row.project_id,
        "type": row.type,
        "blob": blob,
        "links": _self(request, "credentials", row.id),
    }


def ec2_credential(request: Request, row: rows.Credential, keys: Body) -> Body:
    """A pair of EC2 keys."""
    return {
        "user_id": row.user_id,
        "tenant_id": row.project_id,
        "access": keys["access"],
        "secret": keys.get("secret"),
        "trust_id": keys.get("trust_id"),
        "links": _self(request, f"users/{row.user_id}/credentials/OS-EC2", keys["access"]),
    }


def trust(request: Request, row: rows.Trust, roles: list[rows.Role] | None = None) -> Body:
    """A trust; with its roles where it is shown alone."""
    shown: Body = {
        "id": row.id,
        "trustor_user_id": row.trustor_user_id,
        "trustee_user_id": row.trustee_user_id,
        "project_id": row.project_id,
        "impersonation": row.impersonation,
        "expires_at": iso_us_z(row.expires_at) if row.expires_at else None,
        "deleted_at": None,
        "remaining_uses": row.remaining_uses,
        "redelegation_count": row.redelegation_count,
        "redelegated_trust_id": row.redelegated_trust_id,
        "links": _self(request, "OS-TRUST/trusts", row.id),
    }
    if roles is not None:
        shown["roles"] = [role(request, one) for one in roles]
        shown["roles_links"] = {**_self(request, f"OS-TRUST/trusts/{row.id}", "roles"), "next": None, "previous": None}
    return shown


def list_links(request: Request, path: str, following: str | None = None) -> Body:
    """``links`` of a list."""
    query = f"?{request.asgi.query_string}" if request.asgi.query_string else ""
    return {"self": f"{request.root_url}{path}{query}", "previous": None, "next": following}


def _name_of(item: Body) -> str:
    """By what an item is told from the others of its list: EC2 keys have no id."""
    return str(item.get("id") or item.get("access") or "")


def collection(request: Request, key: str, items: Iterable[Body], path: str, filters: tuple[str, ...] = ()) -> Body:
    """A list's body: filtered by the query's exact and ``name__contains``-like parameters, and paged if a limit is asked for."""
    found = [item for item in items if _wanted(request, item, filters)]
    page = page_of(request)
    if page.marker is not None:
        found.sort(key=_name_of)
        found = [item for item in found if _name_of(item) > page.marker]
    following = None
    if page.explicit and page.limit:
        found.sort(key=_name_of)
        if len(found) > page.limit:
            found = found[: page.limit]
            kept = [pair for pair in request.query.pairs if pair[0] != "marker"]
            following = f"{request.root_url}{path}?{urlencode([*kept, ('marker', _name_of(found[-1]))])}"
    return {key: found, "links": list_links(request, path, following)}


def _wanted(request: Request, item: Body, filters: tuple[str, ...]) -> bool:
    for key, wanted in request.query.pairs:
        name, _, comparison = key.partition("__")
        if name in filters and not _matches(item.get(name), comparison, wanted):
            return False
    return True


def _matches(value: Any, comparison: str, wanted: str) -> bool:
    if isinstance(value, bool):
        return value == (wanted.lower() not in FALSE)
    if comparison:
        compare = _COMPARISONS.get(comparison)
        return compare is None or compare(str(value or ""), wanted)
    return wanted == ("" if value is None else str(value)) or (value is None and wanted in ("null", "None"))
