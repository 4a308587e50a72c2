"""A guest's day with volumes: nothing that is killed loses a write, and a volume is its host's, grows, is copied and booted from."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openstack
import pytest
import testinfra
from testinfra.host import Host

from guests import in_guest, play, until

testinfra_hosts = ["local://"]

BLOCKS = 128
"""Of 64 KiB, which are written again and again."""

WRITER = f"""cd /run; rm -f stop acked failed errors; i=0
while [ ! -e stop ] && [ -b $1 ]; do
  yes "$(printf %015d $i)" | dd of=$1 bs=64k count=1 iflag=fullblock oflag=direct seek=$((i % {BLOCKS})) conv=notrunc 2>>errors \\
    && echo $i >>acked || echo $i >>failed
  i=$((i+1))
done
touch ended
"""
"""Each write fills a block with its number, past the guest's own cache, and is noted when it is acknowledged; nothing is flushed."""

UNIT = "tinstack-volume-export@{volume}.service"

KILLED = {
    "the export's daemon is killed": ["systemctl kill --signal=KILL {unit}"],
    "it is killed again at once": ["systemctl kill --signal=KILL {unit}"] * 2,
    "it is ended": ["systemctl stop {unit}"],
    "port and daemon are taken away": ["systemctl stop {socket} {unit}"],
    "the volume service is killed": ["systemctl kill --signal=KILL tinstack-volume"],
    "the broker is killed with the daemon": ["systemctl kill --signal=KILL rabbitmq-server {unit}"],
    "the database is killed with the daemon": ["systemctl kill --signal=KILL mariadb {unit}"],
    "the controller's services are killed with the daemon": [
        "systemctl kill --signal=KILL tinstack-api tinstack-conductor tinstack-volume {unit}"
    ],
}


@dataclass
class Cloud:
    """The owner of ``hello`` with what he makes here; all is deleted in the end."""

    demo: Any
    admin: Any
    hello: Any
    volume_host: Host
    state: Path
    made: list[Any] = field(default_factory=list)
    servers: list[Any] = field(default_factory=list)
    undo: list[Callable[[], Any]] = field(default_factory=list)

    def volume(self, **how: Any) -> Any:
        """One that is available."""
        volume = self.demo.block_storage.create_volume(**{"size": 1, **how})
        self.made.append(volume)
        return self.demo.block_storage.wait_for_status(volume, "available", wait=120)

    def attach(self, volume: Any) -> str:
        """Where ``hello`` sees it."""
        self.demo.compute.create_volume_attachment(self.hello.id, volume_id=volume.id)
        self.demo.block_storage.wait_for_status(volume, "in-use", wait=120)
        return str(until(lambda: self.device_of(volume), "the guest sees the volume", 60, 0.5))

    def device_of(self, volume: Any) -> str | None:
        """By the serial number, of which virtio has 20 characters."""
        for line in self.guest("grep . /sys/block/*/serial || true").splitlines():
            path, _, serial = line.partition(":")
            if serial and volume.id.startswith(serial):
                return f"/dev/{path.split('/')[3]}"
        return None

    def detach(self, volume: Any) -> None:
        """Off ``hello``."""
        self.demo.compute.delete_volume_attachment(self.hello.id, volume.id)
        self.demo.block_storage.wait_for_status(volume, "available", wait=120)

    def guest(self, command: str) -> str:
        """In ``hello``."""
        return in_guest(self.hello, self.state, command)

    def close(self) -> None:
        """Undo all, whatever of it was done."""
        for server in self.servers:
            self.demo.compute.delete_server(server, ignore_missing=True)
        for server in self.servers:
            self.demo.compute.wait_for_delete(server, wait=240)
        for attachment in self.demo.compute.volume_attachments(self.hello.id):
            self.demo.compute.delete_volume_attachment(self.hello.id, attachment.volume_id)
        for step in self.undo:
            step()
        for volume in self.made:
            if self.demo.block_storage.find_volume(volume.id):
                self.demo.block_storage.wait_for_status(volume, "available", wait=120)
                self.demo.block_storage.delete_volume(volume, ignore_missing=True)


@pytest.fixture(scope="module")
def my(cloud: Callable[[str], Any], hello: Any, inventory: str, state: Path) -> Iterator[Cloud]:
    """The cloud."""
    [volume_host, *_] = testinfra.get_hosts(["ansible://api"], ansible_inventory=inventory)
    made = Cloud(cloud("tinstack"), cloud("tinstack-admin"), hello, volume_host, state)
    made.demo.block_storage.default_microversion = "3.66"
    made.admin.block_storage.default_microversion = "3.66"
    yield made
    made.close()


@pytest.fixture(scope="module")
def volume(my: Cloud) -> Any:
    """One that ``hello`` has."""
    made = my.volume(name="patterns")
    made.device = my.attach(made)
    return made


