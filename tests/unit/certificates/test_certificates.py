"""The authority and the hosts' certificates: made once, renewed in time, and the operator's own instead."""

import datetime
import importlib.util
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MODULE = Path(__file__).parents[3] / "roles" / "certificates" / "library" / "certificates.py"
DAY = datetime.timedelta(days=1)
NAMES = ["127.0.0.1", "192.0.2.11", "localhost", "rack1-ctl"]


@pytest.fixture(scope="module")
def certificates() -> ModuleType:
    spec = importlib.util.spec_from_file_location("certificates", MODULE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wanted(directory: Path, **changed: Any) -> dict[str, Any]:
    return {
        "directory": str(directory),
        "name": "tinstack lab",
        "hosts": [host()],
        "trust_file": None,
        "signer_file": None,
        "signer_key_file": None,
        "days": 397,
        "ca_days": 3650,
        "renew_days": 30,
        "new_keys": False,
    } | changed


def host(**changed: Any) -> dict[str, Any]:
    return {
        "name": "rack1-ctl",
        "alternatives": list(NAMES),
        "certificate_file": None,
        "key_file": None,
    } | changed


def leaf_in(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "hosts" / "rack1-ctl.pem").read_bytes())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_of(certificates: ModuleType, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Have the module live that many days later."""
    later = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + days * DAY
    monkeypatch.setattr(certificates, "now", lambda: later)


def test_a_new_lab_gets_an_authority_and_a_certificate_with_all_that_the_host_is_reached_by(
    certificates: ModuleType, tmp_path: Path
) -> None:
    assert certificates.have(wanted(tmp_path / "ca"), check=False) == ["ca", "rack1-ctl"]
    leaf = leaf_in(tmp_path / "ca")
    assert certificates.alternatives_of(leaf) == set(NAMES)
    assert leaf.subject.rfc4514_string() == "CN=rack1-ctl"
    root = x509.load_pem_x509_certificate((tmp_path / "ca" / "ca.pem").read_bytes())
    leaf.verify_directly_issued_by(root)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_keys_are_for_their_owner_alone(certificates: ModuleType, tmp_path: Path) -> None:
    certificates.have(wanted(tmp_path / "ca"), check=False)
    assert mode(tmp_path / "ca") == 0o700
    assert mode(tmp_path / "ca" / "ca.key") == 0o600
    assert mode(tmp_path / "ca" / "hosts" / "rack1-ctl.key") == 0o600


def test_a_second_run_makes_nothing(certificates: ModuleType, tmp_path: Path) -> None:
    certificates.have(wanted(tmp_path), check=False)
    before = (tmp_path / "hosts" / "rack1-ctl.pem").read_bytes()
    assert certificates.have(wanted(tmp_path), check=False) == []
    assert (tmp_path / "hosts" / "rack1-ctl.pem").read_bytes() == before


def test_checking_writes_nothing(certificates: ModuleType, tmp_path: Path) -> None:
    assert certificates.have(wanted(tmp_path / "ca"), check=True) == ["ca", "rack1-ctl"]
    assert not (tmp_path / "ca").exists()


def test_a_certificate_that_ends_within_thirty_days_is_made_anew_with_its_key(
    certificates: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.have(wanted(tmp_path), check=False)
    key, old = (tmp_path / "hosts" / "rack1-ctl.key").read_bytes(), leaf_in(tmp_path)
    as_of(certificates, monkeypatch, 366)
    assert certificates.have(wanted(tmp_path), check=False) == []
    as_of(certificates, monkeypatch, 368)
    assert certificates.have(wanted(tmp_path), check=False) == ["rack1-ctl"]
    assert (tmp_path / "hosts" / "rack1-ctl.key").read_bytes() == key
    assert leaf_in(tmp_path).not_valid_after_utc > old.not_valid_after_utc


def test_new_keys_are_made_when_asked_for(certificates: ModuleType, tmp_path: Path) -> None:
    certificates.have(wanted(tmp_path), check=False)
    key = (tmp_path / "hosts" / "rack1-ctl.key").read_bytes()
    assert certificates.have(wanted(tmp_path, new_keys=True), check=False) == ["rack1-ctl"]
    assert (tmp_path / "hosts" / "rack1-ctl.key").read_bytes() != key
    leaf_key = serialization.load_pem_private_key((tmp_path / "hosts" / "rack1-ctl.key").read_bytes(), None)
    assert isinstance(leaf_key, ec.EllipticCurvePrivateKey)
    assert certificates.same_key(leaf_in(tmp_path), leaf_key)


def test_a_host_with_another_address_gets_another_certificate(certificates: ModuleType, tmp_path: Path) -> None:
    certificates.have(wanted(tmp_path), check=False)
    moved = host(alternatives=[*NAMES, "2001:db8:0:0::1"])
    assert certificates.have(wanted(tmp_path, hosts=[moved]), check=False) == ["rack1-ctl"]
    assert "2001:db8::1" in certificates.alternatives_of(leaf_in(tmp_path))
    assert certificates.have(wanted(tmp_path, hosts=[moved]), check=False) == []


def test_the_authority_is_renewed_before_what_it_signs_would_outlast_it_and_old_certificates_stay_good(
    certificates: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.have(wanted(tmp_path), check=False)
    leaf = leaf_in(tmp_path)
    as_of(certificates, monkeypatch, 3650 - 396)
    assert certificates.have(wanted(tmp_path), check=False)[0] == "ca"
    root = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    leaf.verify_directly_issued_by(root)


class Office:
    """An operator's authority: a root, and one below it that signs."""

    def __init__(self, certificates: ModuleType, folder: Path) -> None:
        folder.mkdir()
        self.root, self.trust = self._made("root", None, folder)
        self.signer, self.signer_file = self._made("signer", self.root, folder)
        self.signer_key = folder / "signer.key"
        self.host_file, self.host_key = folder / "host.pem", folder / "host.key"
        below = certificates.Authority(self.signer[1], self.signer[0], [self.signer[1]])
        key = ec.generate_private_key(ec.SECP256R1())
        self.host_key.write_bytes(pem_of(key))
        self.host_file.write_bytes(certificates.pem(below.sign("rack1-ctl", NAMES, key, 90)))

    def _made(self, name: str, issuer: Any, folder: Path) -> tuple[Any, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(issuer[1].subject if issuer else subject, subject, key.public_key())
        builder = builder.serial_number(7).not_valid_before(now - DAY).not_valid_after(now + 900 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = builder.sign(issuer[0] if issuer else key, hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(pem_of(key))
        return (key, made), folder / f"{name}.pem"


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def office(certificates: ModuleType, tmp_path: Path) -> Office:
    return Office(certificates, tmp_path / "office")


def test_the_operators_signer_signs_and_hosts_present_it(
    certificates: ModuleType, tmp_path: Path, office: Office
) -> None:
    own = {
        "trust_file": str(office.trust),
        "signer_file": str(office.signer_file),
        "signer_key_file": str(office.signer_key),
    }
    assert certificates.have(wanted(tmp_path, **own), check=False) == ["ca", "rack1-ctl"]
    assert not (tmp_path / "ca.key").exists()
    # QEMU and libvirt read one certificate of a host's file alone: who signed it must be among those that are trusted.
    assert (tmp_path / "ca.pem").read_bytes() == office.trust.read_bytes() + office.signer_file.read_bytes()
    chain = certificates.read_certificates(tmp_path / "hosts" / "rack1-ctl.pem")
    assert certificates.chains(chain, certificates.read_certificates(office.trust))
    assert len(chain) == 2
    assert certificates.have(wanted(tmp_path, **own), check=False) == []


def test_a_hosts_own_certificate_is_taken_as_it_is(certificates: ModuleType, tmp_path: Path, office: Office) -> None:
    own = host(certificate_file=str(office.host_file), key_file=str(office.host_key))
    call = wanted(tmp_path, trust_file=str(office.trust), hosts=[own])
    assert certificates.have(call, check=False) == ["ca", "rack1-ctl"]
    assert (tmp_path / "hosts" / "rack1-ctl.pem").read_bytes() == office.host_file.read_bytes()
    assert (tmp_path / "ca.pem").read_bytes() == office.trust.read_bytes() + office.signer_file.read_bytes()
    assert certificates.have(call, check=False) == []


def refusal(certificates: ModuleType, call: dict[str, Any]) -> str:
    with pytest.raises(certificates.Refused) as refused:
        certificates.have(call, check=False)
    return str(refused.value)


def test_what_the_operator_gave_is_refused_with_the_reason(
    certificates: ModuleType, tmp_path: Path, office: Office
) -> None:
    trust = str(office.trust)
    good = host(certificate_file=str(office.host_file), key_file=str(office.host_key))

    def refused(one: dict[str, Any], **changed: Any) -> str:
        return refusal(certificates, wanted(tmp_path / "ca", hosts=[one], **({"trust_file": trust} | changed)))

    assert "Nobody signs for rack1-ctl" in refused(host())
    assert "is not the key of" in refused(good | {"key_file": str(office.signer_key)})
    assert "no key with it" in refused(good | {"key_file": None})
    assert "another common name than rack2" in refused(good | {"name": "rack2"})
    assert "is not for 192.0.2.99" in refused(good | {"alternatives": ["192.0.2.99"]})
    assert "does not lead to" in refused(good, trust_file=None)
    assert "can't be read" in refused(good | {"certificate_file": str(tmp_path / "none.pem")})
    assert "no certificate in PEM" in refused(good | {"certificate_file": str(office.host_key)})
    assert "is not the key of" in refused(
        host(), signer_file=str(office.signer_file), signer_key_file=str(office.host_key)
    )


def test_a_hosts_own_certificate_that_has_ended_is_refused(
    certificates: ModuleType, tmp_path: Path, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of(certificates, monkeypatch, 91)
    own = host(certificate_file=str(office.host_file), key_file=str(office.host_key))
    assert "ended at" in refusal(certificates, wanted(tmp_path, trust_file=str(office.trust), hosts=[own]))
