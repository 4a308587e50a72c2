#!/usr/bin/python
"""Ansible module: a certificate authority and the certificates of hosts, made once and renewed before they end."""

import datetime
import ipaddress
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes as Key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DOCUMENTATION = r"""
module: certificates
short_description: Have a certificate authority, and a certificate for every host
description:
  - What is there and still good stays as it is. A certificate is made anew when it ends soon, when the host has other
    names or addresses, or when the authority is another one. A new certificate keeps the host's key, so that whoever
    reads the two files while they change finds a pair.
options:
  directory: {description: Where authority and certificates are kept., type: path, required: true}
  name: {description: The common name of the authority., type: str, required: true}
  hosts:
    description: Name of each host to the names and addresses that it is reached by, and optionally files of its own.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: The common name., type: str, required: true}
      alternatives: {description: Names and addresses., type: list, elements: str, default: []}
      certificate_file: {description: A certificate made elsewhere, with what is between it and the authority., type: path}
      key_file: {description: Its key., type: path}
  trust_file: {description: The operator's own authority; none is made then., type: path}
  signer_file: {description: The certificate that signs for the operator's own authority., type: path}
  signer_key_file: {description: Its key., type: path}
  days: {description: How long a host's certificate holds., type: int, default: 397}
  ca_days: {description: How long the authority's own holds., type: int, default: 3650}
  renew_days: {description: How long before its end a certificate is made anew., type: int, default: 30}
  new_keys: {description: Make new keys for all hosts as well., type: bool, default: false}
"""

EXAMPLES = r"""
- name: Have certificates
  certificates:
    directory: .lab/sandbox/ca
    name: tinstack sandbox
    hosts: [{name: controller, alternatives: [localhost, 10.77.0.11]}]
"""

RETURN = r"""
made: {description: "What was (or would be) made: ca, or the name of a host.", type: list, returned: always}
"""

SKEW = datetime.timedelta(minutes=10)
"""A host's clock may be behind the deployer's."""


class Refused(Exception):
    """What the operator gave can't be used; the message says why."""


def now() -> datetime.datetime:
    """In UTC, to the second, as certificates have it."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def read_certificates(path: Path) -> list[x509.Certificate]:
    """All of a PEM file, in its order."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from None
    except ValueError:
        raise Refused(f"{path} holds no certificate in PEM.") from None
    return found


def read_key(path: Path) -> Key:
    """A private key without a passphrase."""
    try:
        return serialization.load_pem_private_key(path.read_bytes(), None)  # type: ignore[return-value]
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise Refused(f"{path} holds no private key in PEM without a passphrase.") from None


def same_key(certificate: x509.Certificate, key: Key) -> bool:
    """Whether the certificate is of that key."""
    return public(certificate.public_key()) == public(key.public_key())


def public(key: Any) -> bytes:
    """A public key as bytes to compare."""
    written: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return written


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature and its name stands there."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def chains(certificates: list[x509.Certificate], trusted: list[x509.Certificate]) -> bool:
    """Whether the first leads, over the others in their order, to one that is trusted."""
    for below, above in itertools.pairwise(certificates):
        if not signed_by(below, above):
            return False
    last = certificates[-1]
    return any(last == root or signed_by(last, root) for root in trusted)


def alternatives_of(certificate: x509.Certificate) -> set[str]:
    """Names and addresses that the certificate is good for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {str(one) for one in found.get_values_for_type(x509.IPAddress)}
    return addresses | set(found.get_values_for_type(x509.DNSName))


def canonical(alternative: str) -> str:
    """An address in its shortest writing; a name as it is."""
    try:
        return str(ipaddress.ip_address(alternative))
    except ValueError:
        return alternative


def general_names(alternatives: list[str]) -> list[x509.GeneralName]:
    """As the extension wants them."""
    names: list[x509.GeneralName] = []
    for one in alternatives:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(one)))
        except ValueError:
            names.append(x509.DNSName(one))
    return names


def builder(subject: str, issuer: x509.Name | None, key: Key, end: datetime.datetime) -> x509.CertificateBuilder:
    """What the two kinds of certificates have in common."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer or name)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now() - SKEW).not_valid_after(end)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return made.add_extension(identifier, critical=False)


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """GnuTLS, and so libvirt and QEMU, want both bits of a host's certificate, whatever the kind of its key."""
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def make_authority(name: str, key: Key, days: int) -> x509.Certificate:
    """A root that signs hosts' certificates and nothing below."""
    made = builder(name, None, key, now() + datetime.timedelta(days=days))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(usage(signs_certificates=True), critical=True)
    return made.sign(key, hashes.SHA256())


