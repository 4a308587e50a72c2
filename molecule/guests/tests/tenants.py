"""Two tenants with the same addresses: their networks, routers and guests, and ways to speak with the guests."""

import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CIDR, CIDR6 = "10.66.0.0/24", "fd66::/64"
FIRST, SECOND = "10.66.0.11", "10.66.0.12"
SECONDS = 420.0


@dataclass
class Guest:
    """A server with one port and, while it has one, a floating IP."""

    server: Any
    port: Any
    host: str
    key: Path
    floating: str = ""

    @property
    def tap(self) -> str:
        """Its interface on the host."""
        return f"tap{self.port.id[:11]}"

    @property
    def mac(self) -> str:
        """Of that interface."""
        return str(self.port.mac_address)

    @property
    def ip(self) -> str:
        """Its IPv4 address."""
        return next(str(one["ip_address"]) for one in self.port.fixed_ips if ":" not in one["ip_address"])

    @property
    def ip6(self) -> str:
        """Its IPv6 address."""
        return next(str(one["ip_address"]) for one in self.port.fixed_ips if ":" in one["ip_address"])

    def ssh(self, command: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command in the guest."""
        options = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR"
        words = ["ssh", "-nF", "none", "-i", str(self.key), *options.split(), "-o", "ConnectTimeout=8"]
        try:
            return subprocess.run(
                [*words, f"root@{self.floating}", command],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(words, 255, "", f"no answer within {seconds:g} s")

    def says(self, command: str) -> str:
        """What the command prints; it must succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def reaches(self, ip: str, size: int = 56) -> bool:
        """By ping, in two tries: the first packet may wait for a neighbour."""
        return self.ssh(f"ping -c 2 -W 2 -s {size} {shlex.quote(ip)}").returncode == 0

    def answers(self) -> bool:
        """By SSH, and it is no other guest that does."""
        return bool(self.floating) and self.ssh("cat /sys/class/net/eth0/address", 10).stdout.strip() == self.mac


class Tenant:
    """A project with a network, a router to the outside, and a security group that lets SSH in."""

    def __init__(self, admin: Any, name: str, state: Path, image: str, flavor: str) -> None:
        self.admin, self.name, self.key = admin, name, state / "demo_key"
        self.project = admin.identity.create_project(name=name, domain_id="default")
        role = admin.identity.find_role("admin", ignore_missing=False)
        admin.identity.assign_project_role_to_user(self.project, admin.current_user_id, role)
        self.cloud = admin.connect_as_project(self.project)
        self.image, self.flavor = image, flavor
        self.public = admin.network.find_network("public", ignore_missing=False)
        net = self.cloud.network
        self.network = net.create_network(name=name)
        self.subnet = net.create_subnet(name=name, network_id=self.network.id, ip_version=4, cidr=CIDR)
        self.router = net.create_router(name=name, external_gateway_info={"network_id": self.public.id})
        six = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
        self.subnet6 = net.create_subnet(name=name, network_id=self.network.id, cidr=CIDR6, **six)
        for subnet in (self.subnet, self.subnet6):
            net.add_interface_to_router(self.router, subnet_id=subnet.id)
        self.ssh_group = net.create_security_group(name="ssh")
        self.default = next(iter(net.security_groups(name="default", project_id=self.project.id)))
        net.create_security_group_rule(
            security_group_id=self.ssh_group.id,
            direction="ingress",
            protocol="tcp",
            port_range_min=22,
            port_range_max=22,
        )
        self.guests: list[Guest] = []

    def boot(self, name: str, host: str, addresses: list[str], key_name: str, network: Any = None) -> Guest:
        """Begins to boot on that host, in the tenant's first network unless another is given."""
        net = self.cloud.network
        port = net.create_port(
            name=name,
            dns_name=name,
            network_id=(network or self.network).id,
            fixed_ips=[{"ip_address": one} for one in addresses],
            security_groups=[self.default.id, self.ssh_group.id],
        )
        server = self.cloud.compute.create_server(
            name=name,
            image_id=self.image,
            flavor_id=self.flavor,
            key_name=key_name,
            networks=[{"port": port.id}],
            availability_zone=f"nova:{host}",
        )
        self.guests.append(Guest(server, port, host, self.key))
        return self.guests[-1]

    def give_floating(self, guest: Guest) -> Any:
        """A floating IP of its own."""
        made = self.cloud.network.create_ip(floating_network_id=self.public.id, port_id=guest.port.id)
        guest.floating = str(made.floating_ip_address)
        return made

    def remove(self) -> None:
        """Everything of the project, then itself."""
        net, compute = self.cloud.network, self.cloud.compute
        for guest in self.guests:
            compute.delete_server(guest.server, ignore_missing=True)
        for guest in self.guests:
            compute.wait_for_delete(guest.server, wait=int(SECONDS))
        for floating in net.ips(project_id=self.project.id):
            net.delete_ip(floating)
        routers = list(net.routers(project_id=self.project.id))
        for router in routers:
            net.update_router(router, routes=[])
        for port in net.ports(project_id=self.project.id):
            if port.device_owner == "network:router_interface":
                net.remove_interface_from_router(port.device_id, port_id=port.id)
            elif not port.device_owner.startswith("network:"):
                net.delete_port(port)
        for router in routers:
            net.delete_router(router)
        for network in net.networks(project_id=self.project.id):
            net.delete_network(network)
        for group in net.security_groups(project_id=self.project.id):
            if group.name != "default":
                net.delete_security_group(group)
        self.admin.identity.delete_project(self.project)


@contextlib.contextmanager
def tenants(admin: Any, state: Path, image: str, flavor: str, names: list[str]) -> Iterator[list[Tenant]]:
    """Some, removed in the end whatever happens."""
    made: list[Tenant] = []
    try:
        for name in names:
            made.append(Tenant(admin, name, state, image, flavor))
        yield made
    finally:
        for one in reversed(made):
            one.remove()
