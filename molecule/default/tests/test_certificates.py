"""Certificates are renewed while the cloud is used: nobody sees a failure, and everything shows the new ones."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from guests import play

testinfra_hosts = ["local://"]

SHOWN = {
    "gateway": "-connect {address}:5000",
    "database": "-starttls mysql -connect {address}:3306",
    "bus": "-connect {address}:5671",
}


class Use:
    """Requests one after the other, on kept and on new connections, and what went wrong with them."""

    def __init__(self, cloud: Callable[[str], Any]) -> None:
        self._cloud, self._ended = cloud, threading.Event()
        self.done, self.failed = 0, list[str]()

    def go_on(self) -> None:
        kept = self._cloud("tinstack")
        while not self._ended.is_set():
            try:
                list(kept.image.images())
                list(kept.compute.servers())
                self._cloud("tinstack").authorize()
                self.done += 1
            except Exception as error:  # whatever it is, a user has seen it
                self.failed.append(repr(error))

    def end(self) -> None:
        self._ended.set()


@contextmanager
def in_use(cloud: Callable[[str], Any]) -> Iterator[Use]:
    use = Use(cloud)
    threads = [threading.Thread(target=use.go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield use
    finally:
        use.end()
        for thread in threads:
            thread.join(60)


def serials(host: Host) -> dict[str, str]:
    """The numbers of the certificates that are shown."""
    address, found = host.ansible.get_variables()["ansible_host"], {}
    for name, how in SHOWN.items():
        said = host.check_output(
            f"openssl s_client {how.format(address=address)} </dev/null 2>/dev/null | openssl x509 -noout -serial"
        )
        found[name] = re.sub(r"^serial=", "", said)
    return found


@pytest.fixture
def controller(host_named: Callable[[str], Host], inventory: str) -> Host:
    """The host that shows all of them."""
    listed = subprocess.run(
        ["ansible", "-i", inventory, "api", "--list-hosts"], capture_output=True, text=True, check=True
    )
    return host_named(listed.stdout.split()[-1])


def test_certificates_are_renewed_without_a_failed_request(
    cloud: Callable[[str], Any], controller: Host, inventory: str, state: Path
) -> None:
    before = serials(controller)
    assert len(set(before.values())) == 1
    with in_use(cloud) as use:
        play(inventory, "renew-certificates", tinstack_state_dir=state, certificates_renew_all="true")
    assert use.failed == []
    assert use.done > 3
    after = serials(controller)
    assert len(set(after.values())) == 1
    assert after != before
