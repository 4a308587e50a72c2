#!/usr/bin/python
"""Ansible module: the archive of a backup, made from a staging folder and unpacked into one; on the machine that deploys."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: backup_archive
short_description: Pack a backup, or check and unpack one
description:
  - The archive is a compressed tar with a manifest of checksums in front, readable by its owner alone, encrypted (AES-256-CBC,
    PBKDF2) where a passphrase is given.
  - Unpacking checks every file against the manifest before anything is put into the lab's state.
options:
  action: {description: What to do., type: str, choices: [pack, unpack], required: true}
  file: {description: The archive., type: path, required: true}
  staging: {description: A private folder; packing ends with its removal., type: path, required: true}
  state_dir: {description: The lab's state., type: path, required: true}
  state_files: {description: Files and folders of the state that belong to the backup., type: list, elements: str, default: []}
  inventory: {description: The lab's inventory., type: path}
  data: {description: Whose bytes are in it., type: list, elements: str, default: []}
  passphrase_file: {description: Its first line encrypts., type: path}
  overwrite: {description: Whether files of the state that differ are replaced., type: bool, default: false}
"""

EXAMPLES = r"""
- name: Pack
  backup_archive: {action: pack, file: lab.tar.gz, staging: .lab/rack/backup, state_dir: .lab/rack, state_files: [secrets.yml]}
"""

RETURN = r"""
file: {description: The archive., type: str, returned: always}
manifest: {description: What is in it., type: dict, returned: always}
encrypted: {description: Whether a passphrase is needed to read it., type: bool, returned: always}
"""

SALTED = b"Salted__"
FORMAT = 1


class Refused(Exception):
    """It can't be done; the message says why."""


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cipher(passphrase_file: str, *, decrypt: bool) -> list[str]:
    """openssl's command."""
    if not Path(passphrase_file).is_file():
        raise Refused(f"The passphrase file {passphrase_file} is not there.")
    with open(passphrase_file, "rb") as file:
        if not file.readline().strip():
            raise Refused(f"The first line of {passphrase_file}, which is the passphrase, is empty.")
    way = ["-d"] if decrypt else ["-salt"]
    return ["openssl", "enc", "-aes-256-cbc", *way, "-pbkdf2", "-iter", "600000", "-pass", f"file:{passphrase_file}"]


def content(wanted: dict[str, Any]) -> dict[str, Path]:
    """Name in the archive and file of everything that belongs to a backup."""
    staging, state = Path(wanted["staging"]), Path(wanted["state_dir"])
    found = {f"staging/{one.relative_to(staging)}": one for one in sorted(staging.rglob("*")) if one.is_file()}
    for name in wanted["state_files"]:
        top = state / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file():
                found[f"state/{path.relative_to(state)}"] = path
    inventory = Path(wanted["inventory"] or "/nonexistent")
    for path in [inventory] if inventory.is_file() else files_below(inventory):
        found[f"inventory/{path.relative_to(inventory) if inventory.is_dir() else path.name}"] = path
    return found


def files_below(folder: Path) -> list[Path]:
    """Its files, also behind links, as Ansible finds them; a folder that is linked into itself counts once."""
    found, known = [], set()
    for top, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(top)) in known:
            folders.clear()
            continue
        known.add(real)
        found += [path for name in files if (path := Path(top) / name).is_file()]
    return sorted(found)


def manifest_of(wanted: dict[str, Any], files: dict[str, Path]) -> dict[str, Any]:
    """What is in it: for people, and to check it by."""
    listed = [json.loads(path.read_text()) for name, path in files.items() if name.startswith("staging/catalogue/")]
    catalogue = [one for host in listed for one in host]
    return {
        "format": FORMAT,
        "lab": Path(wanted["state_dir"]).name,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": wanted["data"],
        "images": sum(one["kind"] == "images" for one in catalogue),
        "volumes": sum(one["kind"] == "volumes" for one in catalogue),
        "left_out": [one["path"] for one in catalogue if one["open"] and one["kind"] in wanted["data"]],
        "sha256": {name: digest(path) for name, path in files.items()},
    }


def pack(wanted: dict[str, Any]) -> dict[str, Any]:
    """Write the archive beside its place, then rename it."""
    files = content(wanted)
    if "staging/databases.sql" not in files:
        raise Refused("There is no dump of the databases to pack.")
    manifest = manifest_of(wanted, files)
    target = Path(wanted["file"])
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    said = Path(wanted["staging"]) / "manifest.json"
    said.write_text(json.dumps(manifest, indent=1))
    try:
        with (
            open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
            encrypting(wanted, raw) as out,
            tarfile.open(fileobj=out, mode="w|gz", dereference=True) as archive,
        ):
            archive.add(said, "manifest.json")
            for name, path in files.items():
                archive.add(path, name)
        beside.rename(target)
    finally:
        beside.unlink(missing_ok=True)
    shutil.rmtree(wanted["staging"])
    return manifest


