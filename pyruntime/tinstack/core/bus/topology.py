"""Who is on the bus and what each may do: RabbitMQ's definitions document, and the same rules for the bus in memory.

Everything on the broker comes from this one document (``load_definitions`` at each start), so a broker whose data was
wiped comes back as it was. Hosts declare nothing, write only the exchange ``up`` and read only their own queues
(confinement as tried on RabbitMQ 3.10; see docs/architecture.md). Standard library only: plays use it as well.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

VHOST = "tinstack"
DOWN, UP = "down", "up"
PRIVATE, BROADCAST = "private.", "broadcast."

SERVED = {
    "conductor": ("conductor", "trace"),
    "scheduler": ("scheduler",),
    "network": ("network",),
    "volume": ("volume",),
    "api": (),
    "identity": ("identity",),
    "image": (),
    "placement": (),
    "console": (),
}
"""The shared queues that each controller's user takes from."""

FROM_HOSTS = ("conductor", "trace", "network", "volume")
"""The topics that hosts may write."""

HOST_KEYS = "^(" + "|".join(FROM_HOSTS) + r"|private\.[a-z]+\.[0-9a-f]{32})$"
"""The same and answers to controllers' processes, as a regular expression."""

AGENTS = ("compute", "network", "volume")
"""The agents that a host may run; each has a user, a queue and a private queue of its own."""


def private_name(user: str, side: str, unique: str) -> str:
    """The queue for answers (and broadcasts): a controller makes one per process, a host's is declared for it."""
    return f"{PRIVATE}{user}" if side == "host" else f"{PRIVATE}{user}.{unique}"


def may_host_write(topic: str) -> bool:
    """Routing keys that a host may use on ``up``: the topics served to hosts, and answers to controllers."""
    return re.fullmatch(HOST_KEYS, topic) is not None


def may_read(user: str, topic: str) -> bool:
    """A host reads the queue of its own name; a controller those of its service."""
    return topic in SERVED[user] if user in SERVED else topic == user


def may_answer(user: str, topic: str) -> bool:
    """Whether an answer to a call to that topic may come from ``user``: from who serves it."""
    return may_read(user, topic)


def may_reply_to(user: str, reply_to: str) -> bool:
    """Whether ``user`` may have answers sent there: to a private queue of its own, nowhere else."""
    own = PRIVATE + user
    return not reply_to or reply_to == own or (user in SERVED and reply_to.startswith(f"{own}."))


def hash_password(password: str) -> str:
    """RabbitMQ's ``rabbit_password_hashing_sha256``; the salt follows from the password, so that a run changes nothing."""
    salt = hashlib.sha256(b"tinstack bus salt " + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def definitions(passwords: Mapping[str, str], hosts: Iterable[str]) -> dict[str, Any]:
    """The definitions document. ``passwords``: by bus user (services, ``compute.<host>``, ``network.<host>`` …)."""
    agents = [f"{agent}.{host}" for host in sorted(hosts) for agent in AGENTS if f"{agent}.{host}" in passwords]
    shared = sorted({topic for topics in SERVED.values() for topic in topics})
    queues = [*shared, *agents, *(PRIVATE + agent for agent in agents)]
    return {
        "vhosts": [{"name": VHOST}],
        "users": [
            {
                "name": user,
                "password_hash": hash_password(passwords[user]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for user in sorted(passwords)
        ],
        "permissions": [_permission(user) for user in sorted(passwords)],
        "topic_permissions": [
            {"user": user, "vhost": VHOST, "exchange": UP, "write": HOST_KEYS, "read": "^$"} for user in agents
        ],
        "exchanges": [
            {
                "name": name,
                "vhost": VHOST,
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name in (DOWN, UP)
        ],
        "queues": [
            {"name": name, "vhost": VHOST, "durable": True, "auto_delete": False, "arguments": {"x-queue-version": 2}}
            for name in queues
        ],
        "bindings": [_binding(DOWN, name) for name in queues] + [_binding(UP, name) for name in FROM_HOSTS],
        "policies": [],
        "parameters": [],
        "global_parameters": [],
    }


def _binding(source: str, queue: str) -> dict[str, Any]:
    return {
        "source": source,
        "vhost": VHOST,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": queue,
        "arguments": {},
    }


def _permission(user: str) -> dict[str, str]:
    if user not in SERVED:
        own = re.escape(user)
        return {"user": user, "vhost": VHOST, "configure": "^$", "write": f"^{UP}$", "read": f"^(private\\.)?{own}$"}
    private = rf"private\.{re.escape(user)}\..*"
    own = "|".join([*SERVED[user], private])
    return {
        "user": user,
        "vhost": VHOST,
        "configure": f"^{private}$",
        "write": f"^({DOWN}|{private})$",
        "read": f"^({DOWN}|{UP}|{own})$",
    }
