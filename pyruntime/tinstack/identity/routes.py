"""Every operation of the Identity API v3 that is served, in the reference's order."""

from tinstack.core.http import Route
from tinstack.identity.extension_routes import EXTENSIONS
from tinstack.identity.handlers import (
    application_credentials,
    assignments,
    catalog,
    documents,
    domains,
    grants,
    groups,
    projects,
    roles,
    tokens,
    users,
    versions,
)
from tinstack.identity.schemas import application_credentials as credential_schema
from tinstack.identity.schemas import auth as auth_schema
from tinstack.identity.schemas import catalog as catalog_schema
from tinstack.identity.schemas import projects as project_schema
from tinstack.identity.schemas import roles as role_schema
from tinstack.identity.schemas import users as user_schema

VERSIONS = [
    Route("GET", "", versions.index, public=True, status=300),
    Route("GET", "/v3", versions.show, public=True),
]

TOKENS = [
    Route("POST", "/auth/tokens", tokens.create, public=True, body=auth_schema.SIGN_IN),
    Route("GET", "/auth/tokens", tokens.show, checked=True),
    Route("HEAD", "/auth/tokens", tokens.check, checked=True),
    Route("DELETE", "/auth/tokens", tokens.delete, checked=True),
    Route("GET", "/auth/catalog", tokens.catalog, "identity:get_auth_catalog"),
    Route("GET", "/auth/projects", tokens.projects, "identity:get_auth_projects"),
    Route("GET", "/auth/domains", tokens.domains, "identity:get_auth_domains"),
    Route("GET", "/auth/system", tokens.system, "identity:get_auth_system"),
    Route(
        "POST",
        "/OS-TINSTACK/launch_tokens",
        tokens.create_launch,
        "identity:create_launch_token",
        body=auth_schema.LAUNCH_TOKEN,
    ),
    Route(
        "POST",
        "/OS-TINSTACK/launch_tokens/revoke",
        tokens.revoke_launches,
        "identity:revoke_launch_tokens",
        body=auth_schema.LAUNCHES_OVER,
        status=204,
    ),
]

_CREDENTIALS = "/users/{user_id}/application_credentials"
APPLICATION_CREDENTIALS = [
    Route("GET", _CREDENTIALS, application_credentials.index, checked=True),
    Route("POST", _CREDENTIALS, application_credentials.create, checked=True, body=credential_schema.CREATE),
    Route("GET", _CREDENTIALS + "/{credential_id}", application_credentials.show, checked=True),
    Route("DELETE", _CREDENTIALS + "/{credential_id}", application_credentials.delete, checked=True),
]

DOMAINS = [
    Route("GET", "/domains", domains.index, checked=True),
    Route("POST", "/domains", domains.create, "identity:create_domain", body=project_schema.DOMAIN_CREATE),
    Route("GET", "/domains/{domain_id}", domains.show, checked=True),
    Route("PATCH", "/domains/{domain_id}", domains.update, checked=True, body=project_schema.DOMAIN_UPDATE),
    Route("DELETE", "/domains/{domain_id}", domains.delete, checked=True),
]

GROUPS = [
    Route("GET", "/groups", groups.index, checked=True),
    Route("POST", "/groups", groups.create, checked=True, body=user_schema.GROUP_CREATE),
    Route("GET", "/groups/{group_id}", groups.show, checked=True),
    Route("PATCH", "/groups/{group_id}", groups.update, checked=True, body=user_schema.GROUP_UPDATE),
    Route("DELETE", "/groups/{group_id}", groups.delete, checked=True),
    Route("GET", "/groups/{group_id}/users", groups.members, checked=True),
    Route("PUT", "/groups/{group_id}/users/{user_id}", groups.add_member, checked=True, status=204),
    Route("GET", "/groups/{group_id}/users/{user_id}", groups.check_member, checked=True, status=204),
    Route("HEAD", "/groups/{group_id}/users/{user_id}", groups.check_member, checked=True, status=204),
    Route("DELETE", "/groups/{group_id}/users/{user_id}", groups.remove_member, checked=True),
]

PROJECTS = [
    Route("GET", "/projects", projects.index, checked=True),
    Route("POST", "/projects", projects.create, checked=True, body=project_schema.CREATE),
    Route("GET", "/projects/{project_id}", projects.show, checked=True),
    Route("PATCH", "/projects/{project_id}", projects.update, checked=True, body=project_schema.UPDATE),
    Route("DELETE", "/projects/{project_id}", projects.delete, checked=True),
    Route("GET", "/projects/{project_id}/tags", projects.tags, checked=True),
    Route("PUT", "/projects/{project_id}/tags", projects.replace_tags, checked=True, body=project_schema.TAGS),
    Route("DELETE", "/projects/{project_id}/tags", projects.delete_tags, checked=True),
    Route("GET", "/projects/{project_id}/tags/{tag}", projects.check_tag, checked=True, status=204),
    Route("HEAD", "/projects/{project_id}/tags/{tag}", projects.check_tag, checked=True, status=204),
    Route("PUT", "/projects/{project_id}/tags/{tag}", projects.add_tag, checked=True, status=201),
    Route("DELETE", "/projects/{project_id}/tags/{tag}", projects.delete_tag, checked=True),
]

