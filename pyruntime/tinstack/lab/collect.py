"""`collect`: a support archive of all hosts and of what the deployer knows, with secrets removed."""

import contextlib
import io
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from tinstack.lab import clouds, labs, status
from tinstack.lab.fleet import Fleet, Host
from tinstack.lab.labs import DEV_SECRETS, Lab
from tinstack.lab.onhost import gather
from tinstack.lab.onhost.redact import redact
from tinstack.lab.words import LabError

SECONDS = 120.0
"""How long a host may send nothing."""

KINDS = {".log", ".json", ".toml", ".txt"}
SECRET_FILES = ("secrets.yml", DEV_SECRETS, "clouds.yaml")
KINDS_OF_INVENTORIES = {".yml", ".yaml", ".ini"}
SECRET_NAMES = re.compile(r"vault|pass|secret", re.IGNORECASE)
OF_USERS = "instances"
"""Where a `dev` cloud keeps its guests, consoles included."""


def collect(lab: Lab, file: Path | None, since: float) -> None:
    """Write the archive. Raises LabError where it can't be written, or where not every host is in it."""
    target = file or Path(f"tinstack-{lab.name}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz")
    if target.exists():
        raise LabError(f"{target} is there already: choose another file by --output.")
    known = secrets_of(lab)
    deployed = (lab.state / "secrets.yml").exists()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    failed: dict[str, str] = {}
    try:
        with (
            open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
            tarfile.open(fileobj=raw, mode="w:gz") as archive,
        ):
            for name, text in here(lab):
                add(archive, f"deployer/{name}", redact(text, known))
            if deployed:
                failed = hosts(Fleet(lab), archive, known, since)
        beside.rename(target)
    except OSError as error:
        raise LabError(f"{target} can't be written: {error.strerror}.") from None
    finally:
        beside.unlink(missing_ok=True)
    click.echo(
        f"{target} ({target.stat().st_size >> 10} KiB). Secrets are removed; look into it before you hand it on."
    )
    if failed:
        raise LabError("Not in it: " + " ".join(failed.values()))


def hosts(fleet: Fleet, archive: tarfile.TarFile, known: set[str], since: float) -> dict[str, str]:
    """Add what each host sends, as it was sent and once more without what this machine knows to be secret. Who failed, and why."""

    def ask(host: Host) -> bytes:
        return b"".join(host.run(gather, {"seconds": since}, SECONDS))

    answers = fleet.each(ask)
    for name, packed in sorted(answers.found.items()):
        try:
            with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as sent:
                for entry in sent:
                    content = sent.extractfile(entry)
                    if content is not None:
                        add(archive, f"{name}/{entry.name}", redact(content.read().decode(errors="replace"), known))
        except (tarfile.TarError, OSError, EOFError):
            answers.failed[name] = f"{name} sent an archive that can't be read."
    add(archive, "deployer/hosts-that-failed.txt", "".join(f"{said}\n" for said in answers.failed.values()))
    return answers.failed


def add(archive: tarfile.TarFile, name: str, text: str) -> None:
    raw = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(raw), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(raw))


def here(lab: Lab) -> Iterator[tuple[str, str]]:
    """What this machine knows: inventory, logs of plays, version, and what `status` says now."""
    yield "version.txt", version()
    for path in sorted(lab.state.rglob("*")):
        withheld = path.name in SECRET_FILES or lab.runner in path.parents or lab.state / OF_USERS in path.parents
        if path.suffix in KINDS and path.is_file() and not withheld:
            yield str(path.relative_to(lab.state)), path.read_text(errors="replace")
    with contextlib.suppress(LabError):
        inventory = labs.with_inventory(lab).inventory
        assert inventory is not None
        top = inventory if inventory.is_dir() else inventory.parent
        for path in sorted(inventory.rglob("*")) if inventory.is_dir() else [inventory]:
            name = path.relative_to(top)
            if path.is_file() and is_of_an_inventory(name):
                yield f"inventory/{name}", path.read_text(errors="replace")
    try:
        yield "status.json", msgspec.json.format(msgspec.json.encode(status.fetch(lab)), indent=1).decode()
    except LabError as error:
        yield "status.json", error.message


def is_of_an_inventory(name: Path) -> bool:
    """Whether a file of an inventory tells hosts and variables; one that may be a secret as a whole does not."""
    if any(part.startswith(".") or SECRET_NAMES.search(part) for part in name.parts):
        return False
    return name.suffix in KINDS_OF_INVENTORIES or name.name == "hosts"


def version() -> str:
    """The commit that is checked out here, and whether it was changed."""
    command = ["git", "-C", str(labs.ROOT), "describe", "--always", "--dirty", "--long"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout or "unknown\n"
    except OSError:
        return "unknown\n"


def secrets_of(lab: Lab) -> set[str]:
    """Every value in the files of secrets of the lab's state. Read without a library for YAML, which verbs that look don't load."""
    found: set[str] = set()
    for name in ("secrets.yml", DEV_SECRETS):
        if (lab.state / name).exists():
            found |= set(GENERATED.findall((lab.state / name).read_text()))
    if lab.clouds.exists():
        found |= {cloud.auth.password for cloud in clouds.read_all(lab.clouds).values()}
    return found


GENERATED = re.compile(r"(?<![\w.-])[A-Za-z0-9_+/=-]{20,}(?![\w.:=-])")
"""Generated secrets are longer than names, and no keys of a mapping."""
