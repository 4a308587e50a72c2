"""`tinstack things`: what of ours is on a host, and nothing else."""

import io
import json
import sys
from uuid import uuid4

import pytest

from tinstack.core.things import Thing
from tinstack.main import main
from tinstack.network.agent import netns, observe
from tinstack.network.agent import things as links
from tinstack.network.agent.config import Config as Network

A, B = str(uuid4()), str(uuid4())


@pytest.fixture
def etc(tmp_path):
    """A host of the fake driver that also keeps volumes."""
    (tmp_path / "compute.toml").write_text(
        f'host = "compute1"\ndriver = "fake"\ninstances_dir = "{tmp_path}/instances"\n[auth]\nauth_url = ""\n'
    )
    (tmp_path / "volume.toml").write_text(f'state_dir = "{tmp_path}/volume"\n[auth]\nauth_url = ""\n')
    (tmp_path / "instances" / "compute1").mkdir(parents=True)
    (tmp_path / "volume" / "volumes" / "lab1").mkdir(parents=True)
    return tmp_path


def things(etc, capsys, *options):
    assert main(["things", "--config-dir", str(etc), *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_guests_and_volume_files_are_listed_by_their_ids_alone(etc, capsys):
    (etc / "instances" / "compute1" / f"{A}.json").touch()
    (etc / "instances" / "compute1" / "notes.json").touch()
    files = etc / "volume" / "volumes" / "lab1"
    for name in (f"volume-{A}.qcow2", f"snapshot-{B}.qcow2", f"volume-{A}.part", "volume-x.qcow2", "mine.qcow2"):
        (files / name).touch()
    assert things(etc, capsys) == [
        {"kind": "guest", "name": A, "owner": A},
        {"kind": "snapshot", "name": f"{files}/snapshot-{B}.qcow2", "owner": B},
        {"kind": "volume", "name": f"{files}/volume-{A}.qcow2", "owner": A},
    ]


def test_only_what_is_ours_is_removed(etc, capsys, monkeypatch):
    files = etc / "volume" / "volumes" / "lab1"
    mine, other = files / f"volume-{A}.qcow2", etc / "precious.qcow2"
    guest = etc / "instances" / "compute1" / f"{B}.json"
    for file in (mine, other, guest):
        file.touch()
    unwanted = [
        {"kind": "volume", "name": str(mine), "owner": A},
        {"kind": "volume", "name": str(other), "owner": A},
        {"kind": "guest", "name": B, "owner": B},
    ]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(unwanted).encode())))
    assert things(etc, capsys, "--remove") == []
    assert other.exists() and not mine.exists() and not guest.exists()


def test_a_list_that_is_none_is_refused_with_a_sentence(etc, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"no": 1}')))
    assert main(["things", "--config-dir", str(etc), "--remove"]) == 1
    assert capsys.readouterr().err.startswith("Standard input is no list of things: ")


def test_interfaces_namespaces_and_chains_are_known_by_their_names(tmp_path, monkeypatch):
    seen = observe.read_links(json.dumps([{"ifname": name} for name in ("lo", f"tap{A[:11]}", f"br{B[:11]}", "br-ex")]))
    chains = [
        {"metainfo": {}},
        {"chain": {"family": "bridge", "table": "tinstack", "name": f"from-tap{A[:11]}"}},
        {"chain": {"family": "bridge", "table": "tinstack", "name": "spoofed"}},
        {"chain": {"family": "bridge", "table": "other", "name": f"from-tap{B[:11]}"}},
    ]
    monkeypatch.setattr(observe, "links", lambda: seen)
    monkeypatch.setattr(netns, "ours", lambda: {f"router-{A}"})
    monkeypatch.setattr(links, "run", lambda command: json.dumps({"nftables": chains}))
    (tmp_path / "dhcp" / B).mkdir(parents=True)
    config = Network(auth=None, tunnel_ip="", state_dir=str(tmp_path))
    assert links.look(config) == [
        Thing(kind="interface", name=f"br{B[:11]}", owner=B[:11]),
        Thing(kind="interface", name=f"tap{A[:11]}", owner=A[:11]),
        Thing(kind="namespace", name=f"router-{A}", owner=A),
        Thing(kind="dhcp", name=B, owner=B),
        Thing(kind="chain", name=f"from-tap{A[:11]}", owner=A[:11]),
    ]
