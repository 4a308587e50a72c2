"""`./lab verify` on real hosts: what is planted without an owner is named, removed, and gone."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from testinfra.host import Host

from guests import Lab

testinfra_hosts = ["local://"]

DOMAIN = """<domain type='qemu'>
  <name>{name}</name><uuid>{id}</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu><os><type>hvm</type></os>
  {metadata}
</domain>"""
EXPORT = """install -d -o tinstack-volume -g tinstack-volume -m 700 $(dirname {sockets}) {sockets} && qemu-storage-daemon --daemonize \\
  --blockdev driver=file,node-name=file,filename={file} --blockdev driver=qcow2,node-name=disk,file=file \\
  --nbd-server addr.type=unix,addr.path=/run/stray.nbd --chardev socket,id=qmp,path={sockets}/{volume}.qmp,server=on,wait=off \\
  --monitor chardev=qmp --export nbd,id=attachment-{export},node-name=disk,name={export}""".replace(
    "{sockets}", "/var/lib/tinstack/volume/exports/lab1"
)

FOREIGN = "tapforeign"
"""A domain and an interface that are not ours."""

SELDOM = "resume_seconds = 3600"
"""In the volume service's configuration: how often it looks at exports."""

NAMESPACE = "urn:tinstack:instance:1"

Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def verify(lab: Lab) -> Verify:
    """Run the verb; its exit code and what it printed."""

    def run(*options: str) -> tuple[int, dict[str, Any]]:
        done = lab("verify", "--json", *options)
        return done.returncode, json.loads(done.stdout or "{}") | {"stderr": done.stderr}

    return run


def define(host: Host, xml: str) -> None:
    """A domain of that XML."""
    host.check_output(f"cat >/tmp/stray.xml <<'EOF'\n{xml}\nEOF")
    host.check_output("virsh define /tmp/stray.xml && rm /tmp/stray.xml")


@pytest.fixture(scope="module")
def planted(
    cloud: Callable[[str], Any], host_named: Callable[[str], Host], hello: Any
) -> Iterator[set[tuple[str, str, str | None]]]:
    """One of each kind. The network agent of that host would remove its part within seconds, so it is stopped meanwhile;
    the volume service would end the export, so it looks less often."""
    name = hello.hypervisor_hostname
    keeper = name.rpartition("compute")[0] + "controller"
    host, controller = host_named(name), host_named(keeper)
    ids = {
        kind: str(uuid4()) for kind in ("domain", "folder", "tap", "namespace", "volume", "export", "device", "claim")
    }
    tap, space = f"tap{ids['tap'][:11]}", f"router-{ids['namespace']}"
    file = f"/var/lib/tinstack/volume/volumes/lab1/volume-{ids['volume']}.qcow2"
    host.check_output("systemctl stop tinstack-network-agent")
    controller.check_output(f"sed -i '1i {SELDOM}' /etc/tinstack/volume.toml && systemctl restart tinstack-volume")
    ours = f"<metadata><t:instance xmlns:t='{NAMESPACE}'/></metadata>"
    define(host, DOMAIN.format(name="stray", id=ids["domain"], metadata=ours))
    define(host, DOMAIN.format(name=FOREIGN, id=uuid4(), metadata=""))
    host.check_output(f"ip tuntap add dev {FOREIGN} mode tap")
    folder = f"/var/lib/tinstack/instances/{ids['folder']}"
    host.check_output(f"mkdir {folder} && qemu-img create -q -f qcow2 {folder}/disk 1M")
    host.check_output(f"ip tuntap add dev {tap} mode tap")
    host.check_output(f"ip netns add {space}")
    controller.check_output(f"qemu-img create -q -f qcow2 {file} 1M")
    controller.check_output(EXPORT.format(file=file, **ids))
    admin = cloud("tinstack-admin")
    network = next(iter(admin.network.networks(name="demo-net")))
    port = admin.network.create_port(
        network_id=network.id, device_id=ids["device"], device_owner="compute:nova", binding_host_id=name
    )
    provider = next(iter(admin.placement.resource_providers(name=name)))
    claim = {
        "allocations": {provider.id: {"resources": {"VCPU": 1}}},
        "project_id": admin.current_project_id,
        "user_id": admin.current_user_id,
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }
    answer = admin.placement.put(f"/allocations/{ids['claim']}", json=claim, microversion="1.38")
    assert answer.status_code == 204, answer.text
    volume = admin.block_storage.create_volume(size=1, name="lonely")
    admin.block_storage.wait_for_status(volume, "available", wait=60)
    attachment = {"attachment": {"volume_uuid": volume.id, "instance_uuid": ids["device"]}}
    made = admin.block_storage.post("/attachments", json=attachment, microversion="3.27").json()["attachment"]["id"]
    yield {
        ("domain", ids["domain"], name),
        ("folder", ids["folder"], name),
        ("interface", tap, name),
        ("namespace", space, name),
        ("volume", file, keeper),
        ("export", f"{ids['volume']}/{ids['export']}", keeper),
        ("port", port.id, name),
        ("allocation", ids["claim"], name),
        ("attachment", made, None),
    }
    admin.block_storage.delete_volume(volume.id)
    controller.check_output(f"sed -i '/^{SELDOM}$/d' /etc/tinstack/volume.toml && systemctl restart tinstack-volume")
    host.check_output(f"virsh undefine {FOREIGN} && ip link delete {FOREIGN}")


def keys(said: dict[str, Any]) -> set[tuple[str, str, str | None]]:
    """What was named."""
    return {(one["kind"], one["name"], one["host"]) for one in said["orphans"]}


def wrong(said: dict[str, Any]) -> list[str]:
    """What the checks that failed say."""
    return [check["message"] for check in said.get("checks", []) if not check["ok"]]


def test_the_lab_is_healthy(verify: Verify) -> None:
    code, said = verify()
    assert (code, said.get("orphans"), wrong(said)) == (0, [], []), said["stderr"]


def test_what_nobody_owns_is_named(verify: Verify, planted: set[tuple[str, str, str | None]]) -> None:
    code, said = verify()
    assert code == 1, said
    assert keys(said) == planted
    assert all(one["name"] in one["reason"] for one in said["orphans"])


def test_repair_removes_it(verify: Verify, planted: set[tuple[str, str, str | None]], its_host: Host) -> None:
    _, said = verify("--repair")
    assert keys(said) == planted, said
    assert all(one["repaired"] for one in said["orphans"]), said
    left = its_host.check_output("virsh list --all --uuid; ls /var/lib/tinstack/instances; ip -br link; ip netns")
    assert not [name for _, name, _ in planted if name in left]
    assert its_host.run(f"virsh dominfo {FOREIGN} && ip link show {FOREIGN}").rc == 0, "not ours, so not touched"


def test_the_lab_is_healthy_again(verify: Verify) -> None:
    code, said = verify()
    assert (code, said.get("orphans"), wrong(said)) == (0, [], []), said["stderr"]
