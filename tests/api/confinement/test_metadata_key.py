"""A host's metadata key opens the metadata of its own guests, and of nobody else's."""

import pytest
from tests.api.conftest import STOLEN, send

from tinstack.core.guestdata import host_key, signature
from tinstack.network import rpc


@pytest.fixture
def ask(cloud):
    """Ask for a server's metadata as that host, signed by that key."""
    made = cloud.cloud

    def get(server, host, signer=None):
        headers = {
            "X-Instance-ID": server["id"],
            "X-Tenant-ID": server["tenant_id"],
            "X-Metadata-Host": host,
            "X-Instance-ID-Signature": signature(host_key(made.secrets.metadata, signer or host), server["id"]),
        }
        return send("GET", f"http://127.0.0.1:{made.ports['metadata']}/openstack/latest/meta_data.json", None, headers)

    return get


def test_its_own_host_is_answered(ask, victim):
    assert ask(victim, victim["OS-EXT-SRV-ATTR:host"]).json["uuid"] == victim["id"]


def test_another_host_is_refused(ask, victim, logged):
    assert ask(victim, STOLEN).status == 403
    logged(STOLEN, victim["id"])


def test_another_hosts_name_takes_another_hosts_key(ask, victim, logged):
    assert ask(victim, victim["OS-EXT-SRV-ATTR:host"], signer=STOLEN).status == 403
    logged(victim["OS-EXT-SRV-ATTR:host"], victim["id"], "signature")


def test_a_host_does_not_become_a_network_host_by_saying_so(ask, cloud, network, victim, logged):
    report = rpc.AgentReport(
        host=STOLEN,
        tunnel_ip="127.0.0.1",
        roles=["l2", "l3", "dhcp", "metadata"],
        physical_networks={},
        generation=0,
        started_at=1,
    )
    network.cast(rpc.TOPIC, report)
    logged(STOLEN, "no network host", "metadata")
    path = f"/v2.0/agents?host={STOLEN}"
    answer = cloud.admin.wait("network", path, lambda it: it.json["agents"])
    assert [agent["agent_type"] for agent in answer.json["agents"]] == ["Linux bridge agent"]
    assert ask(victim, STOLEN).status == 403
    for agent in answer.json["agents"]:
        cloud.admin.delete("network", f"/v2.0/agents/{agent['id']}")
