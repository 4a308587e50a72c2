"""`verify --security`: what is as meant is fine, and every kind of thing that is not is one sentence."""

import asyncio
import os
import ssl
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.core.test_tls import make

from tinstack.lab import security
from tinstack.lab.onhost import secure
from tinstack.lab.security import deployer, rules
from tinstack.lab.security.seen import File, Seen, Socket

HOSTS = {
    "ctl": {"groups": ["api"], "allowed": []},
    "hv1": {"groups": ["compute"], "allowed": ["tcp/9100"]},
}
NOW = 1_800_000_000.0


def socket(port: int, unit: str, program: str = "", **changed: str | None) -> Socket:
    said: dict[str, str | None] = {"address": "10.0.0.1", "kind": "tcp", "tls": "TLSv1.3", **changed}
    return Socket(port=port, unit=unit, program=program, **said)  # type: ignore[arg-type]


def ports(host: str, *sockets: Socket) -> list[str]:
    return rules.of_sockets(sockets, rules.doors(host, HOSTS), HOSTS[host]["allowed"])


def test_what_a_controller_and_a_compute_host_have_open_is_meant() -> None:
    ssh = Socket("tcp", "0.0.0.0", 2222, "sshd", "ssh.service")
    vxlan = Socket("udp", "0.0.0.0", 4789, "", "")
    apis = [socket(port, "haproxy.service", "haproxy") for port in (5000, 8774, 8775, 8776, 8778, 9292, 9696, 6080)]
    stores = [socket(3306, "mariadb.service", "mariadbd"), socket(5671, "rabbitmq-server.service", "beam.smp")]
    export = socket(10811, "tinstack-volume-export@1.service", "qemu-storage-da", tls="TLS")
    metrics = socket(18774, "tinstack-api.service", "tinstack", tls=None)
    assert ports("ctl", ssh, vxlan, *apis, *stores, export, metrics) == []
    display = socket(5901, "machine-qemu.scope", "qemu-system-x86", tls="VeNCrypt")
    assert ports("hv1", ssh, vxlan, display) == []


def test_a_port_that_nobody_meant_is_named_with_its_program() -> None:
    [said] = ports("ctl", socket(8080, "session-3.scope", "python3"))
    assert said.startswith("TCP port 8080 is open to the network by python3 (session-3.scope), which nothing")


def test_the_port_where_libvirt_takes_guests_is_meant_only_where_it_is_asked_for() -> None:
    def said(host: str, **how: bool) -> list[str]:
        hosts = {name: {**one, **how} for name, one in HOSTS.items()}
        return rules.of_sockets([socket(16514, "libvirtd.service", "libvirtd")], rules.doors(host, hosts), [])

    assert said("hv1", migration=True) == []
    for left_open in (said("hv1"), said("hv1", migration=False), said("ctl", migration=True)):
        assert len(left_open) == 1
        assert left_open[0].startswith(
            "TCP port 16514 is open to the network by libvirtd (libvirtd.service), which nothing"
        )


def test_a_port_that_the_operator_allows_is_fine() -> None:
    exporter = socket(9100, "node_exporter.service", "node_exporter", tls=None)
    assert ports("hv1", exporter) == []
    assert len(ports("ctl", exporter)) == 1


def test_a_database_on_a_compute_host_is_not_meant() -> None:
    assert "which nothing of the cloud needs" in ports("hv1", socket(3306, "mariadb.service", "mariadbd"))[0]


def test_another_program_on_the_port_of_an_api_is_not_meant() -> None:
    assert "by nc, which nothing" in ports("ctl", socket(8774, "", "nc"))[0]


def test_an_api_on_every_address_or_in_the_clear_or_outdated_or_not_believed_is_said() -> None:
    def of(**changed: str | None) -> str:
        [said] = ports("ctl", socket(5000, "haproxy.service", "haproxy", **changed))
        return said

    assert "open on every address" in of(address="0.0.0.0")
    assert of(tls=None) == "TCP port 5000 of haproxy (haproxy.service) speaks in the clear."
    assert "takes TLSv1.1, which is outdated" in of(old="TLSv1.1")
    assert "not believed: certificate has expired" in of(doubt="certificate has expired")


def file(path: str, owner: str, group: str, mode: str, kind: str = "file") -> File:
    return File(path, kind, owner, group, mode)


