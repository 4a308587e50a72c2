"""The part of the table that the reference has under credentials, limits and the extensions (``OS-…``)."""

from tinstack.core.http import Route
from tinstack.identity.handlers import (
    access_rules,
    credentials,
    domain_config,
    endpoint_filters,
    federation,
    limits,
    oauth1,
    policy_associations,
    trusts,
)
from tinstack.identity.schemas import catalog as catalog_schema
from tinstack.identity.schemas import credentials as credential_schema
from tinstack.identity.schemas import federation as federation_schema
from tinstack.identity.schemas import limits as limit_schema
from tinstack.identity.schemas import oauth1 as oauth1_schema
from tinstack.identity.schemas import projects as project_schema
from tinstack.identity.schemas import trusts as trust_schema

CREDENTIALS = [
    Route("GET", "/credentials", credentials.index, checked=True),
    Route("POST", "/credentials", credentials.create, checked=True, body=credential_schema.CREATE),
    Route("GET", "/credentials/{credential_id}", credentials.show, checked=True),
    Route("PATCH", "/credentials/{credential_id}", credentials.update, checked=True, body=credential_schema.UPDATE),
    Route("DELETE", "/credentials/{credential_id}", credentials.delete, checked=True),
]

_EC2 = "/users/{user_id}/credentials/OS-EC2"
EC2 = [
    Route("GET", _EC2, credentials.ec2_index, checked=True),
    Route("POST", _EC2, credentials.ec2_create, checked=True, body=credential_schema.EC2_CREATE),
    Route("GET", _EC2 + "/{access}", credentials.ec2_show, checked=True),
    Route("DELETE", _EC2 + "/{access}", credentials.ec2_delete, checked=True),
]

_TRUSTS = "/OS-TRUST/trusts"
TRUSTS = [
    Route("GET", _TRUSTS, trusts.index, checked=True),
    Route("POST", _TRUSTS, trusts.create, checked=True, body=trust_schema.CREATE),
    Route("GET", _TRUSTS + "/{trust_id}", trusts.show, checked=True),
    Route("DELETE", _TRUSTS + "/{trust_id}", trusts.delete, checked=True),
    Route("GET", _TRUSTS + "/{trust_id}/roles", trusts.roles, checked=True),
    Route("GET", _TRUSTS + "/{trust_id}/roles/{role_id}", trusts.role, checked=True),
]

_RULES = "/users/{user_id}/access_rules"
ACCESS_RULES = [
    Route("GET", _RULES, access_rules.index, checked=True),
    Route("GET", _RULES + "/{access_rule_id}", access_rules.show, checked=True),
    Route("DELETE", _RULES + "/{access_rule_id}", access_rules.delete, checked=True),
]

_REGISTERED = "/registered_limits/{registered_limit_id}"
LIMITS = [
    Route("GET", "/registered_limits", limits.registered.index, "identity:list_registered_limits"),
    Route(
        "POST", "/registered_limits", limits.register, "identity:create_registered_limits", body=limit_schema.REGISTER
    ),
    Route("GET", _REGISTERED, limits.registered.show, "identity:get_registered_limit"),
    Route(
        "PATCH",
        _REGISTERED,
        limits.update_registered,
        "identity:update_registered_limit",
        body=limit_schema.REGISTERED_UPDATE,
    ),
    Route("DELETE", _REGISTERED, limits.delete_registered, "identity:delete_registered_limit"),
    Route("GET", "/limits", limits.index, "identity:list_limits"),
    Route("POST", "/limits", limits.create, "identity:create_limits", body=limit_schema.CREATE),
    Route("GET", "/limits/model", limits.model, "identity:get_limit_model"),
    Route("GET", "/limits/{limit_id}", limits.show, checked=True),
    Route("PATCH", "/limits/{limit_id}", limits.update, "identity:update_limit", body=limit_schema.UPDATE),
    Route("DELETE", "/limits/{limit_id}", limits.noun.delete, "identity:delete_limit"),
]

_CONFIG = "/domains/{domain_id}/config"
_PARTS = (_CONFIG, _CONFIG + "/{group}", _CONFIG + "/{group}/{option}")
_DEFAULTS = ("/domains/config/default", "/domains/config/{group}/default", "/domains/config/{group}/{option}/default")
DOMAIN_CONFIG = [
    *(Route("GET", path, domain_config.default, "identity:get_domain_config_default") for path in _DEFAULTS),
    Route("PUT", _CONFIG, domain_config.create, "identity:create_domain_config", body=project_schema.CONFIG),
    *(Route("GET", path, domain_config.show, checked=True) for path in _PARTS),
    *(
        Route("PATCH", path, domain_config.update, "identity:update_domain_config", body=project_schema.CONFIG)
        for path in _PARTS
    ),
    *(Route("DELETE", path, domain_config.delete, "identity:delete_domain_config") for path in _PARTS),
]

