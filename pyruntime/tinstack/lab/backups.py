"""`backup` and `restore`: a lab's rows, secrets and catalogue in one file, and back onto hosts."""

from pathlib import Path
from typing import Any

import click

from tinstack.lab import changing, clouds, hosts, labs, ready
from tinstack.lab.client import Client
from tinstack.lab.labs import Lab
from tinstack.lab.plays import Options
from tinstack.lab.up import Stage, usable
from tinstack.lab.words import LabError

BACKUP = Stage("backup", "A backup of the lab")
RESTORE = Stage("restore", "The lab from its backup")
RESULT = "backup_archive"
"""The module whose result says what was packed or unpacked."""


def backup(lab: Lab, file: Path | None, data: tuple[str, ...], passphrase_file: Path | None, options: Options) -> None:
    """Write it. Raises LabError where it can't be."""
    if not (lab.state / "secrets.yml").exists():
        raise LabError(
            f"The lab '{lab.name}' has no hosts: the state of a `dev` cloud is its folder {lab.state}, copy that."
        )
    variables: dict[str, Any] = {"backup_data": list(data), **passphrase(passphrase_file)}
    if file is not None:
        if file.exists():
            raise LabError(f"{file} is there already: choose another name.")
        variables["backup_file"] = str(file.resolve())
    done = changing.change(lab, [(BACKUP, variables)], options)
    if options.check:
        changing.tell(done, options)
        return
    said = done.results[RESULT]
    manifest = said["manifest"]
    click.echo(f"{said['file']} ({Path(said['file']).stat().st_size >> 10} KiB): {contents(manifest)}.")
    if left := manifest["left_out"]:
        click.echo(
            f"lab: {len(left)} volumes are being written, so their bytes are not in it: stop their servers or detach them.",
            err=True,
        )
    if not said["encrypted"]:
        click.echo(
            "lab: It holds all secrets of the lab and is not encrypted: keep it safe, or use --passphrase-file.",
            err=True,
        )


def restore(lab: Lab, file: Path, passphrase_file: Path | None, *, overwrite: bool, options: Options) -> None:
    """Bring it back. Raises LabError where that would lose something that is there. The play removes ready.json once it begins."""
    if not file.is_file():
        raise LabError(f"There is no file {file} to restore from.")
    variables = {"backup_file": str(file.resolve()), "backup_overwrite": overwrite, **passphrase(passphrase_file)}
    if not options.check:
        lab.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = changing.change(lab, [(RESTORE, variables)], options)
    manifest = done.results[RESULT]["manifest"]
    click.echo(f"The backup of {manifest['made']}: {contents(manifest)}.")
    if options.check:
        changing.tell(done, options)
        return
    labs.choose(lab)
    inventory = hosts.inquire(labs.with_inventory(lab))
    hosts.write_ssh_config(lab, inventory, guests=False)
    member = Client(clouds.read(lab.clouds, clouds.MEMBER))
    ready.write(lab.ready, usable(member, inventory))
    click.echo(
        "The rows are back. Servers whose guests were lost with their hosts become ERROR once these report; "
        "`./lab verify` names bytes that the backup has not."
    )


def passphrase(file: Path | None) -> dict[str, Any]:
    return {} if file is None else {"backup_passphrase_file": str(file.resolve())}


def contents(manifest: dict[str, Any]) -> str:
    """What is in a backup, in words."""
    data = " and ".join(manifest["data"])
    bytes_of = f", with the bytes of {data}" if data else ", without their bytes"
    return f"rows, secrets, a catalogue of {manifest['images']} files of images and {manifest['volumes']} of volumes{bytes_of}"