def acked(my: Cloud) -> int:
    """The newest write that was acknowledged; -1 where a guest that is paused does not answer."""
    try:
        return int(my.guest("tail -n 1 /run/acked") or -1)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return -1


def usable(my: Cloud) -> bool:
    """Whether the services that were killed answer."""
    try:
        return bool(my.demo.compute.get_server(my.hello.id) and list(my.demo.block_storage.volumes()))
    except openstack.exceptions.SDKException:
        return False


@contextmanager
def written_without_a_loss(my: Cloud, volume: Any) -> Iterator[None]:
    """``hello`` writes meanwhile; no write has failed then, and what was acknowledged is there."""
    my.guest(
        f"printf '%s' '{WRITER}' >/run/writer; rm -f /run/ended; setsid sh /run/writer {volume.device} >/dev/null 2>&1 &"
    )
    until(lambda: acked(my) > 5, "the guest writes", 60)
    yield
    my.guest("touch /run/stop; while [ ! -e /run/ended ]; do sleep 0.2; done")
    until(lambda: usable(my), "the cloud answers again")
    assert my.guest("cat /run/failed 2>/dev/null; dmesg | grep 'I/O error' || true") == ""
    newest = [int(line) for line in my.guest(f"tail -n {BLOCKS} /run/acked").splitlines()]
    found = my.guest(f"dd if={volume.device} bs=64k count={BLOCKS} iflag=direct 2>/dev/null | uniq -c").splitlines()
    there = {place: tuple(map(int, line.split())) for place, line in enumerate(found)}
    assert there == {number % BLOCKS: (4096, number) for number in newest}


def goes_on(my: Cloud, before: int, when: str, seconds: float = 90) -> None:
    until(lambda: acked(my) > before + 5, f"the guest goes on writing when {when}", seconds, 0.5)


def pauses(my: Cloud, host: Host) -> int:
    """How often the agent of its host has said that ``hello`` waited for a volume."""
    found = host.check_output(f"grep -c 'guest {my.hello.id} was paused for' /var/log/tinstack/compute.log || true")
    return int(found)


def test_no_acknowledged_write_is_lost_and_none_fails_whatever_is_killed(
    my: Cloud, volume: Any, its_host: Host
) -> None:
    unit, paused = UNIT.format(volume=volume.id), pauses(my, its_host)
    with written_without_a_loss(my, volume):
        for what, commands in KILLED.items():
            before = until(lambda: acked(my) + 1, "the guest answers", 60) - 1
            for command in commands:
                my.volume_host.check_output(command.format(unit=unit, socket=unit.replace(".service", ".socket")))
            goes_on(my, before, what)
    until(lambda: pauses(my, its_host) > paused, "the agent says that the guest was paused", 60)


def test_a_guest_writes_on_when_its_volumes_host_and_the_controller_had_their_power_cut(
    my: Cloud, volume: Any, its_host: Host, inventory: str
) -> None:
    paused, name = pauses(my, its_host), my.volume_host.check_output("hostname")
    with written_without_a_loss(my, volume):
        before = acked(my)
        play(inventory, "restart_sandbox", restart_hosts=name, sandbox_host_orderly="false")
        goes_on(my, before, "the host is there again", 240)
    until(lambda: pauses(my, its_host) > paused, "the agent says that the guest was paused", 60)


def test_a_guest_writes_on_while_certificates_are_renewed(my: Cloud, volume: Any, inventory: str, state: Path) -> None:
    unit = f"systemctl show --value --property=ExecMainStartTimestampMonotonic {UNIT.format(volume=volume.id)}"
    began = my.volume_host.check_output(unit)
    with written_without_a_loss(my, volume):
        before = acked(my)
        play(inventory, "renew-certificates", tinstack_state_dir=state, certificates_renew_all="true")
        assert my.volume_host.check_output(unit) != began, "the export has the new certificate"
        goes_on(my, before, "certificates are new")


def test_an_export_is_for_its_host_alone(
    my: Cloud, volume: Any, host_named: Callable[[str], Host], inventory: str
) -> None:
    [attachment] = my.demo.block_storage.get_volume(volume).attachments
    data = my.admin.block_storage.get_attachment(attachment["attachment_id"]).connection_info["data"]
    address = f"driver=nbd,host={data['host']},port={data['port']},export={data['export']}"

    def reads(host: Host, folder: str | None) -> bool:
        """Whether the host can read it, with the certificate in the folder or without TLS."""
        options = (
            f"{address},tls-creds=t --object tls-creds-x509,id=t,dir={folder},endpoint=client" if folder else address
        )
        return "read 512/512" in host.run(f"timeout 20 qemu-io -r -c 'read 0 512' --image-opts {options}").stdout

    own = host_named(my.hello.hypervisor_hostname)
    name = own.check_output("hostname")
    [other] = [
        host
        for host in testinfra.get_hosts(["ansible://compute"], ansible_inventory=inventory)
        if host.check_output("hostname") != name
    ]
    own.check_output("mkdir -p /run/no-certificate && cp /etc/tinstack/tls/ca.pem /run/no-certificate/ca-cert.pem")
    assert reads(own, "/etc/tinstack/tls/qemu")
    assert not reads(other, "/etc/tinstack/tls/qemu"), "another host's certificate"
    shown = own.check_output("tar -chC /etc/tinstack/tls/qemu . | base64 -w0")
    other.check_output(f"mkdir -m 700 /run/lent && echo {shown} | base64 -d | tar -xC /run/lent")
    try:
        assert reads(other, "/run/lent"), "nothing but its certificate keeps the other host from reading"
    finally:
        other.check_output("rm -r /run/lent")
    assert not reads(own, "/run/no-certificate"), "no certificate"
    assert not reads(own, None), "no TLS"