_FILTER = "/OS-EP-FILTER"
_GROUP = _FILTER + "/endpoint_groups/{endpoint_group_id}"
_GROUP_PROJECT = _GROUP + "/projects/{project_id}"
_PROJECT_ENDPOINT = _FILTER + "/projects/{project_id}/endpoints/{endpoint_id}"
ENDPOINT_FILTERS = [
    Route("GET", _FILTER + "/endpoint_groups", endpoint_filters.groups.index, "identity:list_endpoint_groups"),
    Route(
        "POST",
        _FILTER + "/endpoint_groups",
        endpoint_filters.create_group,
        "identity:create_endpoint_group",
        body=catalog_schema.ENDPOINT_GROUP_CREATE,
    ),
    Route("GET", _GROUP, endpoint_filters.groups.show, "identity:get_endpoint_group"),
    Route(
        "PATCH",
        _GROUP,
        endpoint_filters.update_group,
        "identity:update_endpoint_group",
        body=catalog_schema.ENDPOINT_GROUP_UPDATE,
    ),
    Route("DELETE", _GROUP, endpoint_filters.delete_group, "identity:delete_endpoint_group"),
    Route(
        "GET",
        _GROUP + "/endpoints",
        endpoint_filters.endpoints_of_group,
        "identity:list_endpoints_associated_with_endpoint_group",
    ),
    Route(
        "GET",
        _GROUP + "/projects",
        endpoint_filters.projects_of_group,
        "identity:list_projects_associated_with_endpoint_group",
    ),
    Route("PUT", _GROUP_PROJECT, endpoint_filters.add_group, "identity:add_endpoint_group_to_project", status=204),
    Route("GET", _GROUP_PROJECT, endpoint_filters.check_group, "identity:get_endpoint_group_in_project"),
    Route("DELETE", _GROUP_PROJECT, endpoint_filters.remove_group, "identity:remove_endpoint_group_from_project"),
    Route(
        "GET",
        _FILTER + "/projects/{project_id}/endpoint_groups",
        endpoint_filters.groups_of_project,
        "identity:list_endpoint_groups_for_project",
    ),
    Route(
        "GET",
        _FILTER + "/projects/{project_id}/endpoints",
        endpoint_filters.endpoints,
        "identity:list_endpoints_for_project",
    ),
    Route("PUT", _PROJECT_ENDPOINT, endpoint_filters.add, "identity:add_endpoint_to_project", status=204),
    Route("GET", _PROJECT_ENDPOINT, endpoint_filters.check, "identity:check_endpoint_in_project", status=204),
    Route("DELETE", _PROJECT_ENDPOINT, endpoint_filters.remove, "identity:remove_endpoint_from_project"),
    Route(
        "GET",
        _FILTER + "/endpoints/{endpoint_id}/projects",
        endpoint_filters.projects_of_endpoint,
        "identity:list_projects_for_endpoint",
    ),
]


def _associations(path: str, target: str) -> list[Route]:
    one = "/policies/{policy_id}/OS-ENDPOINT-POLICY" + path
    rule = f"policy_association_for_{target}"
    return [
        Route("PUT", one, policy_associations.create, f"identity:create_{rule}", status=204),
        Route("GET", one, policy_associations.check, f"identity:check_{rule}", status=204),
        Route("DELETE", one, policy_associations.delete, f"identity:delete_{rule}"),
    ]


ENDPOINT_POLICY = [
    *_associations("/endpoints/{endpoint_id}", "endpoint"),
    *_associations("/services/{service_id}", "service"),
    *_associations("/services/{service_id}/regions/{region_id}", "region_and_service"),
    Route(
        "GET",
        "/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints",
        policy_associations.endpoints_of_policy,
        "identity:list_endpoints_for_policy",
    ),
    Route(
        "GET",
        "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy",
        policy_associations.policy_of_endpoint,
        "identity:get_policy_for_endpoint",
    ),
]

