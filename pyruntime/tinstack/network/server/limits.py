"""QoS policies as hosts are told them: what limits and marks the traffic of their guests' ports."""

from collections.abc import Collection, Mapping

from tinstack.network import rpc
from tinstack.network.server import qos, store
from tinstack.network.server.rows import HostPort, Network
from tinstack.network.server.rows_sharing import QosRule

LIMITS = {"bandwidth_limit": False, "packet_rate_limit": True}
"""Kinds of rules that limit, and whether they count packets."""


Limits = tuple[list[rpc.WantedLimit], int | None]
"""Of a port, and its DSCP mark."""
NONE: Limits = ([], None)


async def wanted(db: store.Reader, ports: Collection[HostPort], networks: Mapping[str, Network]) -> dict[str, Limits]:
    """By port's id: by its own policy or its network's."""
    policies = {port.id: policy for port in ports if (policy := _policy(port, networks.get(port.network_id)))}
    rules = await qos.rules_of(db, set(policies.values())) if policies else {}
    return {
        id: (
            [_limit(rule) for rule in rules[policy] if rule.kind in LIMITS],
            next((rule.rate for rule in rules[policy] if rule.kind == "dscp_marking"), None),
        )
        for id, policy in policies.items()
    }


def _policy(port: HostPort, network: Network | None) -> str | None:
    if port.device_owner.startswith("network:"):
        return None
    return port.qos_policy_id or (network.qos_policy_id if network else None)


def _limit(rule: QosRule) -> rpc.WantedLimit:
    return rpc.WantedLimit(direction=rule.direction, packets=LIMITS[rule.kind], rate=rule.rate, burst=rule.burst)
