"""What a port's security groups let in and out. Source: Network API reference, "Security group rules"."""

import ipaddress

from tinstack.lab.network.hop import Hop, broken, note, ok
from tinstack.lab.network.rows import Row, Rows, tap
from tinstack.lab.network.seen import Seen

NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmpv6": 58}


def unset(rows: Rows, port: Row, host: str, seen: Seen) -> Hop | None:
    """Where the host's rules are not those of the port: without them nothing gets in, or everything does."""
    device = tap(port)
    if not port.get("port_security_enabled", True):
        return (
            broken("groups", host, f"{host} filters {device}, though its port security is off.")
            if device in seen.guards.taps
            else None
        )
    if device not in seen.guards.taps:
        return broken(
            "groups",
            host,
            f"{host} has no rules for {device}: its agent has not set them, or another hand removed them.",
        )
    missing = [one for one in port["security_groups"] if one not in seen.guards.groups]
    if missing:
        name = rows.groups.get(missing[0], {}).get("name", missing[0])
        return broken(
            "groups", host, f"{host} has no rules of the security group {name}, so what it lets in is dropped."
        )
    return None


def verdict(rows: Rows, port: Row, host: str, traffic: str) -> Hop:
    """Whether the traffic (``icmp``, ``tcp:22``, ``udp:53``) gets in from anywhere."""
    if not port.get("port_security_enabled", True):
        return ok("groups", host, "port security is off: everything passes")
    protocol, _, number = traffic.partition(":")
    families = families_of(port)
    rules = [rule for rule in rules_of(rows, port, "ingress") if rule["ethertype"] in families]
    fit = [rule for rule in rules if passes(rule, protocol, int(number or 0))]
    if wide := {rule["ethertype"] for rule in fit if everybody(rule)}:
        only = f", by {''.join(wide)} alone" if wide < families else ""
        return (note if only else ok)("groups", host, f"{traffic} is let in from anywhere{only}{'.' if only else ''}")
    if fit:
        said = ", ".join(sorted({origin(rows, rule) for rule in fit}))
        return note(
            "groups",
            host,
            f"{traffic} is let in from {said} only.",
        )
    return note(
        "groups",
        host,
        f"No rule of its security groups ({names(rows, port)}) lets {traffic} in: such packets are dropped at the port.",
    )


def outwards(rows: Rows, port: Row, host: str) -> Hop | None:
    """A word where no rule lets out anything of a family of addresses that the port has."""
    if not port.get("port_security_enabled", True):
        return None
    shut = families_of(port) - {rule["ethertype"] for rule in rules_of(rows, port, "egress")}
    if not shut:
        return None
    only = "" if shut == families_of(port) else f" by {''.join(shut)}"
    said = f"No rule of its security groups ({names(rows, port)}) lets anything out{only}"
    return note("groups", host, f"{said}: it answers, but what it begins is dropped at the port.")


def families_of(port: Row) -> set[str]:
    return {"IPv6" if ":" in one["ip_address"] else "IPv4" for one in port["fixed_ips"]} or {"IPv4"}


def rules_of(rows: Rows, port: Row, direction: str) -> list[Row]:
    return [
        rule
        for group in port["security_groups"]
        for rule in rows.groups.get(group, {}).get("security_group_rules", [])
        if rule["direction"] == direction
    ]


def names(rows: Rows, port: Row) -> str:
    return ", ".join(rows.groups[one]["name"] for one in port["security_groups"] if one in rows.groups) or "none"


def passes(rule: Row, protocol: str, number: int) -> bool:
    """Whether traffic of that protocol and port fits a rule, whoever sends it."""
    said = str(NUMBERS.get(str(rule["protocol"]), rule["protocol"]))
    wanted = ("1", "58") if protocol == "icmp" else (str(NUMBERS[protocol]),)  # hosts take either for its family's
    if said not in ("None", *wanted):
        return False
    low, high = rule["port_range_min"], rule["port_range_max"]
    return protocol == "icmp" or low is None or low <= number <= (high if high is not None else low)


def everybody(rule: Row) -> bool:
    prefix = rule["remote_ip_prefix"]
    if rule["remote_group_id"] or rule.get("remote_address_group_id"):
        return False
    return prefix is None or ipaddress.ip_network(prefix).prefixlen == 0


def origin(rows: Rows, rule: Row) -> str:
    if group := rule["remote_group_id"]:
        return f"members of the group {rows.groups.get(group, {}).get('name', group)}"
    return str(rule["remote_ip_prefix"] or rule.get("remote_address_group_id"))
