"""The metadata service: who may ask, and that it says what the config drive says."""

import base64
from typing import Any

import pytest
from tests.unit.api.conftest import KEY, SECRET, Lab

from tinstack.core import guestdata
from tinstack.core.guestdata import Guest, GuestAddress, GuestNic, host_key, signature


def signed(id: str, *, host: str = "compute1", project: str = "p1", secret: str = SECRET) -> dict[str, str]:
    return {
        "X-Instance-ID": id,
        "X-Tenant-ID": project,
        "X-Metadata-Host": host,
        "X-Instance-ID-Signature": signature(host_key(secret, host), id),
    }


async def ask(lab: Lab, path: str, id: str, **how: Any) -> Any:
    return await lab.metadata.simulate_get(path, headers=signed(id, **how))


async def test_a_guest_learns_its_name_key_and_user_data(lab: Lab) -> None:
    await lab("POST", "/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}})
    data = base64.b64encode(b"#cloud-config\n").decode()
    id = await lab.up("web", key_name="mine", user_data=data, metadata={"role": "front"})
    document = (await ask(lab, "/openstack/latest/meta_data.json", id)).json
    assert (document["uuid"], document["hostname"], document["meta"]) == (id, "web.novalocal", {"role": "front"})
    assert document["public_keys"] == {"mine": KEY}
    assert "admin_pass" not in document
    assert (await ask(lab, "/openstack/latest/user_data", id)).content == b"#cloud-config\n"
    assert (await ask(lab, "/latest/user-data", id)).content == b"#cloud-config\n"
    assert "latest" in (await ask(lab, "/openstack", id)).text.split("\n")
    assert "latest" in (await ask(lab, "/", id)).text.split("\n")
    assert "network_data.json" in (await ask(lab, "/openstack/2018-08-27", id)).text
    assert "network_data.json" not in (await ask(lab, "/openstack/2012-08-10/", id)).text
    assert (await ask(lab, "/openstack/latest/vendor_data.json", id)).json == {}
    assert (await ask(lab, "/openstack/latest/password", id)).content == b""
    assert (await ask(lab, "/openstack/1999-01-01/meta_data.json", id)).status_code == 404


async def test_the_ec2_tree_is_walked_as_folders(lab: Lab) -> None:
    await lab("POST", "/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}})
    id = await lab.up("web", key_name="mine")
    assert (await ask(lab, "/latest", id)).text == "meta-data/"
    assert "public-keys/" in (await ask(lab, "/latest/meta-data/", id)).text.split("\n")
    assert (await ask(lab, "/2009-04-04/meta-data/public-keys/", id)).text == "0=mine"
    assert (await ask(lab, "/latest/meta-data/public-keys/0/openssh-key", id)).text == KEY
    assert (await ask(lab, "/latest/meta-data/instance-id", id)).text == "i-00000001"
    assert (await ask(lab, "/latest/meta-data/nope", id)).status_code == 404
    assert (await ask(lab, "/latest/user-data", id)).status_code == 404


@pytest.mark.parametrize(
    "how, status",
    [
        ({"secret": "wrong"}, 403),
        ({"host": "stranger"}, 403),
        ({"host": "compute2"}, 403),
        ({"host": "netnode1"}, 200),
        ({"project": "p2"}, 404),
        ({}, 200),
    ],
)
async def test_only_the_guests_host_and_network_hosts_ask_and_only_for_the_servers_project(
    lab: Lab, how: Any, status: int
) -> None:
    id = await lab.up()
    assert (await ask(lab, "/openstack", id, **how)).status_code == status


async def test_an_unsigned_request_is_refused(lab: Lab) -> None:
    id = await lab.up()
    assert (await lab.metadata.simulate_get("/openstack", headers={"X-Instance-ID": id})).status_code == 400
    one_for_another = {**signed("another"), "X-Instance-ID": id}
    assert (await lab.metadata.simulate_get("/openstack", headers=one_for_another)).status_code == 403


def test_network_data_names_addresses_that_dhcp_does_not_give() -> None:
    static = GuestAddress(
        ip="10.1.0.5",
        dhcp=False,
        prefix=24,
        gateway="10.1.0.1",
        routes=(("10.9.0.0/16", "10.1.0.9"),),
        dns=("9.9.9.9",),
    )
    nic = GuestNic(
        port_id="p",
        network_id="n",
        mac="fa:16:3e:00:00:01",
        device="tapp",
        addresses=(static, GuestAddress(ip="10.2.0.5")),
    )
    document = guestdata.network_data(Guest(id="i", name="n", hostname="h", project_id="p", nics=(nic,)))
    first, second = document["networks"]
    assert (first["type"], first["netmask"], second["type"]) == ("ipv4", "255.255.255.0", "ipv4_dhcp")
    assert first["routes"][1] == {"network": "10.9.0.0", "netmask": "255.255.0.0", "gateway": "10.1.0.9"}
    assert document["services"] == [{"type": "dns", "address": "9.9.9.9"}]
    assert document["links"][0]["vif_id"] == "p"


def test_the_config_drive_alone_tells_the_password() -> None:
    guest = Guest(id="i", name="n", hostname="h", project_id="p", admin_password="secret")
    assert b"secret" in guestdata.openstack_files(guest, b"", with_password=True)["meta_data.json"]
    assert b"secret" not in guestdata.openstack_files(guest, b"")["meta_data.json"]


def test_a_full_hostname_stays_as_it_is() -> None:
    assert guestdata.fqdn("web", "novalocal") == "web.novalocal"
    assert guestdata.fqdn("web.example.org", ".novalocal") == "web.example.org"
    assert guestdata.fqdn("web", "") == "web"


async def test_while_secrets_are_rotated_both_are_good(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    id = await lab.up("web")
    monkeypatch.setattr(lab.compute.config, "metadata_secret", f"new\n{SECRET}")
    for secret, status in (("new", 200), (SECRET, 200), ("wrong", 403), ("", 403)):
        found = await ask(lab, "/openstack/latest/meta_data.json", id, secret=secret)
        assert found.status_code == status
    assert guestdata.newest(f"new\n{SECRET}") == "new"
