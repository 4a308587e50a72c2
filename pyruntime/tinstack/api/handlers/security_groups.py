"""Security groups as the compute API showed them up to 2.35: the network service's, asked with the user's own token.

Source: compute API reference, "Security groups (os-security-groups)" and "Rules for security group".
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from tinstack.api.errors import Invalid, TooMany
from tinstack.api.networks import old_form, old_rule
from tinstack.api.parts import Compute
from tinstack.api.user_calls import ask
from tinstack.api.views import Body
from tinstack.core.client import RemoteError
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Request

GROUPS, RULES = "/v2.0/security-groups", "/v2.0/security-group-rules"
PROTOCOLS = {"tcp", "udp", "icmp"}
ALL_PORTS = 1, 65535
OVER_QUOTA = "Quota exceeded"
ANY_IPV4 = "0.0.0.0/0"


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-security-groups``: the project's; all of them for admin who asks for ``all_tenants``."""
    everywhere = request.context.is_admin and request.query.boolean("all_tenants", False)
    query = "" if everywhere else f"?{urlencode({'project_id': request.project_id})}"
    groups = (await _ask(request, service, "GET", f"{GROUPS}{query}"))["security_groups"]
    offset = request.query.integer("offset") or 0
    limit = request.query.integer("limit")
    most = service.config.page_limit if limit is None else min(limit, service.config.page_limit)
    return {"security_groups": [_shown(group, groups) for group in groups[offset : offset + most]]}


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-security-groups/{id}``."""
    return {"security_group": await _view(request, service, await _group(request, service, _id(request, "group_id")))}


async def create(request: Request, service: Compute) -> Body:
    """``POST /os-security-groups``."""
    made = await _ask(request, service, "POST", GROUPS, {"security_group": _named(request)})
    return {"security_group": await _view(request, service, made["security_group"])}


async def update(request: Request, service: Compute) -> Body:
    """``PUT /os-security-groups/{id}``: its name and description."""
    path = f"{GROUPS}/{_id(request, 'group_id')}"
    changed = await _ask(request, service, "PUT", path, {"security_group": _named(request)})
    return {"security_group": await _view(request, service, changed["security_group"])}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-security-groups/{id}``: 400 while it is in use, as this API has it."""
    try:
        await _ask(request, service, "DELETE", f"{GROUPS}/{_id(request, 'group_id')}")
    except Conflict as error:
        raise Invalid(error.text) from error


async def create_rule(request: Request, service: Compute) -> Body:
    """``POST /os-security-group-rules``: what may come in. A rule that is there already is 400."""
    wanted = request.body["security_group_rule"]
    parent = await _group(request, service, _uuid(wanted["parent_group_id"]))
    source = await _group(request, service, _uuid(wanted["group_id"])) if wanted.get("group_id") else None
    rule = {
        "security_group_id": parent["id"],
        "direction": "ingress",
        "ethertype": "IPv4",
        **_traffic(wanted, grouped=source is not None),
    }
    if source:
        rule["remote_group_id"] = source["id"]
    else:
        cidr = wanted.get("cidr") or ANY_IPV4
        rule |= {"remote_ip_prefix": cidr, "ethertype": "IPv6" if ":" in cidr else "IPv4"}
    try:
        made = await _ask(request, service, "POST", RULES, {"security_group_rule": rule})
    except Conflict as error:
        raise Invalid(error.text) from error
    return {"security_group_rule": _shown_rule(made["security_group_rule"], [source] if source else [])}


async def delete_rule(request: Request, service: Compute) -> None:
    """``DELETE /os-security-group-rules/{id}``."""
    await _ask(request, service, "DELETE", f"{RULES}/{_id(request, 'rule_id')}")


