"""DHCP servers on a host whose kernel and service manager are played."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.network_agent.conftest import DHCP_PORT, EXT0, PHYSICAL, TENANT, lease, made, network, port, state

from tinstack.network.agent import commands, host, netns, nft, observe, release
from tinstack.network.agent.commands import CommandFailed
from tinstack.network.agent.host import Host, Outcome
from tinstack.network.agent.layout import lay_out
from tinstack.network.agent.release import Lease
from tinstack.network.agent.units import Verb
from tinstack.network.rpc import HostNetworkState

UNIT = f"tinstack-dhcp@{TENANT}.service"


class Manager:
    """Stands for systemd."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []
        self.active: dict[str, str] = {}
        self.refuses: str | None = None

    def states(self, pattern: str) -> dict[str, str]:
        return self.active

    def tell(self, verb: Verb, units: Iterable[str]) -> None:
        named = list(units)
        if not named:
            return
        self.told.append((verb, named))
        if verb == self.refuses:
            raise CommandFailed(command=f"systemctl {verb}", reason="it failed.")
        if verb in ("start", "restart"):
            self.active |= dict.fromkeys(named, "active")


class Played:
    """A network host on which everything but DHCP is as it should be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.manager = Manager()
        self.released: list[Lease] = []
        self.host = Host("10.77.0.11", PHYSICAL, folder, self.manager)
        layout = lay_out(self.wanted(), "10.77.0.11", PHYSICAL, EXT0, str(folder / "dhcp"), {})
        (space,) = layout.spaces.values()
        monkeypatch.setattr(host, "SYSCTL", folder)
        monkeypatch.setattr(netns, "inside", lambda name: contextlib.nullcontext())
        monkeypatch.setattr(netns, "ours", lambda: set(layout.spaces))
        monkeypatch.setattr(observe, "host", lambda: made(layout.host))
        monkeypatch.setattr(observe, "links", lambda: made(layout.host).links)
        monkeypatch.setattr(observe, "space", lambda: made(space))
        monkeypatch.setattr(nft, "command", self.nft)
        monkeypatch.setattr(commands, "run", self.no_program)
        monkeypatch.setattr(release, "release", lambda device, gone, mac, ip: self.released.extend(gone))

    def nft(self, space: str, text: str) -> str:
        if space:
            raise CommandFailed(command="nft", reason="No such file or directory.")
        return '{"nftables":[]}'

    def no_program(self, *arguments: Any, **named: Any) -> str:
        raise AssertionError(arguments)

    def wanted(self, *hosts: dict[str, Any]) -> HostNetworkState:
        own = port(DHCP_PORT, "tapdddddddd-aa", "network:dhcp", "192.168.50.2")
        return state(networks=[network([], dhcp_port=DHCP_PORT)], ports=[own], dhcp_hosts=list(hosts))

    def look(self, *hosts: dict[str, Any]) -> Outcome:
        self.manager.told = []
        return self.host.make(self.wanted(*hosts))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    return Played(monkeypatch, tmp_path)


def test_a_server_is_started_once(played: Played) -> None:
    assert played.look(lease()).up == [DHCP_PORT]
    assert played.manager.told == [("restart", [UNIT])]
    assert played.look(lease()).changes == 0
    assert played.manager.told == []


def test_a_server_that_stopped_is_started_again(played: Played) -> None:
    played.look(lease())
    played.manager.active = {UNIT: "failed"}
    played.look(lease())
    assert [verb for verb, _ in played.manager.told] == ["reset-failed", "restart"]


def test_a_new_guest_disturbs_nobody(played: Played) -> None:
    played.look()
    assert played.look(lease()).changes == 2
    assert played.manager.told == [] and played.released == []


def test_the_address_of_a_guest_that_left_is_released(played: Played) -> None:
    played.look(lease())
    played.look()
    assert played.manager.told == [("reload", [UNIT])]
    assert played.released == [Lease("fa:16:3e:00:00:11", "192.168.50.11")]


def test_a_change_that_the_server_did_not_take_is_not_forgotten(played: Played) -> None:
    played.look(lease())
    played.manager.refuses = "reload"
    outcome = played.look()
    assert outcome.errors == {DHCP_PORT: "'systemctl reload' failed: it failed."} and outcome.up == []
    assert played.look().up == [DHCP_PORT]
    assert played.manager.told == [("restart", [UNIT])]
    assert played.look().changes == 0


def test_a_network_that_went_takes_its_server_along(
    played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    played.look(lease())
    played.manager.told = []
    monkeypatch.setattr(commands, "batch", lambda program, lines: {})
    played.host.make(state())
    assert played.manager.told[0] == ("stop", [UNIT])
    assert list((tmp_path / "dhcp").iterdir()) == []