GOOD = [
    file("/etc/tinstack", "root", "root", "0755", "directory"),
    file("/etc/tinstack/api.toml", "root", "tinstack-api", "0640"),
    file("/etc/tinstack/credentials", "root", "root", "0700", "directory"),
    file("/etc/tinstack/credentials/api", "root", "root", "0700", "directory"),
    file("/etc/tinstack/credentials/api/bus", "root", "root", "0600"),
    file("/etc/tinstack/tls/ca.pem", "root", "root", "0644"),
    file("/etc/tinstack/tls/host.key", "root", "tinstack-tls", "0640"),
    file("/etc/mysql/tinstack.sql", "root", "mysql", "0640"),
    file("/run/libvirt/libvirt-sock", "root", "libvirt", "0660", "socket"),
    file("/var/log/tinstack/api.log", "tinstack-api", "adm", "0640"),
    file("/var/lib/tinstack/instances", "tinstack-compute", "kvm", "2770", "directory"),
    file("/var/lib/tinstack/api", "tinstack-api", "tinstack-api", "0750", "directory"),
]


def test_files_that_are_whose_they_should_be_are_fine() -> None:
    assert rules.of_files(GOOD) == []


@pytest.mark.parametrize(
    "planted",
    [
        file("/etc/tinstack/credentials/api/bus", "root", "root", "0644"),
        file("/etc/tinstack/credentials/api/bus", "tinstack-api", "root", "0600"),
        file("/etc/tinstack/credentials/api", "root", "root", "0755", "directory"),
        file("/etc/tinstack/tls/host.key", "root", "tinstack-tls", "0644"),
        file("/etc/tinstack/tls/host.key", "root", "users", "0640"),
        file("/etc/tinstack/api.toml", "root", "root", "0666"),
        file("/etc/systemd/system/tinstack-api.service", "mallory", "root", "0644"),
        file("/run/libvirt/libvirt-sock", "root", "libvirt", "0666", "socket"),
        file("/var/log/tinstack/api.log", "tinstack-api", "adm", "0644"),
        file("/var/lib/tinstack/instances", "tinstack-compute", "kvm", "2775", "directory"),
    ],
    ids=lambda one: f"{one.path} {one.owner}:{one.group} {one.mode}",
)
def test_a_file_that_allows_more_or_is_anothers_is_named_with_what_is_meant(planted: File) -> None:
    [said] = rules.of_files([*GOOD, planted])
    assert said.startswith(f"{planted.path} is {planted.owner}:{planted.group} {planted.mode} where ")


def test_units_may_do_as_much_as_their_kind_needs() -> None:
    fine = {"tinstack-api.service": 2.0, "tinstack-dhcp@x.service": 4.0, "tinstack-netns@x.service": 9.6}
    assert rules.of_units(fine) == []
    [said] = rules.of_units({**fine, "tinstack-api.service": 2.1})
    assert said.startswith("tinstack-api.service has an exposure of 2.1 where 2 is the most")
    assert len(rules.of_units({"tinstack-network-agent.service": 4.1, "haproxy.service": 9.6})) == 2


def test_a_certificate_that_ends_soon_or_has_ended_or_is_missing_is_said() -> None:
    path, day = "/etc/tinstack/tls/host.pem", 86400
    assert rules.of_certificates({path: int(NOW) + 15 * day}, NOW) == []
    assert "ends in 3 days" in rules.of_certificates({path: int(NOW) + 3 * day}, NOW)[0]
    assert "ended 2 days ago" in rules.of_certificates({path: int(NOW) - 2 * day}, NOW)[0]
    assert "no certificate" in rules.of_certificates({}, NOW)[0]


def test_an_account_without_a_password_is_said_of_its_host() -> None:
    told = Seen([], [], {}, {"/etc/tinstack/tls/host.pem": int(NOW) * 2}, ["the user guest of the bus"])
    failed = [one for one in security.judged(HOSTS, {"ctl": told}, NOW) if not one.ok]
    assert [(one.name, one.message) for one in failed] == [
        ("passwords of ctl", "The user guest of the bus needs no password.")
    ]


