"""The words of which bodies are made."""

from ipaddress import ip_network
from typing import Any

from tinstack.core.http.routes import FORMATS

Words = dict[str, Any]

BOOLEAN: Words = {"type": "boolean"}
NAME: Words = {"type": "string", "maxLength": 255}
DESCRIPTION: Words = {"type": "string", "maxLength": 255}
UUID: Words = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}
UUID_OR_NULL: Words = {**UUID, "type": ["string", "null"]}
IP: Words = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
IP_OR_NULL: Words = {"type": ["string", "null"], "anyOf": [{"type": "null"}, {"format": "ipv4"}, {"format": "ipv6"}]}
CIDR_TEXT: Words = {"type": "string", "maxLength": 64, "format": "cidr"}
MAC: Words = {"type": "string", "pattern": "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$"}
TAG: Words = {"type": "string", "minLength": 1, "maxLength": 255}
TAGS: Words = {"type": "array", "items": TAG, "maxItems": 50}
ZONES: Words = {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 10}
ROUTE: Words = {
    "type": "object",
    "properties": {"destination": CIDR_TEXT, "nexthop": IP},
    "required": ["destination", "nexthop"],
    "additionalProperties": False,
}
ROUTES: Words = {"type": ["array", "null"], "items": ROUTE}
FIXED_IP: Words = {
    "type": "object",
    "properties": {"subnet_id": UUID, "ip_address": IP},
    "additionalProperties": False,
}
FIXED_IPS: Words = {"type": ["array", "null"], "items": FIXED_IP}


def _is_cidr(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" not in text or text.rpartition("/")[2].isdecimal()


FORMATS["cidr"] = _is_cidr
