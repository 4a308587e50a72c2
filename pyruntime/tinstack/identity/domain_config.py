"""The rules of a domain's configuration: which options there are, and which of them are never shown."""

from typing import Any

import msgspec

from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden
from tinstack.identity.identity import Identity
from tinstack.identity.store import Writer

Config = dict[str, dict[str, Any]]

SECURITY = "security_compliance"
SECURITY_OPTIONS = {"password_regex": None, "password_regex_description": None}

DEFAULTS: Config = {
    "identity": {"driver": "sql", "list_limit": None},
    "ldap": {
        "url": "ldap://localhost",
        "user": None,
        "suffix": "cn=example,cn=com",
        "query_scope": "one",
        "page_size": 0,
        "alias_dereferencing": "default",
        "debug_level": None,
        "chase_referrals": None,
        "user_tree_dn": None,
        "user_filter": None,
        "user_objectclass": "inetOrgPerson",
        "user_id_attribute": "cn",
        "user_name_attribute": "sn",
        "user_mail_attribute": "mail",
        "user_description_attribute": "description",
        "user_pass_attribute": "userPassword",
        "user_enabled_attribute": "enabled",
        "user_enabled_invert": False,
        "user_enabled_mask": 0,
        "user_enabled_default": "True",
        "user_attribute_ignore": ["default_project_id"],
        "user_default_project_id_attribute": None,
        "user_enabled_emulation": False,
        "user_enabled_emulation_dn": None,
        "user_enabled_emulation_use_group_config": False,
        "user_additional_attribute_mapping": [],
        "group_tree_dn": None,
        "group_filter": None,
        "group_objectclass": "groupOfNames",
        "group_id_attribute": "cn",
        "group_name_attribute": "ou",
        "group_members_are_ids": False,
        "group_member_attribute": "member",
        "group_desc_attribute": "description",
        "group_attribute_ignore": [],
        "group_additional_attribute_mapping": [],
        "tls_cacertfile": None,
        "tls_cacertdir": None,
        "use_tls": False,
        "tls_req_cert": "demand",
        "use_pool": True,
        "pool_size": 10,
        "pool_retry_max": 3,
        "pool_retry_delay": 0.1,
        "pool_connection_timeout": -1,
        "pool_connection_lifetime": 600,
        "use_auth_pool": True,
        "auth_pool_size": 100,
        "auth_pool_connection_lifetime": 60,
    },
}
"""The options that can be set, by group. Source: Identity API v3 reference, "Domain configuration"."""

SECRETS = {("ldap", "password")}


class InvalidConfig(ActionForbidden):
    """403: there is no such group or option."""

    code, message = "identity.domain_config", "Invalid domain specific configuration: {why}."


def check_names(group: str | None, option: str | None) -> None:
    """Raises InvalidConfig."""
    if group is not None and group not in DEFAULTS:
        raise InvalidConfig(why=f"there is no group {group}")
    if group is not None and option is not None and option not in DEFAULTS[group] and (group, option) not in SECRETS:
        raise InvalidConfig(why=f"there is no option {option} in the group {group}")


def check_security(is_default: bool, option: str | None) -> None:
    """The rules for passwords are the whole cloud's: they are shown with the default domain. Raises InvalidConfig."""
    if not is_default:
        raise InvalidConfig(why=f"{SECURITY} is read with the default domain")
    if option is not None and option not in SECURITY_OPTIONS:
        raise InvalidConfig(why=f"there is no option {option} in the group {SECURITY}")


def named(given: Any, group: str | None, option: str | None) -> Config:
    """What an update of a group or an option changes. Raises InvalidConfig where the body names another."""
    if not isinstance(given, dict) or not given:
        raise InvalidConfig(why="it is empty")
    if group and option:
        if set(given) != {option}:
            raise InvalidConfig(why=f"the body holds another option than {option}, which the path names")
        return {group: given}
    if group and set(given) != {group}:
        raise InvalidConfig(why=f"the body holds another group than {group}, which the path names")
    return given


def _rows(identity: Identity, domain_id: str, given: Any) -> list[rows.DomainOption]:
    if not isinstance(given, dict) or not given:
        raise InvalidConfig(why="it is empty")
    made = []
    for group, options in given.items():
        check_names(group, None)
        if not isinstance(options, dict) or not options:
            raise InvalidConfig(why=f"the group {group} has no options")
        for option, value in options.items():
            check_names(group, option)
            text, secret = msgspec.json.encode(value).decode(), (group, option) in SECRETS
            made.append(
                rows.DomainOption(
                    domain_id=domain_id,
                    section=group,
                    name=option,
                    value=identity.sealer.seal(text) if secret else text,
                    secret=secret,
                )
            )
    return made


async def kept(identity: Identity, domain_id: str) -> Config:
    """All options by group; of a secret only that it is there."""
    found: Config = {}
    for row in await identity.store.find(rows.DomainOption, domain_id=domain_id):
        found.setdefault(row.section, {})[row.name] = None if row.secret else msgspec.json.decode(row.value)
    return found


async def shown(identity: Identity, domain_id: str) -> Config:
    """The same without secrets."""
    everything = await kept(identity, domain_id)
    visible = {
        group: {option: value for option, value in options.items() if (group, option) not in SECRETS}
        for group, options in everything.items()
    }
    return {group: options for group, options in visible.items() if options}


async def replace(identity: Identity, domain_id: str, given: Any) -> bool:
    """Forget what there was and keep this; whether there was something. Raises InvalidConfig."""
    made = _rows(identity, domain_id, given)

    async def work(writer: Writer) -> bool:
        gone = await writer.delete(rows.DomainOption, domain_id=domain_id)
        for row in made:
            await writer.insert(row)
        return bool(gone)

    return await identity.store.write(work)


async def update(identity: Identity, domain_id: str, given: Any) -> None:
    """Set these options, leave the others. Raises InvalidConfig."""
    made = _rows(identity, domain_id, given)

    async def work(writer: Writer) -> None:
        for row in made:
            await writer.delete(rows.DomainOption, domain_id=domain_id, section=row.section, name=row.name)
            await writer.insert(row)

    await identity.store.write(work)


async def delete(identity: Identity, domain_id: str, group: str | None, option: str | None) -> None:
    """Forget all, a group or an option."""
    where = {"domain_id": domain_id}
    if group:
        where["section"] = group
    if option:
        where["name"] = option
    await identity.store.write(lambda writer: writer.delete(rows.DomainOption, **where))