def test_state_that_others_may_read_and_secrets_that_can_be_guessed_are_said(tmp_path: Path) -> None:
    good = "a" * 32
    path = tmp_path / "secrets.yml"
    path.write_text(f"bus: {{api: {good}}}\npeople: {{admin: password, demo: short}}\n")
    path.chmod(0o640)
    [said] = deployer.files(tmp_path)
    assert "has mode 0640" in said
    guessed, short = deployer.secrets(tmp_path)
    assert "people.admin" in guessed and "everybody tries first" in guessed and "password " not in guessed
    assert "people.demo" in short and "5 characters" in short
    path.write_text(f"bus: {{api: {good}}}\n")
    path.chmod(0o600)
    assert deployer.files(tmp_path) == deployer.secrets(tmp_path) == []


# How a port speaks, tried on real ones


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def port_that(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port of this machine, served by a loop of its own, as what asks it does not await."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def end(server: asyncio.Server) -> None:
    server.close()
    talks = asyncio.all_tasks() - {asyncio.current_task()}
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pki = make(tmp_path / "ca", ["127.0.0.1"])
    monkeypatch.setattr(secure, "AUTHORITY", str(pki / "ca.pem"))
    return pki


def serving(pki: Path, *, outdated: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "hosts" / "ctl.pem", pki / "hosts" / "ctl.key")
    if outdated:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def speaks(port: int, program: str = "haproxy") -> dict[str, object]:
    return secure.spoken({"address": "127.0.0.1", "port": port, "program": program})


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


def test_a_port_with_a_certificate_of_the_lab(authority: Path) -> None:
    with port_that(silent, serving(authority)) as port:
        assert speaks(port) == {"tls": "TLSv1.3", "old": None, "doubt": None}


def test_a_port_that_takes_outdated_tls(authority: Path) -> None:
    with port_that(silent, serving(authority, outdated=True)) as port:
        assert speaks(port)["old"] == "TLSv1.1"


def test_a_port_with_the_certificate_of_somebody_else(authority: Path, tmp_path: Path) -> None:
    with port_that(silent, serving(make(tmp_path / "other", ["127.0.0.1"]))) as port:
        assert speaks(port)["tls"] == "TLS"
        assert speaks(port)["doubt"]


def test_a_port_in_the_clear(authority: Path) -> None:
    with port_that(plain) as port:
        assert speaks(port)["tls"] is None


def rfb(*kinds: int) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"RFB 003.008\n")
        await reader.readexactly(12)
        writer.write(bytes([len(kinds), *kinds]))
        await silent(reader, writer)

    return talk


@pytest.mark.parametrize(("kinds", "tls"), [((19,), "VeNCrypt"), ((1,), None), ((1, 19), None)])
def test_a_display(authority: Path, kinds: tuple[int, ...], tls: str | None) -> None:
    with port_that(rfb(*kinds)) as port:
        assert speaks(port, "qemu-system-x86") == {"tls": tls, "old": None, "doubt": None}


def nbd(kind: int) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"NBDMAGICIHAVEOPT" + b"\x00\x03")
        await reader.readexactly(20)
        writer.write((0x3E889045565A9).to_bytes(8, "big") + (3).to_bytes(4, "big") + kind.to_bytes(4, "big") + bytes(4))
        await silent(reader, writer)

    return talk


@pytest.mark.parametrize(("kind", "tls"), [(0x80000005, "TLS"), (2, None)])
def test_an_export(authority: Path, kind: int, tls: str | None) -> None:
    with port_that(nbd(kind)) as port:
        assert speaks(port, "qemu-storage-da") == {"tls": tls, "old": None, "doubt": None}


def test_files_are_told_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").mkdir(mode=0o700)
    (tmp_path / "credentials" / "bus").write_text("x")
    (tmp_path / "credentials" / "bus").chmod(0o604)
    os.symlink("/etc/passwd", tmp_path / "link")
    monkeypatch.setattr(secure, "TREES", (str(tmp_path),))
    monkeypatch.setattr(secure, "FOLDERS", ("/nowhere", "/nowhere"))
    told = {one["path"].removeprefix(f"{tmp_path}"): (one["kind"], one["mode"]) for one in secure.files()}
    assert told["/credentials"] == ("directory", "0700")
    assert told["/credentials/bus"] == ("file", "0604")
    assert "/link" not in told
