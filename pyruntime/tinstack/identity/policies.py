"""Policy defaults under the upstream names, for the personas system, domain, project × admin, manager, member, reader.

Targets: ``target.user``, ``target.project`` … are the resources concerned, empty where there is no such thing, so that who
may not read learns nothing (403), and who may gets 404. ``target.role.domain_id`` is the text ``None`` for global roles.
"""

READER = "rule:admin_required or (role:reader and system_scope:all)"

_USER_READER = f"{READER} or (role:reader and domain_id:%(target.user.domain_id)s)"
_LIST_READER = f"{READER} or (role:reader and domain_id:%(target.domain_id)s)"
_PROJECT_READER = (
    f"{READER} or (role:reader and domain_id:%(target.project.domain_id)s) or project_id:%(target.project.id)s"
)
_PROJECT_MANAGER = "rule:admin_required or (role:manager and domain_id:%(target.project.domain_id)s)"
_USER_MANAGER = "rule:admin_required or (role:manager and domain_id:%(target.user.domain_id)s)"
_GROUP_READER = f"{READER} or (role:reader and domain_id:%(target.group.domain_id)s)"
_GROUP_MANAGER = "rule:admin_required or (role:manager and domain_id:%(target.group.domain_id)s)"
_MEMBER_READER = (
    f"{READER} or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
)
_MEMBER_MANAGER = (
    "rule:admin_required or "
    "(role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
)
_OWN_DOMAIN = (
    "((domain_id:%(target.user.domain_id)s or domain_id:%(target.group.domain_id)s) and "
    "(domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s))"
)
_ROLE_OF_DOMAIN = "(domain_id:%(target.role.domain_id)s or 'None':%(target.role.domain_id)s)"
_GRANTS_READER = f"{READER} or (role:reader and {_OWN_DOMAIN} and {_ROLE_OF_DOMAIN})"
_GRANTS_MANAGER = (
    "rule:admin_required or "
    f"(role:admin and {_OWN_DOMAIN} and {_ROLE_OF_DOMAIN}) or "
    f"(role:manager and {_OWN_DOMAIN} and rule:domain_managed_target_role)"
)
_USER_ITSELF = "user_id:%(target.user.id)s"
_CREDENTIAL_OWNER = "user_id:%(target.credential.user_id)s"
_TRUSTOR = "user_id:%(target.trust.trustor_user_id)s"
_TRUSTEE = "user_id:%(target.trust.trustee_user_id)s"


def _crud(noun: str, plural: str, read: str, write: str) -> dict[str, str]:
    return {
        f"identity:get_{noun}": read,
        f"identity:list_{plural}": read,
        f"identity:create_{noun}": write,
        f"identity:update_{noun}": write,
        f"identity:delete_{noun}": write,
    }


