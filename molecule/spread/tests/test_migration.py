"""libvirt of a compute host lets in the other compute hosts, by the names in their certificates, and no other host of the lab."""

from collections.abc import Callable

import pytest
from testinfra.host import Host

testinfra_hosts = ["local://"]

HELLO = """
import socket, ssl
trusted = ssl.create_default_context(cafile="/etc/tinstack/tls/ca.pem")
trusted.load_cert_chain("/etc/tinstack/tls/host.pem", "/etc/tinstack/tls/host.key")
try:
    with socket.create_connection(({name!r}, 16514), 20) as link, trusted.wrap_socket(link, server_hostname={name!r}) as link:
        print("let in" if link.recv(1) == b"\\1" else "sent away")
except (ssl.SSLError, ConnectionError) as error:
    print("sent away:", type(error).__name__)
"""
"""The daemon says a single byte of 1 to those whose certificate it takes. Source: libvirt's remote protocol."""


@pytest.mark.parametrize("host_name, other", [("s-compute1", "s-compute2"), ("s-compute2", "s-compute1")])
def test_compute_hosts_of_both_releases_use_each_others_libvirt(
    host_name: str, other: str, host: Callable[[str], Host]
) -> None:
    address = f"qemu+tls://{other}/system?pkipath=/etc/tinstack/tls/libvirt"
    assert host(host_name).check_output("timeout 60 virsh -c %s hostname", address) == other
    assert greeted(host(host_name), other) == "let in"


@pytest.mark.parametrize("host_name", ["s-volume", "s-controller"])
def test_no_other_host_is_let_in(host_name: str, host: Callable[[str], Host]) -> None:
    assert greeted(host(host_name), "s-compute1").startswith("sent away")


def greeted(host: Host, name: str) -> str:
    return host.check_output("timeout 60 python3 -c %s", HELLO.format(name=name)).strip()
