"""`verify --security`: open ports, how they speak, files, units, certificates and passwords, against what they should be."""

import time
from typing import Any

import click
import msgspec

from tinstack.lab import words
from tinstack.lab.fleet import Fleet
from tinstack.lab.labs import Lab
from tinstack.lab.onhost import secure
from tinstack.lab.security import deployer, rules
from tinstack.lab.security.seen import Seen
from tinstack.lab.verify.report import Check

SECONDS = 60.0
"""How long a host may take for all of it."""

HERE = "this machine"


def check(lab: Lab, *, as_json: bool) -> None:
    """Look, and say what was found. Raises LabError where anything is not as it should be."""
    if not (lab.state / "secrets.yml").exists():
        raise words.LabError("A `dev` cloud has no hosts whose security could be checked.")
    fleet = Fleet(lab)
    answers = fleet.ask(secure, None, SECONDS)
    seen = {host: msgspec.convert(said, Seen) for host, said in sorted(answers.found.items())}
    checks = judged(fleet.hosts, seen, time.time())
    checks += [Check(f"host {host}", False, message=why) for host, why in sorted(answers.failed.items())]
    checks += of(HERE, {"files": deployer.files(lab.state), "passwords": deployer.secrets(lab.state)})
    secure_now = all(one.ok for one in checks)
    if as_json:
        words.show_json({"secure": secure_now, "checks": checks})
    else:
        for one in checks:
            click.echo(one.line)
    if not secure_now:
        count = sum(not one.ok for one in checks)
        raise words.LabError(f"{count} thing{'s are' if count > 1 else ' is'} not as secure as meant.")


def judged(hosts: dict[str, dict[str, Any]], seen: dict[str, Seen], now: float) -> list[Check]:
    """One check for each kind of look at each host that is fine, one for each thing that is not."""
    checks = []
    for host, told in seen.items():
        found = {
            "ports": rules.of_sockets(told.sockets, rules.doors(host, hosts), hosts[host].get("allowed", [])),
            "files": rules.of_files(told.files),
            "units": rules.of_units(told.units),
            "certificates": rules.of_certificates(told.certificates, now),
            "passwords": [f"{one[0].upper()}{one[1:]} needs no password." for one in told.accounts],
        }
        checks += of(host, found)
    return checks


def of(host: str, found: dict[str, list[str]]) -> list[Check]:
    """From sentences by kind."""
    return [
        Check(f"{kind} of {host}", not sentence, message=sentence)
        for kind, sentences in found.items()
        for sentence in sentences or [""]
    ]