DEFAULTS = {
    "service_or_admin": "rule:admin_required or rule:service_role",
    "owner": "user_id:%(user_id)s",
    "admin_or_owner": "rule:admin_required or rule:owner",
    "token_subject": "user_id:%(target.token.user_id)s",
    "admin_or_token_subject": "rule:admin_required or rule:token_subject",
    "service_admin_or_token_subject": "rule:service_or_admin or rule:token_subject",
    "domain_managed_target_role": (
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s"
    ),
    # tokens
    "identity:check_token": f"{READER} or rule:token_subject",
    "identity:validate_token": f"{READER} or rule:service_role or rule:token_subject",
    "identity:revoke_token": "rule:admin_or_token_subject",
    "identity:get_auth_catalog": "",
    "identity:get_auth_projects": "",
    "identity:get_auth_domains": "",
    "identity:get_auth_system": "",
    "identity:create_launch_token": "rule:service_role",
    "identity:revoke_launch_tokens": "rule:service_role",
    # users
    "identity:get_user": f"{_USER_READER} or user_id:%(target.user.id)s",
    "identity:list_users": _LIST_READER,
    "identity:create_user": _USER_MANAGER,
    "identity:update_user": _USER_MANAGER,
    "identity:delete_user": _USER_MANAGER,
    "identity:list_user_projects": f"{_USER_READER} or user_id:%(target.user.id)s",
    "identity:list_groups_for_user": f"{_USER_READER} or rule:owner",
    # projects and domains
    "identity:get_project": _PROJECT_READER,
    "identity:list_projects": _LIST_READER,
    "identity:create_project": _PROJECT_MANAGER,
    "identity:update_project": _PROJECT_MANAGER,
    "identity:delete_project": _PROJECT_MANAGER,
    "identity:list_project_tags": _PROJECT_READER,
    "identity:get_project_tag": _PROJECT_READER,
    "identity:update_project_tags": _PROJECT_MANAGER,
    "identity:create_project_tag": _PROJECT_MANAGER,
    "identity:delete_project_tags": _PROJECT_MANAGER,
    "identity:delete_project_tag": _PROJECT_MANAGER,
    **_crud("domain", "domains", READER, "rule:admin_required"),
    "identity:get_domain": f"{READER} or domain_id:%(target.domain.id)s or project_domain_id:%(target.domain.id)s",
    "identity:list_domains": f"{READER} or (role:reader and domain_id:%(target.domain.id)s)",
    # groups
    **_crud("group", "groups", _GROUP_READER, _GROUP_MANAGER),
    "identity:list_users_in_group": _GROUP_READER,
    "identity:check_user_in_group": _MEMBER_READER,
    "identity:add_user_to_group": _MEMBER_MANAGER,
    "identity:remove_user_from_group": _MEMBER_MANAGER,
    # roles
    **_crud("role", "roles", READER, "rule:admin_required"),
    "identity:get_role": f"{READER} or (role:manager and rule:domain_managed_target_role)",
    "identity:list_roles": f"{READER} or (role:manager and domain_id:%(target.domain_id)s)",
    **_crud("domain_role", "domain_roles", READER, "rule:admin_required"),
    "identity:get_implied_role": READER,
    "identity:list_implied_roles": READER,
    "identity:check_implied_role": READER,
    "identity:list_role_inference_rules": READER,
    "identity:create_implied_role": "rule:admin_required",
    "identity:delete_implied_role": "rule:admin_required",
    # grants
    "identity:check_grant": _GRANTS_READER,
    "identity:list_grants": f"{READER} or (role:reader and {_OWN_DOMAIN})",
    "identity:create_grant": _GRANTS_MANAGER,
    "identity:revoke_grant": _GRANTS_MANAGER,
    "identity:list_role_assignments": _LIST_READER,
    "identity:list_role_assignments_for_tree": (
        f"{READER} or (role:reader and domain_id:%(target.project.domain_id)s) or "
        "(role:admin and project_id:%(target.project.id)s)"
    ),
    **{
        f"identity:{verb}_system_grant{'s' if verb == 'list' else ''}_for_{actor}": READER
        if verb in ("list", "check")
        else "rule:admin_required"
        for verb in ("list", "check", "create", "revoke")
        for actor in ("user", "group")
    },
    # catalog
    **_crud("service", "services", READER, "rule:admin_required"),
    **_crud("endpoint", "endpoints", READER, "rule:admin_required"),
    **_crud("region", "regions", "", "rule:admin_required"),
    # policy documents
    **_crud("policy", "policies", READER, "rule:admin_required"),
    # credentials
    "identity:get_credential": f"{READER} or {_CREDENTIAL_OWNER}",
    "identity:list_credentials": f"{READER} or {_CREDENTIAL_OWNER}",
    "identity:create_credential": f"rule:admin_required or {_CREDENTIAL_OWNER}",
    "identity:update_credential": f"rule:admin_required or {_CREDENTIAL_OWNER}",
    "identity:delete_credential": f"rule:admin_required or {_CREDENTIAL_OWNER}",
    "identity:ec2_get_credential": f"{READER} or {_CREDENTIAL_OWNER}",
    "identity:ec2_list_credentials": f"{READER} or rule:owner",
    "identity:ec2_create_credential": f"rule:admin_required or (role:member and {_CREDENTIAL_OWNER})",
    "identity:ec2_delete_credential": f"rule:admin_required or (role:member and {_CREDENTIAL_OWNER})",
    # trusts
    "identity:create_trust": _TRUSTOR,
    "identity:list_trusts": READER,
    "identity:list_trusts_for_trustor": f"{READER} or {_TRUSTOR}",
    "identity:list_trusts_for_trustee": f"{READER} or {_TRUSTEE}",
    "identity:list_roles_for_trust": f"{READER} or {_TRUSTOR} or {_TRUSTEE}",
    "identity:get_role_for_trust": f"{READER} or {_TRUSTOR} or {_TRUSTEE}",
    "identity:delete_trust": f"rule:admin_required or {_TRUSTOR}",
    "identity:get_trust": f"{READER} or {_TRUSTOR} or {_TRUSTEE}",
    # access rules
    "identity:get_access_rule": f"(role:reader and system_scope:all) or {_USER_ITSELF}",
    "identity:list_access_rules": f"(role:reader and system_scope:all) or {_USER_ITSELF}",
    "identity:delete_access_rule": f"(role:admin and system_scope:all) or {_USER_ITSELF}",
    # limits
    **_crud("registered_limit", "registered_limits", "", "rule:admin_required"),
    "identity:create_registered_limits": "rule:admin_required",
    **_crud("limit", "limits", "", "rule:admin_required"),
    "identity:create_limits": "rule:admin_required",
    "identity:get_limit_model": "",
    "identity:get_limit": (
        f"{READER} or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s or "
        "project_id:%(target.limit.project_id)s"
    ),
    # domain configuration
    **_crud("domain_config", "domain_configs", READER, "rule:admin_required"),
    "identity:get_domain_config_default": READER,
    "identity:get_security_compliance_domain_config": "",
    # endpoint filters
    **_crud("endpoint_group", "endpoint_groups", READER, "rule:admin_required"),
    "identity:list_projects_associated_with_endpoint_group": READER,
    "identity:list_endpoints_associated_with_endpoint_group": READER,
    "identity:get_endpoint_group_in_project": READER,
    "identity:list_endpoint_groups_for_project": READER,
    "identity:add_endpoint_group_to_project": "rule:admin_required",
    "identity:remove_endpoint_group_from_project": "rule:admin_required",
    "identity:list_projects_for_endpoint": READER,
    "identity:list_endpoints_for_project": READER,
    "identity:check_endpoint_in_project": READER,
    "identity:add_endpoint_to_project": "rule:admin_required",
    "identity:remove_endpoint_from_project": "rule:admin_required",
    # policy associations
    "identity:get_policy_for_endpoint": READER,
    "identity:list_endpoints_for_policy": READER,
    **{
        f"identity:{verb}_policy_association_for_{target}": READER if verb == "check" else "rule:admin_required"
        for verb in ("create", "check", "delete")
        for target in ("endpoint", "service", "region_and_service")
    },
    # OAuth
    **_crud("consumer", "consumers", READER, "rule:admin_required"),
    **{
        f"identity:{name}": "rule:admin_required"
        for name in (
            "authorize_request_token",
            "list_access_tokens",
            "get_access_token",
            "delete_access_token",
            "list_access_token_roles",
            "get_access_token_role",
        )
    },
    # federation
    **_crud("identity_provider", "identity_providers", READER, "rule:admin_required"),
    **_crud("mapping", "mappings", READER, "rule:admin_required"),
    **_crud("protocol", "protocols", READER, "rule:admin_required"),
    **_crud("service_provider", "service_providers", READER, "rule:admin_required"),
    # application credentials
    "identity:get_application_credential": f"{READER} or rule:owner",
    "identity:list_application_credentials": f"{READER} or rule:owner",
    "identity:create_application_credential": "rule:owner",
    "identity:delete_application_credential": "rule:admin_or_owner",
}

