"""Rows of all services that own things, or that are owned: read by the APIs as the admin.

What depends on servers (claims, ports, attachments) is read before servers: nothing of that kind is made before its server is.
"""

from typing import Any

import msgspec

from tinstack.lab.client import Client

COMPUTE = "2.47"
PLACEMENT = "1.38"
VOLUME = "3.27"
PAGE = 500
INSTANCE = "INSTANCE"
"""What servers say that they are, as consumers of placement."""

KEEPS_FILES = "nbd"
"""The storage protocol of backends whose volumes are files on the host."""

Row = dict[str, Any]


class Rows(msgspec.Struct):
    """``claims``: (consumer, name of the provider's host). ``others``: consumers that do not say that they are servers, with what
    they say. ``busy``: servers with an operation under way.
    ``file_pools``: hosts of volumes (``host@backend#pool``) whose volumes are files."""

    claims: list[tuple[str, str]]
    ports: list[Row]
    floating: list[Row]
    attachments: list[Row]
    volumes: dict[str, Row]
    snapshots: set[str]
    networks: list[str]
    routers: set[str]
    servers: dict[str, Row]
    operations: list[Row]
    file_pools: set[str]
    others: dict[str, str] = {}

    @property
    def busy(self) -> set[str]:
        """Servers that something is being done to, which may be in two places or in none meanwhile."""
        moving = {
            id for id, one in self.servers.items() if one["OS-EXT-STS:task_state"] or one["status"] == "VERIFY_RESIZE"
        }
        return moving | {str(one["server_id"]) for one in self.operations}

    @classmethod
    def fetch(cls, admin: Client) -> "Rows":
        """Raises ApiError."""
        everywhere: dict[str, str | int] = {"all_tenants": 1, "limit": PAGE}
        claims = _claims(admin)
        ports = admin.get("network", "/v2.0/ports")["ports"]
        floating = admin.get("network", "/v2.0/floatingips")["floatingips"]
        attachments = admin.pages("block-storage", "/attachments", "attachments", everywhere, version=VOLUME)
        listed = list(attachments)
        volumes = admin.pages("block-storage", "/volumes/detail", "volumes", everywhere)
        snapshots = admin.pages("block-storage", "/snapshots", "snapshots", everywhere)
        pools = admin.get("block-storage", "/scheduler-stats/get_pools", {"detail": "True"})["pools"]
        servers = admin.pages("compute", "/servers/detail", "servers", everywhere, version=COMPUTE)
        known = {one["id"]: one for one in servers}
        types = {consumer: _consumer_type(admin, consumer) for consumer, _ in claims if consumer not in known}
        return cls(
            claims=claims,
            ports=ports,
            floating=floating,
            attachments=listed,
            volumes={one["id"]: one for one in volumes},
            snapshots={one["id"] for one in snapshots},
            networks=[one["id"] for one in admin.get("network", "/v2.0/networks")["networks"]],
            routers={one["id"] for one in admin.get("network", "/v2.0/routers")["routers"]},
            servers=known,
            operations=admin.get("compute", "/tinstack-operations")["operations"],
            file_pools={
                one["name"] for one in pools if one.get("capabilities", {}).get("storage_protocol") == KEEPS_FILES
            },
            others={consumer: kind for consumer, kind in types.items() if kind != INSTANCE},
        )


def _claims(admin: Client) -> list[tuple[str, str]]:
    found = []
    for host in admin.get("placement", "/resource_providers")["resource_providers"]:
        path = f"/resource_providers/{host['uuid']}/allocations"
        found += [(str(consumer), str(host["name"])) for consumer in admin.get("placement", path)["allocations"]]
    return found


def _consumer_type(admin: Client, consumer: str) -> str:
    """What a consumer of placement says that it is; a server's where it holds nothing any more: the next look tells."""
    held = admin.get("placement", f"/allocations/{consumer}", version=PLACEMENT)
    return str(held.get("consumer_type", INSTANCE))