_CONSUMERS = "/OS-OAUTH1/consumers"
_ACCESS = "/users/{user_id}/OS-OAUTH1/access_tokens"
_ONE_ACCESS = _ACCESS + "/{access_token_id}"
OAUTH1 = [
    Route("GET", _CONSUMERS, oauth1.consumers.index, "identity:list_consumers"),
    Route("POST", _CONSUMERS, oauth1.create, "identity:create_consumer", body=oauth1_schema.CONSUMER_CREATE),
    Route("GET", _CONSUMERS + "/{consumer_id}", oauth1.consumers.show, "identity:get_consumer"),
    Route(
        "PATCH",
        _CONSUMERS + "/{consumer_id}",
        oauth1.update,
        "identity:update_consumer",
        body=oauth1_schema.CONSUMER_UPDATE,
    ),
    Route("DELETE", _CONSUMERS + "/{consumer_id}", oauth1.delete, "identity:delete_consumer"),
    Route("POST", "/OS-OAUTH1/request_token", oauth1.request_token, public=True),
    Route(
        "PUT",
        "/OS-OAUTH1/authorize/{request_token_id}",
        oauth1.authorize,
        "identity:authorize_request_token",
        body=oauth1_schema.AUTHORIZE,
    ),
    Route("POST", "/OS-OAUTH1/access_token", oauth1.access_token, public=True),
    Route("GET", _ACCESS, oauth1.access_tokens, "identity:list_access_tokens"),
    Route("GET", _ONE_ACCESS, oauth1.show_access_token, "identity:get_access_token"),
    Route("DELETE", _ONE_ACCESS, oauth1.delete_access_token, "identity:delete_access_token"),
    Route("GET", _ONE_ACCESS + "/roles", oauth1.roles, "identity:list_access_token_roles"),
    Route("GET", _ONE_ACCESS + "/roles/{role_id}", oauth1.role, "identity:get_access_token_role"),
]

_IDPS = "/OS-FEDERATION/identity_providers"
_IDP = _IDPS + "/{idp_id}"
_PROTOCOL = _IDP + "/protocols/{protocol_id}"
_MAPPING = "/OS-FEDERATION/mappings/{mapping_id}"
_SP = "/OS-FEDERATION/service_providers/{service_provider_id}"
FEDERATION = [
    Route("GET", _IDPS, federation.providers.index, "identity:list_identity_providers"),
    Route(
        "PUT",
        _IDP,
        federation.create_provider,
        "identity:create_identity_provider",
        body=federation_schema.PROVIDER_CREATE,
        status=201,
    ),
    Route("GET", _IDP, federation.providers.show, "identity:get_identity_provider"),
    Route(
        "PATCH",
        _IDP,
        federation.update_provider,
        "identity:update_identity_provider",
        body=federation_schema.PROVIDER_UPDATE,
    ),
    Route("DELETE", _IDP, federation.delete_provider, "identity:delete_identity_provider"),
    Route("GET", _IDP + "/protocols", federation.protocols, "identity:list_protocols"),
    Route(
        "PUT",
        _PROTOCOL,
        federation.create_protocol,
        "identity:create_protocol",
        body=federation_schema.PROTOCOL_CREATE,
        status=201,
    ),
    Route("GET", _PROTOCOL, federation.protocol, "identity:get_protocol"),
    Route(
        "PATCH",
        _PROTOCOL,
        federation.update_protocol,
        "identity:update_protocol",
        body=federation_schema.PROTOCOL_UPDATE,
    ),
    Route("DELETE", _PROTOCOL, federation.delete_protocol, "identity:delete_protocol"),
    Route("GET", "/OS-FEDERATION/mappings", federation.mappings.index, "identity:list_mappings"),
    Route(
        "PUT",
        _MAPPING,
        federation.create_mapping,
        "identity:create_mapping",
        body=federation_schema.MAPPING,
        status=201,
    ),
    Route("GET", _MAPPING, federation.mappings.show, "identity:get_mapping"),
    Route("PATCH", _MAPPING, federation.update_mapping, "identity:update_mapping", body=federation_schema.MAPPING),
    Route("DELETE", _MAPPING, federation.mappings.delete, "identity:delete_mapping"),
    Route(
        "GET",
        "/OS-FEDERATION/service_providers",
        federation.service_providers.index,
        "identity:list_service_providers",
    ),
    Route(
        "PUT",
        _SP,
        federation.create_service_provider,
        "identity:create_service_provider",
        body=federation_schema.SERVICE_PROVIDER_CREATE,
        status=201,
    ),
    Route("GET", _SP, federation.service_providers.show, "identity:get_service_provider"),
    Route(
        "PATCH",
        _SP,
        federation.update_service_provider,
        "identity:update_service_provider",
        body=federation_schema.SERVICE_PROVIDER_UPDATE,
    ),
    Route("DELETE", _SP, federation.service_providers.delete, "identity:delete_service_provider"),
]

EXTENSIONS = [
    *CREDENTIALS,
    *EC2,
    *TRUSTS,
    *ACCESS_RULES,
    *LIMITS,
    *DOMAIN_CONFIG,
    *ENDPOINT_FILTERS,
    *ENDPOINT_POLICY,
    *OAUTH1,
    *FEDERATION,
]
