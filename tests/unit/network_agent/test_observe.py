"""Reading what iproute2 and nftables print."""

from pathlib import Path

import pytest

from tinstack.network.agent import commands, nft, observe
from tinstack.network.agent.model import Line, Route
from tinstack.network.agent.tables import Chain, Table

LINKS = """[{"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"address":"00:00:00:00:00:00","addr_info":[
 {"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"},{"family":"inet","local":"169.254.169.254","prefixlen":32,"scope":"global"},
 {"family":"inet6","local":"::1","prefixlen":128,"scope":"host"}]},
 {"ifname":"br7a1b2c3d-11","flags":["BROADCAST","UP"],"mtu":1450,"address":"36:88:a4:80:48:ea","linkinfo":{"info_kind":"bridge",
 "info_data":{"forward_delay":0,"mcast_snooping":0}},"addr_info":[{"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]},
 {"ifname":"tap22222222-aa","flags":["UP"],"mtu":1450,"addr_info":[{"family":"inet6","local":"fe80::a9fe:a9fe","prefixlen":64,"scope":"link"}]},
 {"ifname":"tap11111111-aa","flags":["BROADCAST"],"mtu":1450,"master":"br7a1b2c3d-11","address":"36:88:a4:80:48:eb",
 "linkinfo":{"info_kind":"tun","info_data":{"type":"tap","persist":true}},"addr_info":[]}, {}]"""


def test_interfaces_and_their_addresses_without_the_kernels_own() -> None:
    links = observe.read_links(LINKS)
    assert set(links) == {"lo", "br7a1b2c3d-11", "tap11111111-aa", "tap22222222-aa"}
    assert links["tap22222222-aa"].addresses == {"fe80::a9fe:a9fe/64"}
    assert links["lo"].addresses == {"169.254.169.254/32"}
    assert links["br7a1b2c3d-11"].addresses == frozenset() and links["br7a1b2c3d-11"].up
    tap = links["tap11111111-aa"]
    assert (tap.kind, tap.master, tap.up, tap.data["type"]) == ("tun", "br7a1b2c3d-11", False, "tap")


def test_routes_by_a_next_hop() -> None:
    said = '[{"dst":"default","gateway":"10.78.0.1","dev":"qg"},{"dst":"10.78.0.0/24","dev":"qg","protocol":"kernel","flags":[]}]'
    assert observe.read_routes(said, 4) == {Route("default", "10.78.0.1")}
    assert observe.read_routes("", 6) == set()


def test_to_whom_vxlan_floods() -> None:
    said = (
        '[{"mac":"00:00:00:00:00:00","ifname":"vx7a1b2c3d-11","dst":"10.77.0.11","state":"permanent"},'
        '{"mac":"fa:16:3e:00:00:11","ifname":"vx7a1b2c3d-11","dst":"10.77.0.12"},{"mac":"33:33:00:00:00:01","ifname":"eth0"}]'
    )
    assert observe.floods(said) == {"vx7a1b2c3d-11": {"10.77.0.11"}}


def test_failed_lines_of_a_batch_with_their_reasons() -> None:
    said = 'Cannot find device "x"\nCommand failed -:2\nError: Unknown device type.\nCommand failed -:4\n'
    assert commands.failures(said) == [
        (2, 'Cannot find device "x".'),
        (4, "this host's kernel has no interfaces of this type."),
    ]


def test_only_the_first_failure_of_an_owner_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ip"
    program.write_text(
        "#!/bin/sh\ncat >/dev/null\nprintf 'no\\nCommand failed -:1\\nnever\\nCommand failed -:2\\n' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    errors = commands.batch(str(program), [Line("link add x", "network"), Line("link set x up", "network")])
    assert errors == {"network": f"'{program} link add x' failed: no."}


TABLE = """{"nftables":[{"metainfo":{"version":"1"}},{"table":{"family":"inet","name":"tinstack","handle":%d}},
 {"map":{"name":"fixed_of","elem":[%s],"handle":2}},{"rule":{"handle":%d,"expr":[{"drop":null}]}}]}"""
ONE, TWO = '["10.78.0.60","192.168.50.11"]', '["10.78.0.61","192.168.50.12"]'


def test_a_table_is_the_same_whatever_its_handles_and_the_order_of_its_elements() -> None:
    first, second = nft.read(TABLE % (1, f"{ONE},{TWO}", 3)), nft.read(TABLE % (7, f"{TWO},{ONE}", 9))
    assert first == second and first.maps["fixed_of"]["10.78.0.60"] == "192.168.50.11"
    assert first.digest != nft.read(TABLE % (1, ONE, 3)).digest


def test_without_the_library_the_program_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], str]] = []

    def run(arguments: list[str], text: str = "") -> str:
        asked.append((arguments, text))
        return TABLE % (1, ONE, 3)

    monkeypatch.setattr(nft, "_library", None)
    monkeypatch.setattr(nft, "run", run)
    wanted = {"bridge": Table(chains={"a": Chain()})}
    nft.Tables(Path("/nowhere")).load("", wanted, nft.listings("", ["bridge"]))
    assert asked[0] == (["nft", "-s", "-j", "list table bridge tinstack\n"], "")
    loaded = "table bridge tinstack\ndelete table bridge tinstack\ntable bridge tinstack {\n  chain a {\n  }\n}\n"
    assert asked[1] == (["nft", "-f", "-"], loaded)


class Kernel:
    """Holds the text of one table and prints it as JSON."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.text: str | None = None
        self.loads = 0
        monkeypatch.setattr(nft, "command", self.command)

    def command(self, space: str, text: str) -> str:
        if text.startswith("list"):
            if self.text is None:
                raise commands.CommandFailed(command="nft", reason="No such file or directory.")
            return TABLE % (1, f'["a","{hash(self.text)}"]', 2)
        self.loads += 1
        self.text = None if text.startswith("delete") else text
        return ""


def test_rules_are_loaded_once_and_again_when_somebody_changed_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel, memory = Kernel(monkeypatch), tmp_path / "rules.json"

    def look(*names: str) -> bool:
        tables = nft.Tables(memory)
        wanted = {"bridge": Table(chains={name: Chain() for name in names})} if names else {}
        changed = tables.load("", wanted, nft.listings("", ["bridge"]))
        tables.settle(set())
        return changed

    assert look("a") is True
    assert look("a") is False and kernel.loads == 1
    kernel.text = "changed by hand"
    assert look("a") is True and (kernel.text or "").startswith("table bridge tinstack\ndelete table")
    assert look("a", "b") is True and kernel.text == "table bridge tinstack {\n  chain b {\n  }\n}\n"
    assert look() is True
    assert look() is False and kernel.loads == 4
    assert memory.read_bytes() == b"{}"


def test_an_unreadable_memory_only_loads_once_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel, memory = Kernel(monkeypatch), tmp_path / "rules.json"
    memory.write_text("not json")
    assert nft.Tables(memory).load("", {"bridge": Table()}, {"bridge": None}) is True
    assert kernel.loads == 1
