"""The hosts of a lab, asked for what of ours is on them: by the play `verify`, or in the folders of a `dev` cloud."""

import importlib.util
from collections.abc import Iterable
from typing import Any

import msgspec

from tinstack.lab import labs, plays
from tinstack.lab.labs import Lab
from tinstack.lab.verify.report import Check, Orphan
from tinstack.lab.words import LabError

THINGS, UNITS, REMOVAL = "List what of the cloud is there", "List the units", "Remove what has no owner"
"""Tasks of the play whose results are read."""

GUEST = "guest"
"""A simulated one: a file in the folder of its host."""


class Thing(msgspec.Struct, frozen=True):
    """Something on a host with a name that only tinstack gives; ``owner``: the id (or its beginning) that is in it."""

    kind: str
    name: str
    owner: str


class Looked(msgspec.Struct):
    """By host. A host that could not be asked is in none of them."""

    things: dict[str, list[Thing]] = {}
    checks: list[Check] = []


class Hosts:
    """Of one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._deployed = (lab.state / "secrets.yml").exists()

    def look(self) -> Looked:
        """What is there. Hosts that can't be asked are failed checks."""
        return self._play({}) if self._deployed else self._folders()

    def remove(self, orphans: Iterable[Orphan]) -> dict[str, str]:
        """Bring things to absent. Host → why it could not be done."""
        unwanted: dict[str, list[dict[str, str]]] = {}
        for one in orphans:
            thing = {"kind": one.kind, "name": one.name, "owner": one.owner}
            unwanted.setdefault(one.host or "", []).append(thing)
        if self._deployed:
            looked = self._play(unwanted)
            return {check.name.rpartition(" ")[2]: check.message for check in looked.checks if check.ok is False}
        for host, things in unwanted.items():
            for thing in things:
                (self._lab.state / "instances" / host / f"{thing['name']}.json").unlink(missing_ok=True)
        return {}

    def _folders(self) -> Looked:
        looked = Looked()
        for folder in sorted((self._lab.state / "instances").glob("*/")):
            looked.things[folder.name] = [Thing(GUEST, file.stem, file.stem) for file in sorted(folder.glob("*.json"))]
        return looked

    def _play(self, unwanted: dict[str, list[dict[str, str]]]) -> Looked:
        if importlib.util.find_spec("ansible_runner") is None:
            raise LabError("Looking at hosts needs the tools that `./lab up` installs: run it first.")
        self._lab.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        looked, listened = Looked(), _Listener()
        variables: dict[str, object] = {"tinstack_state_dir": str(self._lab.state), "verify_remove": unwanted}
        lab = labs.with_inventory(self._lab)
        outcome = plays.run(lab, "verify", self._lab.logs / "verify.log", listened, variables)
        for host, said in listened.things.items():
            looked.things[host] = msgspec.json.decode(said, type=list[Thing])
        for host, said in sorted(listened.units.items()):
            looked.checks.append(_units(host, said))
        for failure in outcome.failures:
            if failure.host not in looked.things or failure.task == REMOVAL:
                looked.checks.append(Check(f"host {failure.host}", False, message=failure.reason.splitlines()[0]))
        if not looked.things and not outcome.failures:
            looked.checks.append(
                Check("hosts", False, message=f"None could be asked; see {self._lab.logs}/verify.log.")
            )
        return looked


class _Listener:
    """Keeps what the tasks printed, by host."""

    def __init__(self) -> None:
        self.things: dict[str, str] = {}
        self.units: dict[str, str] = {}

    def __call__(self, event: plays.Event) -> None:
        data: dict[str, Any] = event.get("event_data") or {}
        if event["event"] == "runner_on_ok":
            kept = {THINGS: self.things, UNITS: self.units}.get(data.get("task", ""))
            if kept is not None:
                kept[data["host"]] = data["res"]["stdout"]


def _units(host: str, said: str) -> Check:
    """From ``systemctl list-units --output=json``: every unit must be active."""
    units = [one for one in msgspec.json.decode(said or "[]") if one["load"] == "loaded"]
    down = sorted(
        f"{one['unit']} is {one['active']}"
        for one in units
        if one["active"] not in ("active", "activating", "reloading")
    )
    if down:
        return Check(f"units on {host}", False, message=f"{'; '.join(down)}.")
    return Check(f"units on {host}", True, message=f"{len(units)} active")