def test_a_guest_sees_at_once_that_its_volume_grew(my: Cloud, volume: Any) -> None:
    my.demo.block_storage.extend_volume(volume, 2)
    size = f"cat /sys/block/{Path(volume.device).name}/size"
    until(lambda: int(my.guest(size)) == 2 << 21, "the guest sees 2 GiB", 60, 0.5)
    my.demo.block_storage.wait_for_status(volume, "in-use", wait=60)
    my.guest(f"echo marked | dd of={volume.device} bs=512 seek={3 << 20} conv=notrunc,fsync")


def test_copies_of_a_volume_in_use_are_what_it_was(my: Cloud, volume: Any) -> None:
    storage = my.demo.block_storage
    snapshot = storage.wait_for_status(storage.create_snapshot(volume_id=volume.id), "available", wait=120)
    my.undo.append(lambda: storage.delete_snapshot(snapshot))
    for how in ({"snapshot_id": snapshot.id}, {"source_volume_id": volume.id}):
        copy = my.volume(size=2, **how)
        device = my.attach(copy)
        assert my.guest(f"dd if={device} bs=512 skip={3 << 20} count=1 2>/dev/null | head -n 1") == "marked", how
        my.detach(copy)


def boots(my: Cloud, server: Any) -> bool:
    """Whether its console says that it lets people in."""
    return bool(re.search("tin: .* ssh", my.demo.compute.get_server_console_output(server)["output"]))


def test_guests_boot_from_volumes_of_every_origin(my: Cloud) -> None:
    """An image, a volume of it, a snapshot of that; and an image that is made of a volume in use."""
    storage, compute = my.demo.block_storage, my.demo.compute
    root = my.volume(imageRef=my.hello.image.id, name="root")
    snapshot = storage.wait_for_status(storage.create_snapshot(volume_id=root.id), "available", wait=120)
    my.undo.append(lambda: storage.delete_snapshot(snapshot))
    flavor = compute.find_flavor(my.hello.flavor["original_name"], ignore_missing=False)
    origins = {"image": my.hello.image.id, "volume": root.id, "snapshot": snapshot.id}
    network = next(iter(my.demo.network.networks(name="demo-net")))
    for kind, id in origins.items():
        mapping = {"source_type": kind, "destination_type": "volume", "uuid": id, "boot_index": 0, "volume_size": 1}
        mapping["delete_on_termination"] = kind == "snapshot"
        my.servers.append(
            compute.create_server(
                name=f"from-{kind}",
                flavor_id=flavor.id,
                networks=[{"uuid": network.id}],
                block_device_mapping_v2=[mapping],
            )
        )
    servers = [compute.wait_for_server(server, wait=240) for server in my.servers]
    for server in servers:
        until(lambda server=server: boots(my, server), f"{server.name} boots")
    roots = {server.name: next(iter(compute.volume_attachments(server.id))).volume_id for server in servers}
    my.made.append(storage.get_volume(roots["from-image"]))
    assert roots["from-volume"] == root.id

    answer = storage.post(
        f"/volumes/{root.id}/action",
        json={"os-volume_upload_image": {"image_name": "of a root", "disk_format": "qcow2", "force": True}},
    )
    assert answer.status_code == 202, answer.text
    said = answer.json()["os-volume_upload_image"]
    my.undo.append(lambda: my.demo.image.delete_image(said["image_id"]))
    until(lambda: my.demo.image.get_image(said["image_id"]).status == "active", "the image is active", 120)
    storage.wait_for_status(root, "in-use", wait=60)

    for server in servers:
        compute.delete_server(server)
    for server in servers:
        compute.wait_for_delete(server, wait=240)
    left = {volume.id for volume in storage.volumes(details=False)}
    assert roots["from-snapshot"] not in left, "delete_on_termination"
    assert {roots["from-image"], roots["from-volume"]} <= left
    networks = [{"uuid": network.id}]
    again = compute.create_server(name="of-a-root", flavor_id=flavor.id, networks=networks, image_id=said["image_id"])
    my.servers.append(again)
    compute.wait_for_server(again, wait=240)
    until(lambda: boots(my, again), "a guest boots from the image")