CATALOG = [
    Route("GET", "/regions", catalog.regions, "identity:list_regions"),
    Route("POST", "/regions", catalog.create_region, "identity:create_region", body=catalog_schema.REGION_CREATE),
    Route("GET", "/regions/{region_id}", catalog.show_region, "identity:get_region"),
    Route(
        "PUT",
        "/regions/{region_id}",
        catalog.create_named_region,
        "identity:create_region",
        body=catalog_schema.REGION_CREATE,
        status=201,
    ),
    Route(
        "PATCH",
        "/regions/{region_id}",
        catalog.update_region,
        "identity:update_region",
        body=catalog_schema.REGION_UPDATE,
    ),
    Route("DELETE", "/regions/{region_id}", catalog.delete_region, "identity:delete_region"),
    Route("GET", "/services", catalog.services, "identity:list_services"),
    Route("POST", "/services", catalog.create_service, "identity:create_service", body=catalog_schema.SERVICE_CREATE),
    Route("GET", "/services/{service_id}", catalog.show_service, "identity:get_service"),
    Route(
        "PATCH",
        "/services/{service_id}",
        catalog.update_service,
        "identity:update_service",
        body=catalog_schema.SERVICE_UPDATE,
    ),
    Route("DELETE", "/services/{service_id}", catalog.delete_service, "identity:delete_service"),
    Route("GET", "/endpoints", catalog.index, "identity:list_endpoints"),
    Route("POST", "/endpoints", catalog.create, "identity:create_endpoint", body=catalog_schema.ENDPOINT_CREATE),
    Route("GET", "/endpoints/{endpoint_id}", catalog.show, "identity:get_endpoint"),
    Route(
        "PATCH",
        "/endpoints/{endpoint_id}",
        catalog.update,
        "identity:update_endpoint",
        body=catalog_schema.ENDPOINT_UPDATE,
    ),
    Route("DELETE", "/endpoints/{endpoint_id}", catalog.delete, "identity:delete_endpoint"),
]

ROLES = [
    Route("GET", "/roles", roles.index, checked=True),
    Route("POST", "/roles", roles.create, checked=True, body=role_schema.CREATE),
    Route("GET", "/roles/{role_id}", roles.show, checked=True),
    Route("PATCH", "/roles/{role_id}", roles.update, checked=True, body=role_schema.UPDATE),
    Route("DELETE", "/roles/{role_id}", roles.delete, checked=True),
    Route("GET", "/roles/{role_id}/implies", roles.implied_by, "identity:list_implied_roles"),
    Route("PUT", "/roles/{role_id}/implies/{implied_id}", roles.imply, "identity:create_implied_role", status=201),
    Route("GET", "/roles/{role_id}/implies/{implied_id}", roles.show_implied, "identity:get_implied_role"),
    Route(
        "HEAD", "/roles/{role_id}/implies/{implied_id}", roles.check_implied, "identity:check_implied_role", status=204
    ),
    Route("DELETE", "/roles/{role_id}/implies/{implied_id}", roles.imply_no_more, "identity:delete_implied_role"),
    Route("GET", "/role_inferences", roles.inferences, "identity:list_role_inference_rules"),
    Route("GET", "/role_assignments", assignments.index, checked=True),
]

POLICIES = [
    Route("GET", "/policies", documents.index, "identity:list_policies"),
    Route("POST", "/policies", documents.create, "identity:create_policy", body=catalog_schema.POLICY_CREATE),
    Route("GET", "/policies/{policy_id}", documents.show, "identity:get_policy"),
    Route(
        "PATCH", "/policies/{policy_id}", documents.update, "identity:update_policy", body=catalog_schema.POLICY_UPDATE
    ),
    Route("DELETE", "/policies/{policy_id}", documents.delete, "identity:delete_policy"),
]


def _grants(path: str, suffix: str = "") -> list[Route]:
    one = path + "/{role_id}" + suffix
    return [
        Route("GET", path + suffix, grants.index, checked=True),
        Route("PUT", one, grants.create, checked=True, status=204),
        Route("GET", one, grants.check, checked=True, status=204),
        Route("HEAD", one, grants.check, checked=True, status=204),
        Route("DELETE", one, grants.delete, checked=True),
    ]


_ACTORS = ("/users/{user_id}/roles", "/groups/{group_id}/roles")
_PLACES = ("/projects/{project_id}", "/domains/{domain_id}")
GRANTS = [
    *(route for actor in _ACTORS for place in _PLACES for route in _grants(place + actor)),
    *(route for actor in _ACTORS for route in _grants("/system" + actor)),
    *(
        route
        for actor in _ACTORS
        for place in _PLACES
        for route in _grants("/OS-INHERIT" + place + actor, "/inherited_to_projects")
    ),
]

USERS = [
    Route("GET", "/users", users.index, checked=True),
    Route("POST", "/users", users.create, checked=True, body=user_schema.CREATE),
    Route("GET", "/users/{user_id}", users.show, checked=True),
    Route("PATCH", "/users/{user_id}", users.update, checked=True, body=user_schema.UPDATE),
    Route("DELETE", "/users/{user_id}", users.delete, checked=True),
    Route("GET", "/users/{user_id}/groups", users.groups, checked=True),
    Route("GET", "/users/{user_id}/projects", users.projects, checked=True),
    Route(
        "POST",
        "/users/{user_id}/password",
        users.change_password,
        public=True,
        body=user_schema.PASSWORD_CHANGE,
        status=204,
    ),
]

ROUTES = [
    *TOKENS,
    *APPLICATION_CREDENTIALS,
    *DOMAINS,
    *GROUPS,
    *PROJECTS,
    *CATALOG,
    *ROLES,
    *POLICIES,
    *GRANTS,
    *USERS,
    *EXTENSIONS,
]