class Authority:
    """Who signs: a certificate, its key, and what hosts present behind their own."""

    def __init__(self, certificate: x509.Certificate, key: Key, between: list[x509.Certificate]) -> None:
        self.certificate, self.key, self.between = certificate, key, between

    def sign(self, name: str, alternatives: list[str], key: Key, days: int) -> list[x509.Certificate]:
        """A host's certificate for both ends of a connection, and what stands between it and the root."""
        end = min(now() + datetime.timedelta(days=days), self.certificate.not_valid_after_utc)
        made = builder(name, self.certificate.subject, key, end)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (usage(signs_certificates=False), True),
            (x509.ExtendedKeyUsage(both), False),
            (x509.SubjectAlternativeName(general_names(alternatives)), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.certificate.public_key()), False),
        ):
            made = made.add_extension(extension, critical=critical)  # type: ignore[arg-type]
        return [made.sign(self.key, hashes.SHA256()), *self.between]


class Store:
    """The folder with authority and certificates."""

    def __init__(self, directory: Path, *, check: bool) -> None:
        self.directory, self.check = directory, check
        self.hosts = directory / "hosts"
        self.made: list[str] = []

    def write(self, path: Path, content: bytes, mode: int) -> None:
        """Whole or not at all."""
        if self.check:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        os.rename(temporary, path)

    def key(self, path: Path, *, new: bool) -> Key:
        """The key that is there, else a new one."""
        if path.exists() and not new:
            if path.stat().st_mode & 0o077 and not self.check:
                path.chmod(0o600)
            return read_key(path)
        made = ec.generate_private_key(ec.SECP256R1())
        written = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.write(path, written, 0o600)
        return made


def pem(certificates: list[x509.Certificate]) -> bytes:
    """One after the other."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def own_authority(store: Store, wanted: dict[str, Any]) -> Authority:
    """The lab's. Its certificate is renewed with its key, so that what it signed before stays good; and early, as what it
    signs must not outlast it."""
    soon = datetime.timedelta(days=min(wanted["days"], wanted["ca_days"] // 2))
    path = store.directory / "ca.pem"
    key = store.key(store.directory / "ca.key", new=False)
    if path.exists():
        there = read_certificates(path)[0]
        if same_key(there, key) and there.not_valid_after_utc - soon > now():
            return Authority(there, key, [])
    made = make_authority(wanted["name"], key, wanted["ca_days"])
    store.write(path, pem([made]), 0o644)
    store.made.append("ca")
    return Authority(made, key, [])


def between(wanted: dict[str, Any]) -> list[x509.Certificate]:
    """What stands between the operator's authority and hosts' certificates. It is trusted as well: libvirt and QEMU read one
    certificate of a host alone, and must know who signed that."""
    found = read_certificates(Path(wanted["signer_file"])) if wanted["signer_file"] else []
    for host in wanted["hosts"]:
        if host["certificate_file"]:
            found += read_certificates(Path(host["certificate_file"]))[1:]
    return found


def operators_authority(store: Store, wanted: dict[str, Any]) -> Authority | None:
    """The operator's: what to trust, and who signs, where that is for us to do."""
    trusted = read_certificates(Path(wanted["trust_file"]))
    text = pem(list(dict.fromkeys([*trusted, *between(wanted)])))
    path = store.directory / "ca.pem"
    if not path.exists() or path.read_bytes() != text:
        store.write(path, text, 0o644)
        store.made.append("ca")
    if not wanted["signer_file"]:
        return None
    if not wanted["signer_key_file"]:
        raise Refused(f"{wanted['signer_file']} can't sign without its key.")
    signers = read_certificates(Path(wanted["signer_file"]))
    key = read_key(Path(wanted["signer_key_file"]))
    if not same_key(signers[0], key):
        raise Refused(f"{wanted['signer_key_file']} is not the key of {wanted['signer_file']}.")
    if not chains(signers, trusted):
        raise Refused(f"{wanted['signer_file']} does not lead to {wanted['trust_file']}.")
    return Authority(signers[0], key, [one for one in signers if one not in trusted])


