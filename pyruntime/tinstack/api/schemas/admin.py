"""Aggregates, server groups, services, quotas, external events. Source: compute API reference, those sections."""

from tinstack.api.schemas.words import (
    BOOLEAN,
    METADATA_WITH_NULL,
    NAME,
    UUID,
    Json,
    integer,
    keyed,
    listed,
    object_of,
    wrapped,
)
from tinstack.core.http import versions

_ZONE: Json = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^(?!\s)[^\x00-\x1f:]*(?<!\s)$",
}
_HOST: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-._]*$"}

AGGREGATE_CREATE = wrapped("aggregate", object_of(("name",), name=NAME, availability_zone=_ZONE))
AGGREGATE_UPDATE = wrapped(
    "aggregate",
    object_of((), name=NAME, availability_zone={**_ZONE, "type": "string"}) | {"minProperties": 1},
)
AGGREGATE_ADD = wrapped("add_host", object_of(("host",), host=_HOST))
AGGREGATE_REMOVE = wrapped("remove_host", object_of(("host",), host=_HOST))
AGGREGATE_METADATA = wrapped("set_metadata", object_of(("metadata",), metadata=METADATA_WITH_NULL))

_POLICY_2_1: Json = {"type": "string", "enum": ["anti-affinity", "affinity"]}
_POLICY_2_15: Json = {"type": "string", "enum": ["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]}


def _group(policy: Json) -> Json:
    one = {"type": "array", "items": [policy], "uniqueItems": True, "additionalItems": False, "minItems": 1}
    return wrapped("server_group", object_of(("name", "policies"), name=NAME, policies=one))


GROUP_CREATE = versions(
    ("2.1", _group(_POLICY_2_1)),
    ("2.15", _group(_POLICY_2_15)),
    (
        "2.64",
        wrapped(
            "server_group",
            object_of(
                ("name", "policy"),
                name=NAME,
                policy=_POLICY_2_15,
                rules=object_of(max_server_per_host=integer(1)),
            ),
        ),
    ),
)

_SERVICE: Json = {"host": _HOST, "binary": {"type": "string", "minLength": 1, "maxLength": 255}}
_REASON: Json = {"type": "string", "minLength": 1, "maxLength": 255}
SERVICE_SWITCH = keyed(_SERVICE, ("host", "binary"))
SERVICE_REASON = keyed({**_SERVICE, "disabled_reason": _REASON}, ("host", "binary", "disabled_reason"))
SERVICE_FORCE = keyed({**_SERVICE, "forced_down": BOOLEAN}, ("host", "binary", "forced_down"))
SERVICE_UPDATE = keyed(
    {"status": {"type": "string", "enum": ["enabled", "disabled"]}, "disabled_reason": _REASON, "forced_down": BOOLEAN}
)

_TEXT: Json = {"type": "string"}
HOST_UPDATE: Json = {
    **keyed(
        {
            "status": {"anyOf": [_TEXT], "pattern": "^ *([Ee][Nn]|[Dd][Ii][Ss])[Aa][Bb][Ll][Ee] *$"},
            "maintenance_mode": {"anyOf": [_TEXT], "pattern": "^ *([Ee][Nn]|[Dd][Ii][Ss])[Aa][Bb][Ll][Ee] *$"},
        }
    ),
    "minProperties": 1,
}

NETWORK_QUOTAS: tuple[str, ...] = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")
FILE_QUOTAS: tuple[str, ...] = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
CORE_QUOTAS: tuple[str, ...] = (
    "instances",
    "cores",
    "ram",
    "key_pairs",
    "metadata_items",
    "server_groups",
    "server_group_members",
)


def _quota(name: str, resources: tuple[str, ...], force: bool = True) -> Json:
    properties = {resource: integer(-1) for resource in resources}
    return wrapped(name, keyed({**properties, "force": BOOLEAN} if force else properties))


QUOTA_SET = versions(
    ("2.1", _quota("quota_set", CORE_QUOTAS + FILE_QUOTAS + NETWORK_QUOTAS)),
    ("2.36", _quota("quota_set", CORE_QUOTAS + FILE_QUOTAS)),
    ("2.57", _quota("quota_set", CORE_QUOTAS)),
)
QUOTA_CLASS = versions(
    ("2.1", _quota("quota_class_set", CORE_QUOTAS + FILE_QUOTAS + NETWORK_QUOTAS, force=False)),
    ("2.50", _quota("quota_class_set", CORE_QUOTAS + FILE_QUOTAS, force=False)),
    ("2.57", _quota("quota_class_set", CORE_QUOTAS, force=False)),
)

_EVENTS = ["network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"]


def _events(names: list[str]) -> Json:
    event = object_of(
        ("name", "server_uuid"),
        server_uuid=UUID,
        name={"type": "string", "enum": names},
        status={"type": "string", "enum": ["failed", "completed", "in-progress"]},
        tag={"type": "string", "maxLength": 255},
    )
    return wrapped("events", listed(event, minItems=1))


EXTERNAL_EVENTS = versions(
    ("2.1", _events(_EVENTS)),
    ("2.51", _events([*_EVENTS, "volume-extended"])),
    ("2.76", _events([*_EVENTS, "volume-extended", "power-update"])),
    ("2.82", _events([*_EVENTS, "volume-extended", "power-update", "accelerator-request-bound"])),
    ("2.93", _events([*_EVENTS, "volume-extended", "power-update", "accelerator-request-bound", "volume-reimaged"])),
)
