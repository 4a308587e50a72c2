"""What a security group rule may say. Pure functions. Source: Network API reference, Security group rules."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

from tinstack.core.errors import BadRequest
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.groups import signature
from tinstack.network.server.protocols import PROTOCOLS
from tinstack.network.server.rows import SecurityGroupRule

WITH_PORTS = {"tcp", "udp", "sctp", "dccp", "udplite", "6", "17", "132", "33", "136"}
ICMP = {"icmp", "icmpv6", "ipv6-icmp", "1", "58"}
IPV6_ONLY = {"icmpv6", "ipv6-icmp", "ipv6-encap", "ipv6-frag", "ipv6-nonxt", "ipv6-opts", "ipv6-route"}
IPV6_ONLY |= {str(PROTOCOLS[name]) for name in IPV6_ONLY}
ETHERTYPES = {"ipv4": "IPv4", "ipv6": "IPv6"}


class SecurityGroupRuleInvalidProtocol(BadRequest):
    code = "network.rule.protocol"
    message = (
        "Security group rule protocol {protocol} not supported. Only protocol values {values} and integer "
        "representations [0 to 255] are supported."
    )


class SecurityGroupRuleInvalidEtherType(BadRequest):
    code = "network.rule.ethertype"
    message = "Security group rule for ethertype '{ethertype}' not supported. Allowed values are ['IPv4', 'IPv6']."


class SecurityGroupEthertypeConflictWithProtocol(BadRequest):
    code, message = "network.rule.conflict", "Invalid ethertype {ethertype} for protocol {protocol}."


class SecurityGroupMultipleRemoteEntites(BadRequest):
    """400: the API's own spelling."""

    code = "network.rule.remotes"
    message = "Only one of remote_ip_prefix, remote_group_id or remote_address_group_id may be provided."


class SecurityGroupRuleParameterConflict(BadRequest):
    code, message = "network.rule.prefix", "Conflicting value ethertype {ethertype} for CIDR {cidr}."


class SecurityGroupProtocolRequiredWithPorts(BadRequest):
    code, message = "network.rule.ports", "Must also specify protocol if port range is given."


class SecurityGroupInvalidPortRange(BadRequest):
    code = "network.rule.range"
    message = "For TCP/UDP protocols, port_range_min must be <= port_range_max."


class SecurityGroupInvalidPortValue(BadRequest):
    code, message = "network.rule.port", "Invalid value for port {port}."


class SecurityGroupMissingIcmpType(BadRequest):
    code, message = (
        "network.rule.icmp_type",
        "ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing.",
    )


class SecurityGroupInvalidIcmpValue(BadRequest):
    code = "network.rule.icmp"
    message = "Invalid value for ICMP {field} ({attr}) {value}. It must be 0 to 255."


def new_rule(item: Mapping[str, Any]) -> SecurityGroupRule:
    """A rule from its body's attributes."""
    ethertype = ETHERTYPES.get(str(item.get("ethertype") or "IPv4").lower())
    if ethertype is None:
        raise SecurityGroupRuleInvalidEtherType(ethertype=item["ethertype"])
    prefix = _prefix(item.get("remote_ip_prefix") or None)
    rule = SecurityGroupRule(
        id=str(uuid4()),
        project_id=item["project_id"],
        description=item.get("description", ""),
        security_group_id=item["security_group_id"],
        direction=item["direction"].lower(),
        ethertype=ethertype,
        protocol=_protocol(item.get("protocol")),
        port_range_min=item.get("port_range_min"),
        port_range_max=item.get("port_range_max"),
        remote_ip_prefix=prefix,
        remote_group_id=item.get("remote_group_id"),
        remote_address_group_id=item.get("remote_address_group_id"),
        signature="",
    )
    _check(rule)
    rule.signature = signature(rule)
    return rule


def _protocol(given: str | int | None) -> str | None:
    if given is None:
        return None
    text = str(given).lower()
    if text in ("", "any", "none"):
        return None
    if text.isdecimal() and int(text) <= 255:
        return str(int(text)) if int(text) else None
    if text not in PROTOCOLS:
        raise SecurityGroupRuleInvalidProtocol(protocol=given, values=[None, *PROTOCOLS])
    return text


def _prefix(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        net = ip_network(text, strict=False)
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for remote_ip_prefix. Reason: '{text}' is not a valid CIDR.") from error
    return text if "/" in text else str(net)


def _check(rule: SecurityGroupRule) -> None:
    if sum(bool(one) for one in (rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id)) > 1:
        raise SecurityGroupMultipleRemoteEntites
    if rule.remote_ip_prefix:
        version = ip_network(rule.remote_ip_prefix, strict=False).version
        if rule.ethertype != f"IPv{version}":
            raise SecurityGroupRuleParameterConflict(ethertype=rule.ethertype, cidr=rule.remote_ip_prefix)
    if rule.protocol in IPV6_ONLY and rule.ethertype != "IPv6":
        raise SecurityGroupEthertypeConflictWithProtocol(ethertype=rule.ethertype, protocol=rule.protocol)
    _check_ports(rule)


def _check_ports(rule: SecurityGroupRule) -> None:
    low, high = rule.port_range_min, rule.port_range_max
    if low is None and high is None:
        return
    if rule.protocol is None:
        raise SecurityGroupProtocolRequiredWithPorts
    if rule.protocol in ICMP:
        _check_icmp(low, high)
        return
    if rule.protocol not in WITH_PORTS:
        raise HTTPBadRequest(f"Ports cannot be given for protocol {rule.protocol}.")
    for port in (low, high):
        if port is not None and not 0 <= port <= 65535:
            raise SecurityGroupInvalidPortValue(port=port)
    if low is None or high is None or low > high or low == 0:
        raise SecurityGroupInvalidPortRange


def _check_icmp(kind: int | None, detail: int | None) -> None:
    if kind is None:
        raise SecurityGroupMissingIcmpType(value=detail)
    for attr, field, value in (("port_range_min", "type", kind), ("port_range_max", "code", detail)):
        if value is not None and not 0 <= value <= 255:
            raise SecurityGroupInvalidIcmpValue(field=field, attr=attr, value=value)
