"""The stock `openstack` client does what its users do first, command by command, against a whole cloud."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinstack.dev.cloud import clouds_yaml


class Shell:
    """Commands as one of the clouds of `clouds.yaml`, each in a process of its own."""

    def __init__(self, clouds: Path) -> None:
        self.environment = {"OS_CLIENT_CONFIG_FILE": str(clouds)}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, cloud: str = "tinstack") -> tuple[int, str]:
        """Exit code and what it printed."""
        assert self.process.stdin
        assert self.process.stdout
        asked = {"argv": shlex.split(command), "env": {**self.environment, "OS_CLOUD": cloud}}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["text"]

    def close(self) -> None:
        """End the process that forks."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)

    def ok(self, command: str, cloud: str = "tinstack") -> str:
        """What it printed; fails unless the exit code is 0."""
        code, text = self.run(command, cloud)
        assert code == 0, f"openstack {command}\n{text}"
        return text

    def json(self, command: str, cloud: str = "tinstack") -> Any:
        """The same as data."""
        text = self.ok(f"{command} -f json", cloud)
        return json.loads(text[text.index("{") if text.lstrip().startswith("{") else text.index("[") :])

    def admin(self, command: str) -> str:
        return self.ok(command, "tinstack-admin")


@pytest.fixture(scope="module")
def client(cloud: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    file = tmp_path_factory.mktemp("clouds") / "clouds.yaml"
    secrets = cloud.cloud.secrets
    file.write_bytes(clouds_yaml(cloud.auth_url, secrets.admin, secrets.demo))
    made = Shell(file)
    yield made
    made.close()


@pytest.mark.parametrize(
    "command",
    [
        "token issue",
        "catalog list",
        "versions show",
        "flavor list",
        "image list",
        "network list",
        "subnet list",
        "router list",
        "port list",
        "security group list",
        "security group rule list",
        "floating ip list",
        "volume list",
        "volume type list",
        "server list",
        "server list --long",
        "keypair list",
        "quota show",
        "limits show --absolute",
        "extension list --network",
        "availability zone list",
    ],
)
def test_the_demo_user_can(client: Shell, command: str) -> None:
    client.ok(command)


@pytest.mark.parametrize(
    "command",
    [
        "endpoint list",
        "service list",
        "project list",
        "user list",
        "role list",
        "role assignment list --names",
        "hypervisor list",
        "hypervisor list --long",
        "compute service list",
        "network agent list",
        "volume service list",
        "resource provider list",
        "server list --all-projects",
        "image list --long",
        "aggregate list",
        "host list",
        "usage list",
    ],
)
def test_the_admin_can(client: Shell, command: str) -> None:
    client.admin(command)


def test_identity_resources_come_and_go(client: Shell) -> None:
    client.admin("project create --description d p1")
    client.admin("user create --project p1 --password secret-1 u1")
    client.admin("role create r1")
    client.admin("role add --project p1 --user u1 r1")
    assert "p1" in client.admin("role assignment list --user u1 --names")
    assert client.json("project show p1", "tinstack-admin")["description"] == "d"
    client.admin("project set --description e p1")
    assert client.json("project show p1", "tinstack-admin")["description"] == "e"
    client.admin("user set --email a@b.example u1")
    assert client.json("user show u1", "tinstack-admin")["email"] == "a@b.example"
    client.admin("role remove --project p1 --user u1 r1")
    for command in ("role delete r1", "user delete u1", "project delete p1"):
        client.admin(command)
    assert client.run("project show p1", "tinstack-admin")[0] == 1


def test_a_flavor_and_a_key_pair_come_and_go(client: Shell, tmp_path: Path) -> None:
    client.admin("flavor create --ram 64 --disk 1 --vcpus 1 f1")
    client.admin("flavor set --property hw:x=y f1")
    assert client.json("flavor show f1", "tinstack-admin")["properties"] == {"hw:x": "y"}
    client.admin("flavor delete f1")
    client.ok(f"keypair create --private-key {tmp_path}/k k1")
    assert (tmp_path / "k").read_text().startswith("-----BEGIN")
    assert client.json("keypair show k1")["name"] == "k1"
    client.ok("keypair delete k1")


def test_an_image_is_uploaded_listed_saved_and_deleted(client: Shell, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(os.urandom(300_000))
    client.ok(f"image create --disk-format raw --container-format bare --file {tmp_path}/data i1")
    shown = client.json("image show i1")
    assert (shown["status"], shown["size"]) == ("active", 300_000)
    client.ok("image set --property a=b --tag t i1")
    assert client.json("image show i1")["properties"]["a"] == "b"
    client.ok(f"image save --file {tmp_path}/back i1")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "data").read_bytes()
    client.ok("image delete i1")
    assert client.run("image show i1")[0] == 1


def test_a_network_with_all_that_belongs_to_it_comes_and_goes(client: Shell) -> None:
    client.ok("network create n1")
    client.ok("subnet create --network n1 --subnet-range 10.9.0.0/24 s1")
    client.ok("router create r1")
    client.ok("router set --external-gateway public r1")
    client.ok("router add subnet r1 s1")
    client.ok("port create --network n1 p1")
    client.ok("security group create g1")
    client.ok("security group rule create --protocol tcp --dst-port 22 g1")
    client.ok("port set --security-group g1 p1")
    address = client.json("floating ip create public")["floating_ip_address"]
    client.ok(f"floating ip set --port p1 {address}")
    shown = client.json(f"floating ip show {address}")
    assert shown["fixed_ip_address"].startswith("10.9.0.")
    assert client.json("network show n1")["status"] == "ACTIVE"
    client.ok("network set --description d n1")
    client.ok(f"floating ip unset --port {address}")
    for command in (
        f"floating ip delete {address}",
        "port delete p1",
        "router remove subnet r1 s1",
        "router unset --external-gateway r1",
        "router delete r1",
        "network delete n1",
        "security group delete g1",
    ):
        client.ok(command)


def test_a_volume_comes_and_goes(client: Shell) -> None:
    client.ok("volume create --size 1 --wait v1") if "--wait" in client.run("volume create --help")[1] else client.ok(
        "volume create --size 1 v1"
    )
    assert client.json("volume show v1")["size"] == 1
    client.ok("volume set --property a=b v1")
    client.ok("volume delete v1")


def test_a_servers_whole_day(client: Shell, cloud: Any, tmp_path: Path) -> None:
    (tmp_path / "user-data").write_text("#!/bin/sh\necho hi\n")
    client.ok(f"keypair create --private-key {tmp_path}/k2 k2")
    client.ok(
        "server create --image tiny --flavor t1.nano --network demo-net --key-name k2 "
        f"--user-data {tmp_path}/user-data --config-drive True --property a=b --wait day"
    )
    shown = client.json("server show day")
    assert (shown["status"], shown["key_name"], shown["properties"]) == ("ACTIVE", "k2", {"a": "b"})
    assert "day" in client.ok("server list")
    address = client.json("floating ip create public")["floating_ip_address"]
    client.ok(f"server add floating ip day {address}")
    cloud.demo.wait(
        "compute",
        f"/servers/{shown['id']}",
        lambda answer: address in str(answer.json["server"]["addresses"]),
    )
    client.ok("console log show day")
    assert "create" in client.ok("server event list day")
    for action, status in (("stop", "SHUTOFF"), ("start", "ACTIVE"), ("reboot", "ACTIVE"), ("reboot --hard", "ACTIVE")):
        client.ok(f"server {action} day")
        cloud.demo.wait(
            "compute",
            f"/servers/{shown['id']}",
            lambda answer, wanted=status: (
                answer.json["server"]["status"] == wanted and answer.json["server"]["OS-EXT-STS:task_state"] is None
            ),
        )
    client.ok("server set --name night day")
    client.ok("server delete --wait night")
    client.ok(f"floating ip delete {address}")
    client.ok("keypair delete k2")
    assert client.run("server show night")[0] == 1


def test_a_server_on_a_port_that_was_made_before(client: Shell) -> None:
    client.ok("port create --network demo-net before")
    client.ok("server create --image tiny --flavor t1.nano --port before --wait on-port")
    client.ok("server delete --wait on-port")
    client.ok("port delete before")


def _until(cloud: Any, service: str, path: str, kind: str, wanted: str) -> None:
    cloud.demo.wait(service, path, lambda answer: answer.json[kind]["status"] == wanted)


def test_volumes_come_from_images_snapshots_and_volumes_and_go_to_servers(client: Shell, cloud: Any) -> None:
    def volume(options: str, name: str) -> str:
        id = str(client.json(f"volume create {options} {name}")["id"])
        _until(cloud, "block-storage", f"/volumes/{id}", "volume", "available")
        return id

    root = volume("--image tiny --size 1", "cli-root")
    snapshot = client.json("volume snapshot create --volume cli-root cli-snap")["id"]
    _until(cloud, "block-storage", f"/snapshots/{snapshot}", "snapshot", "available")
    data, clone = volume("--snapshot cli-snap", "cli-data"), volume("--source cli-root", "cli-clone")
    client.ok("server create --volume cli-root --flavor t1.nano --network demo-net --wait cli-bfv")
    assert client.json("server show cli-bfv")["image"].startswith("N/A")
    client.ok("server add volume cli-bfv cli-data")
    _until(cloud, "block-storage", f"/volumes/{data}", "volume", "in-use")
    assert data in client.ok("server volume list cli-bfv") and root in client.ok("server volume list cli-bfv")
    client.ok("server remove volume cli-bfv cli-data")
    _until(cloud, "block-storage", f"/volumes/{data}", "volume", "available")
    client.ok("server delete --wait cli-bfv")
    client.ok("volume snapshot delete cli-snap")
    cloud.demo.wait("block-storage", f"/snapshots/{snapshot}", lambda answer: answer.status == 404)
    client.ok(f"volume delete {root} {data} {clone}")


def test_a_server_boots_on_volumes_made_for_it(client: Shell) -> None:
    client.ok("server create --image tiny --boot-from-volume 1 --flavor t1.nano --network demo-net --wait cli-made")
    client.ok(
        "server create --image tiny --flavor t1.nano --network demo-net --wait "
        "--block-device source_type=blank,destination_type=volume,volume_size=1,delete_on_termination=true cli-disk"
    )
    for name in ("cli-made", "cli-disk"):
        [attached] = client.json(f"server show {name}")["volumes_attached"]
        client.ok(f"server delete --wait {name}")
        if name == "cli-made":
            client.ok(f"volume delete {attached['id']}")


def test_images_of_servers(client: Shell) -> None:
    client.ok("server create --image tiny --flavor t1.nano --network demo-net --wait cli-golden")
    client.ok("server image create --name cli-image --property a=b --wait cli-golden")
    assert client.json("image show cli-image")["status"] == "active"
    client.ok("server backup create --name cli-backup --type daily --rotate 1 --wait cli-golden")
    assert client.json("image show cli-backup")["properties"]["image_type"] == "backup"
    client.ok("server delete --wait cli-golden")
    client.ok("image delete cli-image cli-backup")


def test_a_network_is_shared_with_a_project_and_taken_back(client: Shell) -> None:
    client.admin("network create rbac-net")
    assert client.run("network show rbac-net")[0] == 1
    project = client.json("project show demo", "tinstack-admin")["id"]
    share = "network rbac create --type network --action access_as_shared"
    made = client.json(f"{share} --target-project {project} rbac-net", "tinstack-admin")
    assert client.json("network show rbac-net")["shared"] is True
    assert made["id"] in client.admin("network rbac list --long")
    client.admin(f"network rbac set --target-project admin {made['id']}")
    client.admin(f"network rbac delete {made['id']}")
    assert client.run("network show rbac-net")[0] == 1
    client.admin("network delete rbac-net")


def test_a_qos_policy_with_rules_is_given_to_a_network(client: Shell) -> None:
    client.admin("network qos policy create --share gold")
    client.admin("network qos rule create --type bandwidth-limit --max-kbps 100 --max-burst-kbits 10 --ingress gold")
    client.admin("network qos rule create --type dscp-marking --dscp-mark 26 gold")
    assert len(client.json("network qos rule list gold")) == 2
    assert "bandwidth_limit" in client.ok("network qos rule type list")
    client.admin("network qos rule type show dscp_marking")
    client.ok("network create --qos-policy gold qos-net")
    policy = client.json("network qos policy show gold")
    assert client.json("network show qos-net")["qos_policy_id"] == policy["id"]
    assert client.run("network qos policy delete gold", "tinstack-admin")[0] == 1
    client.ok("network set --no-qos-policy qos-net")
    client.admin("network qos policy delete gold")
    client.ok("network delete qos-net")


def test_scopes_pools_and_address_groups_come_and_go(client: Shell) -> None:
    client.ok("address scope create --ip-version 4 s1")
    client.ok("address scope set --name s2 s1")
    client.ok("subnet pool create --pool-prefix 10.9.0.0/16 --default-prefix-length 24 --address-scope s2 pool1")
    client.ok("network create pool-net")
    client.ok("subnet create --network pool-net --subnet-pool pool1 pool-subnet")
    scope = client.json("address scope show s2")["id"]
    assert client.json("network show pool-net")["ipv4_address_scope"] == scope
    client.ok("address group create --address 10.0.0.0/24 group1")
    client.ok("address group set --address 10.1.0.0/24 group1")
    client.ok("address group unset --address 10.0.0.0/24 group1")
    assert client.json("address group show group1")["addresses"] == ["10.1.0.0/24"]
    for command in (
        "network delete pool-net",
        "subnet pool delete pool1",
        "address scope delete s2",
        "address group delete group1",
    ):
        client.ok(command)


def test_a_trunk_takes_ports_and_lets_them_go(client: Shell) -> None:
    for command in (
        "network create trunk-net",
        "network create sub-net",
        "port create --network trunk-net parent",
        "port create --network sub-net child",
        "network trunk create --parent-port parent trunk1",
        "network trunk set --subport port=child,segmentation-type=vlan,segmentation-id=5 trunk1",
    ):
        client.ok(command)
    assert client.json("network subport list --trunk trunk1")[0]["Segmentation ID"] == 5
    assert client.json("port show parent")["trunk_details"]["sub_ports"][0]["segmentation_id"] == 5
    assert client.run("port delete child")[0] == 1
    client.ok("network trunk unset --subport child trunk1")
    assert "trunk1" in client.ok("network trunk list")
    for command in ("network trunk delete trunk1", "port delete parent child", "network delete trunk-net sub-net"):
        client.ok(command)
