"""A network host and a compute host of one tenant network, as the network service describes them."""

from typing import Any

import msgspec
import pytest

from tinstack.network.agent.model import Link, SeenLink, SeenSpace, Space
from tinstack.network.agent.plans import FILTERED, KERNEL_KIND, VXLAN_PORT
from tinstack.network.rpc import HostNetworkState

TENANT = "7a1b2c3d-1111-4000-8000-000000000001"
PUBLIC = "e0e0e0e0-2222-4000-8000-000000000002"
ROUTER = "aaaaaaaa-3333-4000-8000-000000000003"
SUBNET = "55555555-4444-4000-8000-000000000004"
PUBLIC_SUBNET = "66666666-4444-4000-8000-000000000005"
GUEST_PORT = "11111111-aaaa-4000-8000-000000000001"
DHCP_PORT = "dddddddd-aaaa-4000-8000-000000000002"
ROUTER_PORT = "bbbbbbbb-aaaa-4000-8000-000000000003"
GATEWAY_PORT = "cccccccc-aaaa-4000-8000-000000000004"
PHYSICAL = {"physnet1": "ext0"}
EXT0 = {"ext0": SeenLink(name="ext0", kind="veth", mtu=1500, up=True)}


def port(port_id: str, device: str, owner: str, ip: str, network: str = TENANT) -> dict[str, Any]:
    subnet = PUBLIC_SUBNET if network == PUBLIC else SUBNET
    return {
        "id": port_id,
        "network_id": network,
        "device": device,
        "mac": "fa:16:3e:00:00:" + port_id[:2],
        "owner": owner,
        "device_id": "server-1",
        "addresses": [{"subnet_id": subnet, "ip": ip, "prefix": 24}],
        "project_id": "project-1",
    }


def network(peers: list[str], **more: Any) -> dict[str, Any]:
    subnet = {
        "id": SUBNET,
        "cidr": "192.168.50.0/24",
        "ip_version": 4,
        "gateway_ip": "192.168.50.1",
        "enable_dhcp": True,
    }
    return {
        "id": TENANT,
        "kind": "vxlan",
        "segment": 1001,
        "physical_network": None,
        "mtu": 1450,
        "peers": peers,
        "subnets": [subnet],
        "dns_domain": "lab.example.",
        **more,
    }


def public(**more: Any) -> dict[str, Any]:
    subnet = {
        "id": PUBLIC_SUBNET,
        "cidr": "10.78.0.0/24",
        "ip_version": 4,
        "gateway_ip": "10.78.0.1",
        "enable_dhcp": False,
    }
    return {**network([]), "id": PUBLIC, "kind": "flat", "segment": None, "physical_network": "physnet1", "mtu": 1500,
            "subnets": [subnet], **more}  # fmt: skip


def state(**parts: Any) -> HostNetworkState:
    nothing: dict[str, Any] = {"generation": 1, "networks": [], "ports": [], "routers": [], "dhcp_hosts": []}
    document = {**nothing, "metadata_url": "http://192.0.2.1:8775", "metadata_key": "key", **parts}
    return msgspec.convert(document, HostNetworkState)


def guest(**more: Any) -> dict[str, Any]:
    return port(GUEST_PORT, "tap11111111-aa", "compute:nova", "192.168.50.11") | more


def lease(**more: Any) -> dict[str, Any]:
    return {
        "network_id": TENANT,
        "mac": "fa:16:3e:00:00:11",
        "ip": "192.168.50.11",
        "hostname": "hello",
        "port_id": GUEST_PORT,
        "device_id": "server-1",
        "project_id": "project-1",
        **more,
    }


def router(**more: Any) -> dict[str, Any]:
    return {
        "id": ROUTER,
        "interfaces": [ROUTER_PORT],
        "gateway_port": GATEWAY_PORT,
        "gateway_next_hop": "10.78.0.1",
        "enable_snat": True,
        "floating": [{"floating_ip": "10.78.0.60", "fixed_ip": "192.168.50.11"}],
        **more,
    }


@pytest.fixture
def compute_host() -> HostNetworkState:
    return state(networks=[network(["10.77.0.11"])], ports=[guest()])


@pytest.fixture
def network_host() -> HostNetworkState:
    return state(
        networks=[network(["10.77.0.12"], dhcp_port=DHCP_PORT), public()],
        ports=[
            port(DHCP_PORT, "tapdddddddd-aa", "network:dhcp", "192.168.50.2"),
            port(ROUTER_PORT, "qr-bbbbbbbb-aa", "network:router_interface", "192.168.50.1"),
            port(GATEWAY_PORT, "qg-cccccccc-aa", "network:router_gateway", "10.78.0.50", PUBLIC),
        ],
        routers=[router()],
        dhcp_hosts=[lease()],
    )


def made(space: Space) -> SeenSpace:
    """What would be seen if all of ``space`` had been made."""
    links = {link.name: _made(link) for link in space.links.values()}
    floods = {link.name: set(link.peers) for link in space.links.values() if link.kind == "vxlan"}
    return SeenSpace(links=links, routes=set(space.routes), floods=floods)


def _made(link: Link) -> SeenLink:
    data: dict[str, dict[str, object]] = {
        "bridge": {"forward_delay": 0, "mcast_snooping": 0, **dict.fromkeys(FILTERED, int(link.filtered))},
        "vxlan": {"id": link.segment, "local": link.local, "port": VXLAN_PORT},
        "vlan": {"id": link.segment},
        "gretap": {"local": link.local, "remote": link.remote},
        "tap": {"type": "tap"},
    }
    return SeenLink(
        name=link.name,
        kind=KERNEL_KIND.get(link.kind, "veth"),
        mtu=link.mtu or 1500,
        up=link.up,
        master=link.master,
        mac=link.mac or "02:00:00:00:00:01",
        parent=link.parent,
        addresses=frozenset(link.addresses),
        data=data.get(link.kind, {}),
    )
