"""`up` and `destroy`: a lab on hosts, from the plays that make it to the words that say what to type next."""

import shutil
from dataclasses import dataclass
from typing import Any

import click

from tinstack.dev import cache as caches
from tinstack.lab import clouds, hosts, labs, plays, prechecks, ready
from tinstack.lab.client import ApiError, Client
from tinstack.lab.labs import Lab
from tinstack.lab.progress import PlayProgress, seconds
from tinstack.lab.words import LabError


@dataclass(frozen=True, slots=True)
class Stage:
    """One playbook of a verb, and what it is called on the terminal."""

    playbook: str
    title: str


PRECHECKS = Stage("prechecks", "Whether the hosts are fit")
MAKE_HOSTS = Stage("sandbox", "Hosts on this machine")
DEPLOY = Stage("site", "The cloud on its hosts")
DESTROY = Stage("destroy", "Taking the lab away")
CONTINUES = "The same command continues from here."


def check(lab: Lab) -> None:
    """Whether `up` has what it needs: of this machine where it makes the hosts, else of the hosts. Raises LabError with all problems."""
    check_machine(lab)
    if not lab.is_sandbox:
        with labs.alone(lab):
            lab.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
            run(lab, PRECHECKS)
    click.echo(f"The lab '{lab.name}' can be deployed: nothing that is needed is missing. Nothing was changed.")


def check_machine(lab: Lab) -> None:
    if lab.is_sandbox and (found := prechecks.against_sandbox(prechecks.this_machine())):
        raise LabError(" ".join(found))


def up(lab: Lab) -> None:
    """Make the lab, or bring it back to what it should be. Raises LabError with the reason where it can't."""
    check_machine(lab)
    with labs.alone(lab):
        lab.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        lab.state.chmod(0o700)
        ready.remove(lab.ready)
        labs.choose(lab)
        took = changed = 0.0
        for stage in (MAKE_HOSTS, DEPLOY) if lab.is_sandbox else (DEPLOY,):
            stage_took, stage_changed = run(lab, stage)
            took, changed = took + stage_took, changed + stage_changed
            if stage is MAKE_HOSTS:
                hosts.write_ssh_config(lab, hosts.inquire(lab))
        inventory = hosts.inquire(lab)
        hosts.write_ssh_config(lab, inventory, guests=False)
        member = Client(clouds.read(lab.clouds, clouds.MEMBER))
        ready.write(lab.ready, usable(member, inventory))
        hello = demo_server(member)
        if address := floating_ip(hello):
            hosts.add_guest(lab, "hello", address)
    click.echo(f"\nReady after {seconds(took)}, changed={changed:.0f}.\n")
    click.echo(what_next(lab, inventory, hello))


def run(lab: Lab, stage: Stage, **variables: object) -> tuple[float, int]:
    """One stage: its seconds and its number of changes. Raises LabError with the tasks that failed."""
    outcome, took = play(lab, stage, plays.WHOLE, variables)
    return took, outcome.changed


def play(lab: Lab, stage: Stage, options: plays.Options, variables: dict[str, object]) -> tuple[plays.Outcome, float]:
    """One stage: how it went, and its seconds. Raises LabError with the tasks that failed."""
    log = lab.logs / f"{stage.playbook}.log"
    changes = stage is not PRECHECKS and not options.check
    with PlayProgress(stage.title) as progress:
        outcome = plays.run(
            lab, stage.playbook, log, progress, {"tinstack_state_dir": str(lab.state), **variables}, options
        )
    took = progress.elapsed()
    if outcome.interrupted:
        raise LabError(f"Interrupted. {CONTINUES if changes else 'Nothing was changed.'}")
    if not outcome.succeeded:
        raise LabError(explained(outcome, str(log), continues=changes and outcome.changed > 0))
    click.echo(f"  done in {seconds(took)}, changed={outcome.changed}")
    return outcome, took


def explained(outcome: plays.Outcome, log: str, *, continues: bool) -> str:
    """Which task failed where and why, where the rest is, and whether there is something to go on from."""
    lines = []
    for failure in outcome.failures:
        reason = failure.reason.replace("\n", "\n  ")
        lines.append(f'Task "{failure.task}" failed on {failure.host}:\n  {reason}')
    if not lines:
        lines.append(
            "Ansible ended before its first task was done:\n  " + plays.tail(last_lines(log), 15).replace("\n", "\n  ")
        )
    return "\n".join([*lines, f"The whole log is in {log}.{f' {CONTINUES}' if continues else ''}"])


def last_lines(log: str) -> str:
    with open(log) as file:
        return file.read()


def usable(member: Client, inventory: dict[str, dict[str, Any]]) -> ready.Ready:
    """What programs are told of a lab on hosts. Asks identity for a token, so a lab that cannot give one is not ready."""
    services = member.endpoints()
    cloud = member.cloud
    compute_hosts = sorted(name for name, host in inventory.items() if "compute" in host["groups"])
    return ready.Ready(cloud.auth.auth_url, cloud.region_name or "RegionOne", [], services, compute_hosts)


def demo_server(member: Client) -> dict[str, Any] | None:
    """The server `hello` as the compute API shows it, if it is there."""
    try:
        rows = member.get("compute", "/servers/detail", {"name": "^hello$"})["servers"]
    except ApiError:
        return None
    return rows[0] if rows else None


def floating_ip(server: dict[str, Any] | None) -> str | None:
    """The address by which the demo server is reached from here."""
    addresses = [one for network in (server or {}).get("addresses", {}).values() for one in network]
    return next((one["addr"] for one in addresses if one.get("OS-EXT-IPS:type") == "floating"), None)


def what_next(lab: Lab, inventory: dict[str, dict[str, Any]], hello: dict[str, Any] | None) -> str:
    """The closing lines: commands that work now."""
    rows = [('eval "$(./lab env)"', "then: openstack server list"), ("./lab status", "what is up, and how full")]
    if hello:
        rows.append(("./lab trace hello", "the 29 steps of its creation"))
    if floating_ip(hello):
        rows.append(("./lab ssh hello", "a shell in the guest, by its floating IP"))
    if inventory:
        rows.append((f"./lab ssh {next(iter(inventory))}", "a shell on a host"))
    if lab.is_sandbox:
        rows.append(("./lab destroy", "take it all away"))
    width = max(len(command) for command, _ in rows)
    lines = [f"  {command:<{width}}  {meaning}" for command, meaning in rows]
    if hello:
        addresses = [address["addr"] for network in hello["addresses"].values() for address in network]
        lines.insert(0, f"The server hello is {hello['status']} at {', '.join(addresses)}. Next:")
    return "\n".join([*lines, f"  Credentials are in {lab.clouds}."])


def destroy(lab: Lab, *, cache: bool) -> None:
    """Take away what `up` made on this machine, then the lab's state; with `cache` also what makes the next `up` quick."""
    if not lab.is_sandbox:
        raise LabError(f"The hosts of '{lab.name}' were not made by ./lab, so they are not its to destroy.")
    if not prechecks.is_root():
        raise LabError("Removing hosts from this machine needs root: run `sudo ./lab destroy`.")
    with labs.alone(lab):
        lab.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        ready.remove(lab.ready)
        run(lab, DESTROY, sandbox_host_remove_cache=cache)
        labs.forget(lab)
        if lab.inventory is not None:  # hosts that `add-compute` took into the sandbox are gone with it
            (lab.inventory / labs.ADDED).unlink(missing_ok=True)
    if cache:
        shutil.rmtree(caches.cache(), ignore_errors=True)
    click.echo(f"The lab '{lab.name}' is gone{', and so are the caches' if cache else ''}.")