@contextlib.contextmanager
def encrypting(wanted: dict[str, Any], raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Where to write what ends up in ``raw``."""
    if not wanted["passphrase_file"]:
        yield raw
        return
    child = subprocess.Popen(cipher(wanted["passphrase_file"], decrypt=False), stdin=subprocess.PIPE, stdout=raw)
    assert child.stdin is not None
    with child.stdin as out:
        yield out
    if child.wait():
        raise Refused("openssl could not encrypt the archive.")


@contextlib.contextmanager
def opened(wanted: dict[str, Any]) -> Iterator[tarfile.TarFile]:
    """The archive, decrypted where it is encrypted."""
    path = Path(wanted["file"])
    if not path.is_file():
        raise Refused(f"The backup {path} is not there.")
    with open(path, "rb") as raw:
        encrypted = raw.read(len(SALTED)) == SALTED
    if encrypted and not wanted["passphrase_file"]:
        raise Refused(f"The backup {path} is encrypted: give its passphrase file.")
    try:
        if not encrypted:
            with tarfile.open(path, "r|gz") as archive:
                yield archive
            return
        command = [*cipher(wanted["passphrase_file"], decrypt=True), "-in", str(path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with tarfile.open(fileobj=child.stdout, mode="r|gz") as archive:
            yield archive
        if child.wait():
            raise Refused(f"The backup {path} can't be decrypted.")
    except (tarfile.TarError, OSError, EOFError) as error:
        why = "its passphrase is wrong or it is damaged" if encrypted else f"it is damaged: {error}"
        raise Refused(f"The backup {path} can't be read: {why}.") from error


def unpack(wanted: dict[str, Any], check: bool) -> tuple[dict[str, Any], bool]:
    """Check all of it, then put it into staging and the lab's state. The manifest, and whether the state changes."""
    staging, state = Path(wanted["staging"]), Path(wanted["state_dir"])
    fresh = staging.with_name(f".{staging.name}.{os.getpid()}")
    fresh.mkdir(mode=0o700, parents=True)
    try:
        with opened(wanted) as archive:
            extract(archive, fresh)
        manifest = checked(fresh, wanted["file"])
        changes = [
            path for path in sorted((fresh / "state").rglob("*")) if path.is_file() and differs(path, fresh, state)
        ]
        other = [path for path in changes if (state / path.relative_to(fresh / "state")).exists()]
        if other and not wanted["overwrite"]:
            names = ", ".join(str(path.relative_to(fresh / "state")) for path in other)
            raise Refused(
                f"{state} has other contents of {names} than the backup: restore with overwrite to replace them."
            )
        if not check:
            for path in changes:
                place = state / path.relative_to(fresh / "state")
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(path, place)
                place.chmod(0o644 if path.suffix in (".pem", ".pub") else 0o600)
            shutil.rmtree(staging, ignore_errors=True)
            (fresh / "staging").rename(staging)
        return manifest, bool(changes)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Its files, each for its owner alone. Refuses names that lead out of the folder, and whatever is no file."""
    for entry in archive:
        place = folder / entry.name
        if not entry.isfile() or not place.resolve().is_relative_to(folder.resolve()):
            raise Refused(f"It is no backup of a lab: {entry.name} has no place in one.")
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = archive.extractfile(entry)
        assert content is not None
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            shutil.copyfileobj(content, file)


def differs(path: Path, fresh: Path, state: Path) -> bool:
    """Whether the state has something else there, or nothing."""
    place = state / path.relative_to(fresh / "state")
    return not place.is_file() or digest(place) != digest(path)


def checked(folder: Path, name: str) -> dict[str, Any]:
    """The manifest, once every file that it names is there as it was."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise Refused(f"{name} is no backup of a lab: it has no manifest.") from error
    if manifest.get("format") != FORMAT:
        raise Refused(f"{name} has the format {manifest.get('format')}, this version reads {FORMAT}.")
    for one, wanted in manifest["sha256"].items():
        if not (folder / one).is_file() or digest(folder / one) != wanted:
            raise Refused(f"{name} is damaged: {one} is not what was packed.")
    return manifest


def main() -> None:
    """Pack or unpack."""
    module = AnsibleModule(
        argument_spec={
            "action": {"choices": ["pack", "unpack"], "required": True},
            "file": {"type": "path", "required": True},
            "staging": {"type": "path", "required": True},
            "state_dir": {"type": "path", "required": True},
            "state_files": {"type": "list", "elements": "str", "default": []},
            "inventory": {"type": "path"},
            "data": {"type": "list", "elements": "str", "default": []},
            "passphrase_file": {"type": "path"},
            "overwrite": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    encrypted = bool(wanted["passphrase_file"])
    try:
        if wanted["action"] == "unpack":
            manifest, changed = unpack(wanted, module.check_mode)
        elif module.check_mode:
            manifest, changed = {}, True
        else:
            manifest, changed = pack(wanted), True
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, file=wanted["file"], manifest=manifest, encrypted=encrypted)


if __name__ == "__main__":
    main()