def given(host: dict[str, Any], trusted: list[x509.Certificate]) -> tuple[bytes, bytes]:
    """The files that the operator made for a host. Raises Refused where the host could not use them."""
    name, path, key_path = host["name"], Path(host["certificate_file"]), Path(host["key_file"] or "")
    if not host["key_file"]:
        raise Refused(f"{name} has a certificate of its own, {path}, but no key with it.")
    certificates, key = read_certificates(path), read_key(key_path)
    leaf = certificates[0]
    if not same_key(leaf, key):
        raise Refused(f"{key_path} is not the key of {path}.")
    if not chains(certificates, trusted):
        raise Refused(f"{path} does not lead to the authority that hosts trust.")
    if leaf.not_valid_after_utc <= now():
        raise Refused(f"{path} ended at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.")
    if leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[:1] != [x509.NameAttribute(NameOID.COMMON_NAME, name)]:
        raise Refused(f"{path} has another common name than {name}.")
    if missing := set(host["alternatives"]) - alternatives_of(leaf):
        raise Refused(f"{path} is not for {', '.join(sorted(missing))}, which {name} is reached by.")
    return path.read_bytes(), key_path.read_bytes()


def have_host(store: Store, host: dict[str, Any], authority: Authority | None, wanted: dict[str, Any]) -> None:
    """One host's two files."""
    name = host["name"]
    certificate_path, key_path = store.hosts / f"{name}.pem", store.hosts / f"{name}.key"
    if host["certificate_file"]:
        trusted = read_certificates(Path(wanted["trust_file"] or store.directory / "ca.pem"))
        both = given(host, trusted)
        there = [path.read_bytes() if path.exists() else b"" for path in (certificate_path, key_path)]
        if there != list(both):
            store.write(key_path, both[1], 0o600)
            store.write(certificate_path, both[0], 0o644)
            store.made.append(name)
        return
    if authority is None:
        raise Refused(f"Nobody signs for {name}: give it certificates_cert_file, or all a certificates_signer_file.")
    key = store.key(key_path, new=wanted["new_keys"])
    soon = datetime.timedelta(days=wanted["renew_days"])
    if certificate_path.exists():
        chain = read_certificates(certificate_path)
        leaf = chain[0]
        good = same_key(leaf, key) and chain[1:] == authority.between and signed_by(leaf, authority.certificate)
        if good and alternatives_of(leaf) == set(host["alternatives"]) and leaf.not_valid_after_utc - soon > now():
            return
    made = authority.sign(name, host["alternatives"], key, wanted["days"])
    store.write(certificate_path, pem(made), 0o644)
    store.made.append(name)


def have(wanted: dict[str, Any], *, check: bool) -> list[str]:
    """The authority, then every host; the names of what was made."""
    store = Store(Path(wanted["directory"]), check=check)
    for host in wanted["hosts"]:
        host["alternatives"] = sorted({canonical(one) for one in host["alternatives"]})
    if wanted["trust_file"]:
        authority = operators_authority(store, wanted)
    else:
        authority = own_authority(store, wanted)
    for host in wanted["hosts"]:
        have_host(store, host, authority, wanted)
    return store.made


def main() -> None:
    """Read, make what is missing, say what."""
    host = {
        "name": {"type": "str", "required": True},
        "alternatives": {"type": "list", "elements": "str", "default": []},
        "certificate_file": {"type": "path"},
        "key_file": {"type": "path", "no_log": False},
    }
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "dict", "required": True, "options": host},
            "trust_file": {"type": "path"},
            "signer_file": {"type": "path"},
            "signer_key_file": {"type": "path", "no_log": False},
            "days": {"type": "int", "default": 397},
            "ca_days": {"type": "int", "default": 3650},
            "renew_days": {"type": "int", "default": 30},
            "new_keys": {"type": "bool", "default": False, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        made = have(module.params, check=module.check_mode)
    except Refused as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
