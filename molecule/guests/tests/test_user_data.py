"""User data run in the guest, from the metadata service and from the config drive alike."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from guests import until

testinfra_hosts = ["local://"]

SCRIPT = b"#!/bin/sh\necho said-by-$(hostname) as $(id -u)\nexit 3\n"


@pytest.mark.parametrize("drive, source", [(False, "http"), (True, "drive")], ids=["metadata service", "config drive"])
def test_user_data_run(cloud: Callable[[str], Any], hello: Any, drive: bool, source: str) -> None:
    compute, network = cloud("tinstack").compute, cloud("tinstack").network
    name = f"run-{source}"
    server = compute.create_server(
        name=name,
        image_id=hello.image.id,
        flavor_id=compute.find_flavor(hello.flavor["original_name"], ignore_missing=False).id,
        networks=[{"uuid": next(iter(network.networks(name="demo-net"))).id}],
        config_drive=drive,
        user_data=base64.b64encode(SCRIPT).decode(),
    )

    def log() -> list[str]:
        return str(compute.get_server_console_output(server.id)["output"]).splitlines()

    try:
        compute.wait_for_server(server, wait=240)
        until(lambda: any("user data ran: 3" in line for line in log()), "its user data ran")
        assert f"said-by-{name} as 0" in log(), "as root, with the server's name"
        assert any(f"metadata {source} name={name}" in line for line in log())
    finally:
        compute.delete_server(server)
        compute.wait_for_delete(server, wait=120)
