"""The verbs of `./lab`, their options and their help. Each is a few lines; what it does is in the module it names.

Modules are imported by the verb that needs them: `status` should not wait for what `up` loads.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tinstack.lab import labs
from tinstack.lab.verbs import Verbs

Verb = TypeVar("Verb", bound=Callable[..., Any])

EXAMPLES = """\b
First steps:
  ./lab up                      three hosts on this machine, a cloud on them, a server in it (root; Debian 12)
  ./lab dev                     the whole API in one process, guests pretended (any Linux; no root)
  eval "$(./lab env)"           then any OpenStack client works: openstack server list
  ./lab trace hello             the 29 steps that made the server hello, with their times
\b
Where things are:
  .lab/NAME/clouds.yaml         credentials: clouds tinstack (a project's member), tinstack-admin
  .lab/NAME/ready.json          there while the lab is usable: URLs for programs
  .lab/NAME/logs/               what the plays said
\b
Exit codes: 0 fine, 1 it failed (the reason is on stderr), 2 wrong usage.
`./lab VERB --help` says more about a verb."""

STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The folder of the lab's state."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def which_lab(verb: Verb) -> Verb:
    """`-i` and `--state` of verbs that look at a lab."""
    inventory = click.option(
        "-i", "--inventory", metavar="NAME", help="The lab of this inventory. Default: the one made last."
    )
    return inventory(STATE(verb))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EXAMPLES,
)
def lab() -> None:
    """A cloud that speaks OpenStack's APIs, on this machine or on yours, from one command."""


@lab.command()
@click.option(
    "-i",
    "--inventory",
    default=labs.SANDBOX,
    show_default=True,
    metavar="NAME",
    help="Deploy onto the hosts of inventories/NAME.",
)
@STATE
@click.option("--check", is_flag=True, help="Say all that keeps the hosts from being deployed to, and change nothing.")
def up(inventory: str, state: Path | None, check: bool) -> None:
    """Make a lab with a running server, or repair it.

    Without options: checks this machine, makes three Debian hosts on it (systemd-nspawn), deploys the cloud onto them, uploads a
    guest image, makes a demo network, boots the server hello and proves that it answers SSH. Run again it changes only what is
    not as it should be. With -i it deploys onto the hosts of that inventory instead.
    """
    from tinstack.lab import up

    (up.check if check else up.up)(labs.to_make(inventory, state))


@lab.command()
@click.option(
    "-i", "--inventory", metavar="NAME", default=labs.SANDBOX, show_default=True, help="The lab of inventories/NAME."
)
@STATE
@click.option("--cache", is_flag=True, help="Also remove what makes the next `up` quick: environments, wheels, images.")
def destroy(inventory: str, state: Path | None, cache: bool) -> None:
    """Take away what `up` made: hosts, networks, state.

    Packages that were installed on this machine stay. Hosts that `up -i` was given are never touched.
    """
    from tinstack.lab.up import destroy

    destroy(labs.to_destroy(inventory, state), cache=cache)


def _numbers(text: str) -> dict[str, int]:
    """``NAME=N,NAME=N`` as a dict. Raises UsageError."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        if not number.isdecimal() or not 1 <= int(number) <= 16:
            raise click.UsageError(f"'{part}' is not SERVICE=N with N from 1 to 16.")
        found[name] = int(number)
    return found


@lab.command()
@STATE
@click.option(
    "--port-base",
    type=click.IntRange(1, 65528),
    metavar="N",
    help="Ports N to N+7 instead of OpenStack's standard ones.",
)
@click.option(
    "--hosts",
    type=click.IntRange(0, 10_000),
    default=2,
    show_default=True,
    metavar="N",
    help="Simulated compute hosts.",
)
@click.option("--empty", is_flag=True, help="Only the admin and the roles; no flavors, images, networks, demo project.")
@click.option("--split", is_flag=True, help="A process per service, on a real MariaDB and RabbitMQ (docs/rig.md).")
@click.option("--database", metavar="URL", help="With --split: a MariaDB that is there, mysql://HOST:PORT.")
@click.option("--bus", metavar="URL", help="With --split: a RabbitMQ that is there, amqp://HOST:PORT.")
@click.option(
    "--crash",
    multiple=True,
    metavar="SERVICE:POINT",
    help="With --split: that process kills itself there once, as in conductor:after-11. Can be given several times.",
)
@click.option(
    "--processes",
    metavar="SERVICE=N,…",
    default="",
    help="With --split: so many processes of a service, as in api=3,scheduler=2.",
)
@click.option(
    "--metrics",
    type=click.IntRange(1, 65528),
    metavar="PORT",
    help="Let Prometheus scrape there; with --split at a port of its own for each service, from there on.",
)
def dev(
    state: Path | None,
    port_base: int | None,
    hosts: int,
    empty: bool,
    split: bool,
    database: str | None,
    bus: str | None,
    crash: tuple[str, ...],
    processes: str,
    metrics: int | None,
) -> None:
    """Run the whole cloud in one process on 127.0.0.1.

    SQLite, an in-process bus and simulated guests: for API tests, SDKs, Terraform. Prints `ready` when it is usable and runs until
    Ctrl-C or SIGTERM. The same --state continues where it ended.
    """
    from tinstack.lab.prechecks import against_dev
    from tinstack.lab.words import LabError

    if not split and (database or bus or crash or processes):
        raise click.UsageError("--database, --bus, --crash and --processes go with --split.")
    numbers = _numbers(processes)
    if found := against_dev(port_base):
        raise LabError(" ".join(found))
    made = labs.Lab((state or labs.states() / "dev").resolve())
    try:
        made.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"The folder {made.state} can't be used: {error.strerror}.") from None
    with labs.held(made.state / ".lock", made):
        made.ready.unlink(missing_ok=True)  # before anything is loaded: one that a killed process left would mislead
        labs.choose(made)
        from tinstack.dev.main import run
        from tinstack.dev.options import DevOptions

        options = DevOptions(
            state=made.state,
            port_base=port_base,
            hosts=hosts,
            empty=empty,
            split=split,
            database=database,
            bus=bus,
            crash=list(crash),
            processes=numbers,
            metrics=metrics or 0,
        )
        sys.exit(run(options))


@lab.command()
@which_lab
@JSON
def status(inventory: str | None, state: Path | None, as_json: bool) -> None:
    """Show what is down, since when and why, and how full everything is.

    Asks the APIs, and the hosts over SSH: services and agents, units, memory, disks, what is sold, volume backends, images, database,
    queues. Works while services are down, and names what is wrong in a sentence each. Exit code 1 when something is.
    """
    from tinstack.lab import status, words
    from tinstack.lab.status.show import show

    found = status.fetch(labs.to_look_at(inventory, state))
    words.show_json(found) if as_json else show(found)
    if not found.healthy:
        raise words.LabError(
            found.problems[0] if len(found.problems) == 1 else f"{len(found.problems)} things are wrong."
        )


@lab.command()
@click.argument("server")
@which_lab
@JSON
def trace(server: str, inventory: str | None, state: Path | None, as_json: bool) -> None:
    """Show the 29 steps of the creation of SERVER (id or name).

    Each with its service, host, start, duration and outcome, the slowest marked; and why a step failed, if one did.
    """
    from tinstack.lab import clouds, trace, words
    from tinstack.lab.client import Client

    known = clouds.read_all(labs.to_look_at(inventory, state).clouds)
    # A lab that was made empty has no member yet.
    found = trace.fetch([Client(known[name]) for name in (clouds.MEMBER, clouds.ADMIN) if name in known], server)
    words.show_json(found.raw) if as_json else trace.show(found)


@lab.command()
@click.argument("what", metavar="[REQ-ID | SERVER]", required=False)
@which_lab
@JSON
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines to come, until Ctrl-C.")
@click.option(
    "--since",
    metavar="DURATION",
    help="How far back, as 90s, 10m, 2h, 3d. Default: 10m; all where WHAT is named; 0 with -f.",
)
@click.option(
    "--service", "services", multiple=True, metavar="NAME", help="Only of this service. Can be given several times."
)
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="Only of this host. Can be given several times.")
@click.option(
    "--level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], case_sensitive=False),
    help="Only lines as grave as this, or graver.",
)
def logs(
    what: str | None,
    inventory: str | None,
    state: Path | None,
    as_json: bool,
    follow: bool,
    since: str | None,
    services: tuple[str, ...],
    hosts: tuple[str, ...],
    level: str | None,
) -> None:
    """Show the log lines of all hosts, merged by time.

    Of one request (req-…), of a server (name or id: all its requests and every line that names it), or of the last ten minutes.
    Times are UTC.
    """
    import time

    from tinstack.lab import logs

    chosen = labs.to_look_at(inventory, state)
    back = logs.seconds(since) if since else None if what else 0.0 if follow else 600.0
    begin = 0.0 if back is None else time.time() - back
    ids, named = logs.about(chosen, what) if what else ([], [])
    wanted = logs.Filter(begin, level.upper() if level else None, services, hosts, ids, named)
    try:
        logs.show(chosen, wanted, follow=follow, as_json=as_json)
    except KeyboardInterrupt:
        sys.exit(130)


@lab.command()
@which_lab
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The archive's name."
)
@click.option(
    "--since", default="24h", show_default=True, metavar="DURATION", help="How far back logs and journals go."
)
def collect(inventory: str | None, state: Path | None, output: Path | None, since: str) -> None:
    """Make a support archive: what all hosts say of themselves, with secrets removed.

    Logs, journals, units, configuration, versions, networks, guests' definitions, schema versions; no disks, images, rows or
    consoles. Looks only.
    """
    from tinstack.lab import collect, logs

    collect.collect(labs.to_look_at(inventory, state), output, logs.seconds(since))


@lab.command()
@which_lab
@JSON
@click.option("--repair", is_flag=True, help="Remove what has no owner, and say what was done.")
@click.option("--security", is_flag=True, help="Check ports, files, units, certificates and passwords instead.")
def verify(inventory: str | None, state: Path | None, as_json: bool, repair: bool, security: bool) -> None:
    """Probe the cloud end to end, and find what has no owner.

    Each service is asked for something real, a server is booted and deleted, agents must report. Then hosts and databases are
    compared both ways: things without the row that owns them, rows without their thing. Exit code 1 when anything is not well.
    """
    if security:
        if repair:
            raise click.UsageError("--repair goes without --security.")
        from tinstack.lab.security import check

        check(labs.to_look_at(inventory, state), as_json=as_json)
        return
    from tinstack.lab.verify import verify

    verify(labs.to_look_at(inventory, state), as_json=as_json, mend=repair)


@lab.command()
@which_lab
def env(inventory: str | None, state: Path | None) -> None:
    """Print what a shell evaluates to use the lab: eval "$(./lab env)"."""
    from tinstack.lab import shell

    for line in shell.lines(labs.to_look_at(inventory, state)):
        click.echo(line)


@lab.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@which_lab
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(inventory: str | None, state: Path | None, host: str, command: tuple[str, ...]) -> None:
    """Log in to HOST of the lab (or to its guest `hello`), or run COMMAND there."""
    from tinstack.lab.hosts import log_in

    log_in(labs.to_look_at(inventory, state), host, command)


@lab.command()
@click.argument("ring", nargs=-1)
@click.option("--seed", type=int, help="Draw the hostile requests of an earlier run again.")
@click.option("--all", "everything", is_flag=True, help="Every ring but bench, whole: an hour and more.")
def test(ring: tuple[str, ...], seed: int | None, everything: bool) -> None:
    """Run the tests, or the RINGs that are named.

    \b
    unit                rules and pieces, no network, no processes
    api                 the services through their APIs: on SQLite and the in-process bus, then on MariaDB and RabbitMQ
    lint                ruff, types, imports, YAML, Ansible
    conformance [LIST]  OpenStack's own tests on a `dev` cloud; LIST: smoke (default), identity, compute, image, network and
                        volume of the acceptance suite, Tempest; sdk: the functional tests of openstacksdk
    fuzz                100,000 hostile requests to every API (some thousand unless named); their seed is printed
    faults              processes die, messages are lost, RabbitMQ and MariaDB are stopped: a short selection (1 min) unless named
    bench               rates, times and sizes beside real OpenStack's and the budgets: only when named (a quiet machine)
    restore             a lab lost with its hosts and brought back from its backup, then day two: secrets, hosts (root; Debian 12)
    guests              what takes long with real guests: hosts that go down, consoles (root; Debian 12)
    broken              a lab broken in twenty ways: one command names component, host and cause (root; Debian 12)
    spread              each task on a host of its own, two releases of Debian, nobody signs in as root (root; Debian 12)
    combined            everything on one host, its services in one process, and to units of each and back (root; Debian 12)
    molecule            a whole lab on hosts of its own: made, deployed twice, looked at, removed (root; Debian 12)
    """
    from tinstack.lab.rings import run_rings

    run_rings(ring, seed, everything)


from tinstack.lab import cli_day_two, cli_network  # noqa: E402, F401  their verbs are added to the group above
