"""A lab that was lost with its hosts is back from its backup, and says itself what could not come back."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openstack
from testinfra.host import Host

from guests import Lab, until

testinfra_hosts = ["local://"]

READ = (
    "qemu-io -r -f qcow2 -c 'read -P 0x5a 1M 64k' -c 'read -P 0xa5 1000M 64k' -c 'read -P 0 2M 64k' "
    "$(find /var/lib/tinstack/volume/volumes -name volume-%s.qcow2) 2>&1"
)
"""What was written before the backup was made, and where nothing was."""


def test_the_server_is_known_with_its_addresses(hello: Any) -> None:
    kinds = {one["OS-EXT-IPS:type"] for network in hello.addresses.values() for one in network}
    assert kinds == {"fixed", "floating"}


def test_users_sign_in_with_their_old_passwords(state: Path) -> None:
    known = json.loads((state / "clouds.yaml").read_text())["clouds"]["tinstack-admin"]
    settings = {**known["auth"], "username": "kept", "password": "kept by its hash"}
    for scope in ("project_name", "project_domain_name"):
        settings.pop(scope, None)
    cloud = openstack.connect(load_envvars=False, load_yaml_config=False, cacert=known.get("cacert"), auth=settings)
    assert cloud.authorize()


def test_images_have_their_bytes(cloud: Callable[[str], Any]) -> None:
    images = cloud("tinstack").image
    image = next(iter(images.images(name="tiny")))
    assert hashlib.sha512(images.download_image(image).content).hexdigest() == image.hash_value


def test_volumes_have_their_bytes_and_can_be_cloned(
    cloud: Callable[[str], Any], host_named: Callable[[str], Host]
) -> None:
    volumes, host = cloud("tinstack").block_storage, host_named("m-controller")
    kept = next(iter(volumes.volumes(name="kept")))
    clone = volumes.create_volume(size=1, name="clone", source_volid=kept.id)
    try:
        volumes.wait_for_status(clone, "available", wait=60)
        for volume in (kept, clone):
            said = host.check_output(READ, volume.id)
            assert said.count("read 65536/65536") == 3 and "failed" not in said, said
    finally:
        volumes.delete_volume(clone)


def test_the_guest_that_was_lost_is_an_error_with_the_reason_and_verify_finds_nothing_else(
    hello: Any, cloud: Callable[[str], Any], lab: Lab
) -> None:
    compute = cloud("tinstack-admin").compute
    until(lambda: compute.get_server(hello.id).status == "ERROR", "the server says that its guest is lost")
    told = compute.get_server(hello.id).fault["message"]
    assert told == f"The guest and its disks are not on host {hello.hypervisor_hostname} any more."
    said = json.loads(lab("verify", "--json").stdout)
    assert [check for check in said["checks"] if check["ok"] is False] == []
    assert said["orphans"] == []


def test_nothing_of_the_backup_lies_about(host_named: Callable[[str], Host], state: Path) -> None:
    assert not host_named("m-controller").file("/var/lib/tinstack/backup").exists
    assert not (state / "backup").exists()
