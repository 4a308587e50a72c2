"""Bodies that a schema alone does not lead to: they name things that must be there and fit each other."""

from collections.abc import Callable
from random import Random
from typing import Any

Known = Callable[[str], list[str]]
Json = dict[str, Any]

KEYS = ("a", "k1", "abc", "hw:x")
"""Names of metadata, tags, properties: few, so that what one request sets another one finds."""


def body(name: str, random: Random, known: Known) -> Json | None:
    """For an operation (``POST /v2.1/servers``, an action's name behind it); None where its schema is enough."""

    def one(kind: str) -> str:
        return random.choice(known(kind) or ["none"])

    def server() -> Json:
        wanted: Json = {"name": "s", "imageRef": one("image"), "flavorRef": one("flavor")}
        if random.random() < 0.7:
            wanted["networks"] = [random.choice(({"uuid": one("network")}, {"port": one("port")}))]
        more: tuple[Json, ...] = (
            {"metadata": {"a": "b"}},
            {"min_count": 1, "max_count": 2},
            {"user_data": "YWJj"},
            {"config_drive": True},
            {"security_groups": [{"name": "default"}]},
            {"key_name": one("keypair")},
            {"availability_zone": "nova"},
            {
                "block_device_mapping_v2": [
                    {"uuid": one("volume"), "source_type": "volume", "destination_type": "volume", "boot_index": 0}
                ]
            },
        )
        return {
            "server": wanted | random.choice(more),
            **({"os:scheduler_hints": {"group": one("server_group")}} if random.random() < 0.2 else {}),
        }

    def sign_in() -> Json:
        user: Json = {"id": one("user"), "password": "x"}
        token = {"methods": ["token"], "token": {"id": "x"}}
        identity = random.choice(({"methods": ["password"], "password": {"user": user}}, token))
        scope = random.choice(
            (
                {"project": {"id": one("project")}},
                {"system": {"all": True}},
                {"domain": {"id": one("domain")}},
                "unscoped",
            )
        )
        return {"auth": {"identity": identity, "scope": scope}}

    def allocations() -> Json:
        wanted = {
            one("resource_provider"): {"resources": {random.choice(("VCPU", "MEMORY_MB")): random.choice((1, 10**6))}}
        }
        return {
            "allocations": wanted,
            "project_id": one("project"),
            "user_id": one("user"),
            "consumer_generation": None,
        }

    made: dict[str, Callable[[], Json]] = {
        "POST /v2.1/servers": server,
        "POST /v2.1/servers/{server_id}/os-interface": lambda: {
            "interfaceAttachment": random.choice(({"net_id": one("network")}, {"port_id": one("port")}, {}))
        },
        "POST /v2.1/servers/{server_id}/action addFixedIp": lambda: {"addFixedIp": {"networkId": one("network")}},
        "POST /v2.1/servers/{server_id}/action addSecurityGroup": lambda: {
            "addSecurityGroup": {"name": one("security_group")}
        },
        "POST /v2.1/os-security-group-rules": lambda: {
            "security_group_rule": {
                "parent_group_id": one("security_group"),
                "ip_protocol": "tcp",
                "from_port": 1,
                "to_port": 9,
            }
        },
        "POST /v3/auth/tokens": sign_in,
        "POST /v3/OS-TRUST/trusts": lambda: {
            "trust": {
                "trustee_user_id": one("user"),
                "trustor_user_id": one("user"),
                "project_id": one("project"),
                "impersonation": False,
                "roles": [],
            }
        },
        "POST /v2.0/floatingips": lambda: {
            "floatingip": {"floating_network_id": one("network"), "port_id": one("port")}
        },
        "PUT /v2.0/routers/{id}/add_router_interface": lambda: {"subnet_id": one("subnet")},
        "PUT /v2.0/routers/{id}/remove_router_interface": lambda: {"subnet_id": one("subnet")},
        "PUT /allocations/{id}": allocations,
        "POST /allocations": lambda: {one("server"): allocations()},
        "PUT /resource_providers/{id}/inventories/{name}": lambda: {
            "total": 9,
            "resource_provider_generation": random.choice((0, 1, 2)),
        },
        "POST /v3/attachments": lambda: {"attachment": {"volume_uuid": one("volume"), "instance_uuid": one("server")}},
    }
    if name in made:
        return made[name]()
    for end, word in (("/metadata/{key}", "meta"), ("/os-extra_specs/{key}", ""), ("/extra_specs/{key}", "")):
        if name.endswith(end):
            inner = {random.choice(KEYS): "1"}
            return {word: inner} if word else inner
    if name.endswith("/metadata"):
        return {"metadata": dict.fromkeys(KEYS, "1")}
    return None