_NO_DOMAIN = frozenset({"system", "project"})
_PROJECT_ONLY = frozenset({"project"})
_FOR_DOMAINS_TOO = """
check_token validate_token revoke_token get_auth_catalog get_auth_projects get_auth_domains get_auth_system
get_user list_users create_user update_user delete_user list_user_projects list_groups_for_user
get_project list_projects create_project update_project delete_project
list_project_tags get_project_tag update_project_tags create_project_tag delete_project_tags delete_project_tag
get_domain list_domains get_role list_roles get_region list_regions
get_group list_groups create_group update_group delete_group list_users_in_group
check_user_in_group add_user_to_group remove_user_from_group
check_grant list_grants create_grant revoke_grant list_role_assignments list_role_assignments_for_tree
get_credential list_credentials create_credential update_credential delete_credential
get_limit_model get_limit list_limits get_registered_limit list_registered_limits
get_security_compliance_domain_config
"""
_ON_PROJECTS = """
create_application_credential create_trust authorize_request_token list_access_tokens get_access_token delete_access_token
list_access_token_roles get_access_token_role
"""


def _scopes(name: str) -> frozenset[str] | None:
    if name in _FOR_DOMAINS_TOO.split():
        return None
    return _PROJECT_ONLY if name in _ON_PROJECTS.split() else _NO_DOMAIN


SCOPES = {
    rule: scopes
    for rule in DEFAULTS
    if rule.startswith("identity:") and (scopes := _scopes(rule.removeprefix("identity:")))
}
"""The scopes of tokens that upstream's rules are for; what is not in here is for any."""