def _traffic(wanted: Mapping[str, Any], *, grouped: bool) -> Body:
    """Protocol and ports. With a group as its source a rule may leave them out; -1 means all. Raises Invalid."""
    protocol, low, high = (wanted.get(key) for key in ("ip_protocol", "from_port", "to_port"))
    if protocol is None and low is None and high is None and grouped:
        return {}
    if protocol is None or low is None or high is None:
        raise Invalid("Not enough parameters to build a valid rule.")
    name, first, last = protocol.lower(), int(low), int(high)
    if name not in PROTOCOLS:
        raise Invalid(f"Invalid IP protocol {protocol}.")
    if first == last == -1:
        return {"protocol": name}
    if name == "icmp":
        if not (0 <= first <= 255 and -1 <= last <= 255):
            raise Invalid(f"Invalid port range {first}:{last}. Type and code of ICMP must be between 0 and 255.")
        return {"protocol": name, "port_range_min": first, "port_range_max": None if last == -1 else last}
    if first > last:
        raise Invalid(f"Invalid port range {first}:{last}. Former value cannot be greater than the later.")
    if first < ALL_PORTS[0] or last > ALL_PORTS[1]:
        raise Invalid(f"Invalid port range {first}:{last}. Valid {name.upper()} ports should be between 1-65535.")
    return {"protocol": name, "port_range_min": first, "port_range_max": last}


def _named(request: Request) -> Body:
    """Name and description as they came. Raises Invalid for a blank name."""
    wanted = {key: request.body["security_group"][key] for key in ("name", "description")}
    if not wanted["name"].strip():
        raise Invalid("Security group name cannot be empty.")
    return wanted


async def _group(request: Request, service: Compute, id: str) -> Body:
    found: Body = (await _ask(request, service, "GET", f"{GROUPS}/{id}"))["security_group"]
    return found


async def _view(request: Request, service: Compute, group: Body) -> Body:
    """A group with its rules; those that name groups need the names."""
    named = {rule["remote_group_id"] for rule in group["security_group_rules"] if rule.get("remote_group_id")}
    if not named - {group["id"]}:
        return _shown(group, [group])
    query = urlencode([("id", id) for id in sorted(named)])
    return _shown(group, (await _ask(request, service, "GET", f"{GROUPS}?{query}"))["security_groups"])


def _shown(group: Body, groups: list[Body]) -> Body:
    ingress = [rule for rule in group["security_group_rules"] if rule["direction"] == "ingress"]
    return {**old_form(group), "rules": [_shown_rule(rule, groups) for rule in ingress]}


def _shown_rule(rule: Body, groups: list[Body]) -> Body:
    """In this API's form: all ports are -1, an absent prefix is the whole of its family, a group goes by its name."""
    shown = old_rule(rule)
    if shown["ip_protocol"] is not None:
        shown |= {key: -1 if shown[key] is None else shown[key] for key in ("from_port", "to_port")}
    source = next((group for group in groups if group["id"] == rule.get("remote_group_id")), None)
    if source:
        shown["group"] = {"tenant_id": source["project_id"], "name": source["name"]}
    elif not rule.get("remote_ip_prefix") and rule.get("ethertype") == "IPv6" and shown["ip_range"]:
        shown["ip_range"] = {"cidr": "::/0"}
    return shown


def _id(request: Request, key: str) -> str:
    return _uuid(request.path[key])


def _uuid(text: str) -> str:
    """Raises Invalid for what can't be an id."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise Invalid(f"Security group id {text} is no UUID.") from error


async def _ask(request: Request, service: Compute, method: str, path: str, json: Any = None) -> Any:
    """The network service's answer. Raises NotFound, Conflict, TooMany and Invalid as it says."""
    try:
        answer = await ask(service, request.context, method, "network", path, json=json)
    except RemoteError as error:
        if error.remote_status == 409 and OVER_QUOTA in error.text:
            raise TooMany(error.text) from error
        for status, kind in ((400, Invalid), (404, NotFound), (409, Conflict)):
            if error.remote_status == status:
                raise kind(error.text) from error
        raise
    return answer.json() if answer.data else None
