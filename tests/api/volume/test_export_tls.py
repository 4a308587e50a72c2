"""Exports with TLS, by the real qemu-storage-daemon: for the host that the volume is attached to, and for nobody else."""

import datetime
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tinstack.volume.drivers.file import FileDriver
from tinstack.volume.drivers.launchers import Children
from tinstack.volume.drivers.storage_daemon import StorageDaemons

Names = list[tuple[x509.ObjectIdentifier, str]]


class Authority:
    """Makes folders as QEMU wants them."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.certificate = made.sign(self.key, hashes.SHA256())

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def folder(self, place: Path, names: Names) -> Path:
        """With a certificate of these names for both ends."""
        place.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = self._builder(name, key).add_extension(x509.BasicConstraints(False, None), critical=True)
        signed = made.add_extension(address, critical=False).sign(self.key, hashes.SHA256())
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        (place / "ca-cert.pem").write_bytes(self.certificate.public_bytes(pem))
        for end in ("server", "client"):
            (place / f"{end}-cert.pem").write_bytes(signed.public_bytes(pem))
            (place / f"{end}-key.pem").write_bytes(key.private_bytes(pem, form, plain))
        return place


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[..., Path]:
    """The folder of a host of ours, or of another authority."""
    ours, theirs = Authority("ours"), Authority("theirs")

    def make(host: str, *before: tuple[x509.ObjectIdentifier, str], trusted: bool = True) -> Path:
        place = Path(tempfile.mkdtemp(dir=tmp_path)) / "tls"
        return (ours if trusted else theirs).folder(place, [*before, (NameOID.COMMON_NAME, host)])

    return make


@pytest.fixture
def sockets() -> Iterator[Path]:
    """Paths of sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="qsd-") as folder:
        yield Path(folder)


@pytest.fixture
async def driver(tmp_path: Path, sockets: Path, certificate: Callable[..., Path]) -> AsyncIterator[FileDriver]:
    tls = str(certificate("controller"))
    daemons = StorageDaemons(sockets, "127.0.0.1", (24500, 24599), Children(), tls)
    made = FileDriver("lab1", tmp_path / "volumes", daemons)
    await made.start()
    await made.create("a", 1)
    yield made
    await made.stop()


def reached(info: dict[str, Any], folder: Path | None) -> bool:
    """Whether it can be read with the certificate in that folder, or without TLS."""
    data = info["data"]
    image = f"driver=nbd,host={data['host']},port={data['port']},export={data['export']}"
    command = ["qemu-io", "-r", "-c", "read 0 64k", "--image-opts"]
    if folder:
        command += [image + ",tls-creds=t", "--object", f"tls-creds-x509,id=t,dir={folder},endpoint=client"]
    else:
        command.append(image)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode == 0 and "read 65536/65536" in done.stdout


async def test_only_the_attaching_hosts_certificate_opens_it(
    driver: FileDriver, certificate: Callable[..., Path]
) -> None:
    info = await driver.connect("a", "x", {"host": "compute1"}, "rw")
    assert info["data"]["tls"] is True
    assert reached(info, certificate("compute1"))
    assert not reached(info, certificate("compute2"))
    assert not reached(info, certificate("compute11"))
    assert not reached(info, certificate("compute1", trusted=False))


async def test_without_a_certificate_or_without_tls_nothing_is_served(
    driver: FileDriver, certificate: Callable[..., Path]
) -> None:
    info = await driver.connect("a", "x", {"host": "compute1"}, "rw")
    assert not reached(info, None)
    nobody = certificate("compute1")
    for name in ("client-cert.pem", "client-key.pem"):
        (nobody / name).unlink()
    assert not reached(info, nobody)


async def test_other_names_before_the_hosts_do_no_harm(driver: FileDriver, certificate: Callable[..., Path]) -> None:
    info = await driver.connect("a", "x", {"host": "compute1"}, "rw")
    assert reached(info, certificate("compute1", (NameOID.ORGANIZATION_NAME, "Rack")))
    assert not reached(info, certificate("compute2", (NameOID.ORGANIZATION_NAME, "CN=compute1")))


async def test_who_comes_later_is_let_in_and_who_goes_is_not_any_more(
    driver: FileDriver, certificate: Callable[..., Path]
) -> None:
    first, second = certificate("compute1"), certificate("compute2")
    info = await driver.connect("a", "x", {"host": "compute1"}, "rw")
    other = await driver.connect("a", "y", {"host": "compute2"}, "rw")
    assert reached(info, first) and reached(other, second)
    await driver.disconnect("a", "x")
    assert not reached(other, first) and reached(other, second)


@pytest.mark.parametrize("host", ["", "*", "compute?", "compute1,CN=compute2"])
async def test_a_host_that_is_no_name_opens_nothing(
    driver: FileDriver, certificate: Callable[..., Path], host: str
) -> None:
    info = await driver.connect("a", "x", {"host": host}, "rw")
    assert not reached(info, certificate("compute1")) and not reached(info, certificate("compute2"))
