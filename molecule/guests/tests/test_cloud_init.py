"""The metadata service and the config drive, judged by what real guests read them with: Debian's cloud-init.

It is unpacked on the guest's host, not installed, and asks from where the guest would: from a network namespace on the guest's bridge,
with the guest's MAC and address, while the guest is off.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from guests import judge_path, until

testinfra_hosts = ["local://"]

WORK = "/run/cloud-init-judge"
PACKAGES = (
    "libarchive-tools python3-configobj python3-jinja2 python3-jsonpatch python3-jsonschema python3-netifaces python3-oauthlib "
    "python3-requests python3-yaml"
)
PREPARE = f"""set -e
mkdir -p {WORK}/root; cd {WORK}
[ -d root/usr ] || {{
  apt-get -qq update; apt-get -qq install --no-install-recommends {PACKAGES} >apt.log 2>&1
  apt-get -qq download cloud-init 2>>apt.log; dpkg-deb -x cloud-init_*.deb root
}}"""
STAND_IN = """set -e
bridge=$(ip -j link show {tap} | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["master"])')
ip netns add judge
ip link add judge0 type veth peer name guest0 netns judge
ip link set judge0 master $bridge mtu {mtu} up
ip -n judge link set guest0 address {mac} mtu {mtu} up
ip -n judge address add {address}/{prefix} dev guest0
ip -n judge route add default via {gateway}"""
LEAVE = "ip netns delete judge; ip link delete judge0 2>/dev/null; true"
RUN = f"ip netns exec judge env PYTHONPATH={WORK}/root/usr/lib/python3/dist-packages python3 {WORK}/judge.py"


def user_data() -> bytes:
    """Several parts, packed: what people send when one script is not enough."""
    parts = MIMEMultipart()
    parts.attach(MIMEText("#!/bin/sh\necho hello\n", "x-shellscript"))
    parts.attach(MIMEText("#cloud-config\npackage_update: false\n", "cloud-config"))
    return gzip.compress(parts.as_bytes())


USER_DATA = user_data()


@pytest.fixture(scope="module")
def server(cloud: Callable[[str], Any], hello: Any) -> Iterator[Any]:
    """With a key, user data and a config drive; off, so that its address is free to be used."""
    demo = cloud("tinstack")
    network = next(iter(demo.network.networks(name="demo-net")))
    flavor = demo.compute.find_flavor(hello.flavor["original_name"], ignore_missing=False)
    made = demo.compute.create_server(
        name="judged",
        image_id=hello.image.id,
        flavor_id=flavor.id,
        key_name=hello.key_name,
        networks=[{"uuid": network.id}],
        config_drive=True,
        user_data=base64.b64encode(USER_DATA).decode(),
        metadata={"purpose": "judged"},
    )
    demo.compute.wait_for_server(made, wait=240)
    demo.compute.stop_server(made)
    until(lambda: demo.compute.get_server(made.id).status == "SHUTOFF", "it is off")
    yield cloud("tinstack-admin").compute.get_server(made.id)
    demo.compute.delete_server(made)
    demo.compute.wait_for_delete(made, wait=120)


@pytest.fixture(scope="module")
def port(cloud: Callable[[str], Any], server: Any) -> dict[str, Any]:
    """Its only port, with what a stand-in must know."""
    network = cloud("tinstack").network
    found = next(iter(network.ports(device_id=server.id)))
    subnet = network.get_subnet(found.fixed_ips[0]["subnet_id"])
    return {
        "tap": f"tap{found.id[:11]}",
        "mac": found.mac_address,
        "address": found.fixed_ips[0]["ip_address"],
        "prefix": subnet.cidr.split("/")[1],
        "gateway": subnet.gateway_ip,
        "mtu": network.get_network(found.network_id).mtu,
    }


@pytest.fixture(scope="module")
def judge(server: Any, port: dict[str, Any], host_named: Callable[[str], Host]) -> Iterator[Callable[[str], Any]]:
    """What cloud-init says of a source."""
    host = host_named(server.hypervisor_hostname)
    host.check_output(PREPARE)
    script = base64.b64encode(Path(judge_path).read_bytes()).decode()
    host.check_output(f"echo {script} | base64 -d >{WORK}/judge.py")
    folder = f"/var/lib/tinstack/instances/{server.id}"
    host.check_output(f"rm -rf {WORK}/drive; mkdir {WORK}/drive; bsdtar -x -f {folder}/disk.config -C {WORK}/drive")
    host.run(LEAVE)
    host.check_output(STAND_IN.format(**port))
    yield lambda source: json.loads(host.check_output(f"{RUN} {source}").splitlines()[-1])
    host.run(LEAVE)


@pytest.mark.parametrize("source", ["service", f"drive {WORK}/drive"], ids=["metadata service", "config drive"])
def test_cloud_init_reads_what_was_asked_for(
    judge: Callable[[str], Any],
    cloud: Callable[[str], Any],
    server: Any,
    port: dict[str, Any],
    source: str,
) -> None:
    found = judge(source)
    key = cloud("tinstack").compute.find_keypair(server.key_name, ignore_missing=False)
    assert found["instance_id"] == server.id
    assert found["hostname"].split(".")[0] == "judged"
    assert [one.strip() for one in found["keys"]] == [key.public_key.strip()]
    assert found["zone"] == server.availability_zone
    assert base64.b64decode(found["user_data"]) == USER_DATA
    assert found["parts"] == ["text/x-shellscript", "text/cloud-config"]
    assert not found["vendor_data"]
    assert found["ec2_instance_id"] == f"i-{int(server.instance_name.split('-')[1], 16):08x}"
    lines = [line.strip() for line in found["interfaces"].splitlines()]
    assert "iface guest0 inet dhcp" in lines and f"mtu {port['mtu']}" in lines
