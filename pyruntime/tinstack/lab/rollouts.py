"""`reconfigure`, `upgrade`, `rotate-secrets`, `renew-certificates`: verbs after which units read what is new."""

import re
import time

import click

from tinstack.lab import changing, hosts, labs, status, words
from tinstack.lab.labs import Lab
from tinstack.lab.plays import Options
from tinstack.lab.up import Stage
from tinstack.lab.words import LabError

RECONFIGURE = Stage("site", "What the inventory says")
UPGRADE = Stage("upgrade", "The runtime of this folder on all hosts")
ROTATE = Stage("rotate-secrets", "New secrets")
RENEW = Stage("renew-certificates", "New certificates")

SETTLE_SECONDS = 60.0
"""How long services that were restarted may take to report."""


def reconfigure(lab: Lab, parts: tuple[str, ...], options: Options, *, as_json: bool) -> None:
    """Bring what the inventory says to the hosts. Packages and runtime stay; only what reads something that changed is restarted."""
    known = all_parts()
    if unknown := sorted(set(parts) - set(known)):
        raise click.UsageError(f"There is no part {', '.join(unknown)}; there are: {', '.join(known)}.")
    skipped = changing.NO_CONTENT if "hosts" in parts else (*changing.NO_CONTENT, "hosts")
    roll(lab, RECONFIGURE, Options(options.check, parts, skipped), as_json=as_json)


def all_parts() -> list[str]:
    """Tags of the plays of site.yml, in their order."""
    tags = re.findall(r"^  tags: \[(\w+)\]", (labs.ROOT / "playbooks" / "site.yml").read_text(), re.MULTILINE)
    return [tag for tag in dict.fromkeys(tags) if tag not in ("always", *changing.NO_CONTENT)]


def upgrade(lab: Lab, options: Options, *, backup: bool, as_json: bool) -> None:
    """Bring the runtime of this folder to all hosts, databases before the services that read them, one service after the other."""
    roll(lab, UPGRADE, Options(options.check, (), changing.NO_CONTENT), as_json=as_json, upgrade_backup=backup)


def rotate(lab: Lab, options: Options, *, as_json: bool) -> None:
    """New passwords and keys everywhere, the old ones good until nobody uses them."""
    roll(lab, ROTATE, Options(options.check, (), changing.NO_CONTENT), as_json=as_json)


def renew(lab: Lab, options: Options, *, everything: bool, keys: bool, as_json: bool) -> None:
    """New certificates for those that end soon, or for all, taken up without a restart."""
    roll(lab, RENEW, options, as_json=as_json, certificates_renew_all=everything, certificates_new_keys=keys)


def roll(lab: Lab, stage: Stage, options: Options, *, as_json: bool, **variables: object) -> None:
    """Run it, say what was restarted, and wait until all is up again. Raises LabError where it is not."""
    if not (lab.state / "secrets.yml").exists():
        raise LabError(f"The lab '{lab.name}' has no hosts: `./lab dev` reads its options when it starts.")
    with words.quiet(as_json):
        done = changing.change(lab, [(stage, dict(variables))], options)
    if as_json:
        words.show_json(changing.summary(done, options))
    else:
        changing.tell(done, options)
    if not options.check and done.units:
        settled(lab)
        hosts.write_ssh_config(lab, hosts.inquire(labs.with_inventory(lab)))


def settled(lab: Lab) -> None:
    """Wait until `status` finds nothing wrong. Raises LabError with what it finds past SETTLE_SECONDS."""
    end = time.monotonic() + SETTLE_SECONDS
    while (found := status.fetch(lab)).problems:
        if time.monotonic() > end:
            raise LabError(" ".join(found.problems))
        time.sleep(2)
