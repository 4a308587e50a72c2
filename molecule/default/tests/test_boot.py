"""A real guest: what the API says is what runs on the host, and it answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from testinfra.host import Host

testinfra_hosts = ["local://"]


def test_secrets_and_ways_in_are_their_owners_alone(state: Path) -> None:
    assert {(state / name).stat().st_mode & 0o777 for name in ("secrets.yml", "clouds.yaml", "demo_key")} == {0o600}


def test_the_server_is_active(hello: Any) -> None:
    assert (hello.status, hello.vm_state, hello.power_state) == ("ACTIVE", "active", 1)


def test_the_domain_on_the_host_is_what_the_api_says(hello: Any, its_host: Host, domain: Callable[[str], Any]) -> None:
    running = domain(its_host.check_output(f"virsh dumpxml {hello.id}"))
    assert running.uuid == hello.id
    assert running.memory_mib == hello.flavor["ram"]
    assert running.vcpus == hello.flavor["vcpus"]
    assert running.mac_addresses == {
        address["OS-EXT-IPS-MAC:mac_addr"] for found in hello.addresses.values() for address in found
    }


def test_the_domain_was_made_from_the_file_in_the_servers_folder(
    hello: Any, its_host: Host, domain: Callable[[str], Any]
) -> None:
    kept = its_host.file(f"/var/lib/tinstack/instances/{hello.id}/domain.xml").content_string
    assert domain(kept) == domain(its_host.check_output(f"virsh dumpxml --inactive {hello.id}"))


def test_the_guest_is_an_unprivileged_process(hello: Any, its_host: Host) -> None:
    (guest,) = its_host.process.filter(comm="qemu-system-x86")
    assert guest.user == "libvirt-qemu"


def test_the_server_answers_ssh_with_the_key_from_the_metadata_service(hello: Any, host: Host, state: Path) -> None:
    found = [address for addresses in hello.addresses.values() for address in addresses]
    (floating,) = [address["addr"] for address in found if address["OS-EXT-IPS:type"] == "floating"]
    options = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR"
    assert host.check_output(f"ssh -nF none -i {state}/demo_key {options} root@{floating} hostname") == "hello"
