"""The verbs of day two: what is done to a lab that is there. Their options and help; what they do is in the module each names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tinstack.lab import labs
from tinstack.lab.cli import JSON, lab, which_lab

CHECK = click.option("--check", is_flag=True, help="Say what would change, and change nothing.")

Verb = TypeVar("Verb", bound=Callable[..., Any])


def passphrase(does: str) -> Callable[[Verb], Verb]:
    """`--passphrase-file`, and what its first line does to the backup."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help=f"The first line of FILE {does} the backup.",
    )


@lab.command()
@which_lab
@CHECK
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Default: a name with the time in the lab's state.",
)
@click.option(
    "--data", type=click.Choice(["images", "volumes"]), multiple=True, help="Also their bytes. Can be given twice."
)
@passphrase("encrypts")
def backup(
    inventory: str | None,
    state: Path | None,
    check: bool,
    output: Path | None,
    data: tuple[str, ...],
    passphrase_file: Path | None,
) -> None:
    """Write rows, secrets and the catalogue of images and volumes into one file.

    All databases as they are at one moment; services go on. The file is for its owner alone, and holds every secret of the lab.
    """
    from tinstack.lab import backups
    from tinstack.lab.plays import Options

    backups.backup(labs.to_look_at(inventory, state), output, data, passphrase_file, Options(check))


@lab.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-i", "--inventory", default=labs.SANDBOX, show_default=True, metavar="NAME", help="The hosts to restore onto."
)
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The folder of the lab's state."
)
@CHECK
@click.option("--overwrite", is_flag=True, help="Replace rows and secrets that are there.")
@passphrase("decrypts")
def restore(
    file: Path, inventory: str, state: Path | None, check: bool, overwrite: bool, passphrase_file: Path | None
) -> None:
    """Bring a lab back from the backup FILE, onto fresh hosts or its own.

    Deploys what is missing, stops the services, puts rows and secrets back, starts all. Guests that were lost with their hosts
    stay lost: their servers become ERROR. `verify` names bytes that the backup has not.
    """
    from tinstack.lab import backups
    from tinstack.lab.plays import Options

    backups.restore(labs.to_make(inventory, state), file, passphrase_file, overwrite=overwrite, options=Options(check))


@lab.command("add-compute")
@click.argument("host", metavar="HOST[=ADDRESS]")
@which_lab
@CHECK
def add_compute(host: str, inventory: str | None, state: Path | None, check: bool) -> None:
    """Take a new compute host into the lab.

    HOST stands in the group compute of the inventory, or ADDRESS is given: then it is written into the inventory's added.yml. Only
    the new host is deployed; the others learn its name, the bus its users. Ends when the host can take servers.
    """
    from tinstack.lab import members
    from tinstack.lab.plays import Options

    members.add_compute(labs.to_look_at(inventory, state), host, Options(check))


@lab.command()
@click.argument("host")
@which_lab
@CHECK
@click.option("--undo", is_flag=True, help="Let it take new servers again.")
def drain(host: str, inventory: str | None, state: Path | None, check: bool, undo: bool) -> None:
    """Keep new servers from HOST, and move those that can be moved.

    Exit code 1 when servers stay; each is named with the reason.
    """
    from tinstack.lab import members

    members.drain(labs.to_look_at(inventory, state), host, undo=undo, check=check)


@lab.command()
@click.argument("host")
@which_lab
@CHECK
@click.option("--force", is_flag=True, help="Also a host that is out of reach or has servers; they stay as they are.")
def remove(host: str, inventory: str | None, state: Path | None, check: bool, force: bool) -> None:
    """Take the compute host HOST out of the lab.

    Stops and removes its agents, its users at the bus, its secrets, its rows. Refuses while servers are on it.
    """
    from tinstack.lab import members
    from tinstack.lab.plays import Options

    members.remove(labs.to_look_at(inventory, state), host, force=force, options=Options(check))


@lab.command()
@click.argument("parts", nargs=-1, metavar="[PART]...")
@which_lab
@CHECK
@JSON
def reconfigure(parts: tuple[str, ...], inventory: str | None, state: Path | None, check: bool, as_json: bool) -> None:
    """Bring changes of the inventory to the hosts, and restart only what reads them.

    Says what was restarted. PARTs, such as api or mariadb, do less of it; without any, all but packages and runtime (part hosts).
    """
    from tinstack.lab import rollouts
    from tinstack.lab.plays import Options

    rollouts.reconfigure(labs.to_look_at(inventory, state), parts, Options(check), as_json=as_json)


@lab.command()
@which_lab
@CHECK
@JSON
@click.option("--no-backup", is_flag=True, help="Don't make a backup first.")
def upgrade(inventory: str | None, state: Path | None, check: bool, as_json: bool, no_backup: bool) -> None:
    """Bring the runtime of this folder to the hosts, service by service.

    A backup first; then wheels, then each service in turn: its database, its restart. Guests and their traffic are not touched.
    """
    from tinstack.lab import rollouts
    from tinstack.lab.plays import Options

    rollouts.upgrade(labs.to_look_at(inventory, state), Options(check), backup=not no_backup, as_json=as_json)


@lab.command("rotate-secrets")
@which_lab
@CHECK
@JSON
def rotate_secrets(inventory: str | None, state: Path | None, check: bool, as_json: bool) -> None:
    """Give database, bus, services, tokens and metadata new secrets.

    New ones are accepted before the old ones are refused, so nothing fails on the way; each service is restarted. Passwords of people
    stay. Interrupted, the same command goes on.
    """
    from tinstack.lab import rollouts
    from tinstack.lab.plays import Options

    rollouts.rotate(labs.to_look_at(inventory, state), Options(check), as_json=as_json)


@lab.command("renew-certificates")
@which_lab
@CHECK
@JSON
@click.option("--all", "everything", is_flag=True, help="All of them, not only those that end soon.")
@click.option("--new-keys", is_flag=True, help="New keys for all hosts as well.")
def renew_certificates(
    inventory: str | None, state: Path | None, check: bool, as_json: bool, everything: bool, new_keys: bool
) -> None:
    """Renew hosts' certificates that end within thirty days.

    HAProxy, MariaDB, RabbitMQ and guests' displays take the new ones as they run: no request fails, no guest notices. Agents start
    anew, which ends open serial consoles.
    """
    from tinstack.lab import rollouts
    from tinstack.lab.plays import Options

    lab_there, options = labs.to_look_at(inventory, state), Options(check)
    rollouts.renew(lab_there, options, everything=everything, keys=new_keys, as_json=as_json)
