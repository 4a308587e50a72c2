"""What all verbs that change a lab have in common: plays one after the other, alone; afterwards what they did, or would do."""

from collections.abc import Sequence
from typing import Any

import click

from tinstack.lab import labs, plays
from tinstack.lab.labs import Lab
from tinstack.lab.plays import Options, Outcome
from tinstack.lab.up import Stage, play

NO_CONTENT = ("demo",)
"""Tags of plays that fill a new lab; day two is none of their business."""


def change(lab: Lab, stages: Sequence[tuple[Stage, dict[str, Any]]], options: Options = plays.WHOLE) -> Outcome:
    """Run the plays; what they changed, together. Raises LabError with the task that failed."""
    lab = labs.with_inventory(lab)
    whole = Outcome(succeeded=True)
    with labs.alone(lab):
        lab.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stage, variables in stages:
            outcome, _ = play(lab, stage, options, variables)
            whole.changed += outcome.changed
            whole.changes += outcome.changes
            whole.units += outcome.units
            whole.results |= outcome.results
    return whole


def tell(outcome: Outcome, options: Options) -> None:
    """What was changed and what was restarted, by host."""
    if options.check:
        for host, task in dict.fromkeys(outcome.changes):
            click.echo(f"would change  {host}: {task}")
    verbs = {"restart": "restarted", "start": "started", "reload": "reloaded", "remove": "removed"}
    for host, unit, verb in outcome.units:
        click.echo(
            f"{f'would be {verbs[verb]}' if options.check else verbs[verb]}  {host}: {unit.removesuffix('.service')}"
        )
    if options.check:
        click.echo("Nothing was changed." if outcome.changes else "Nothing would change.")
    elif not outcome.units:
        click.echo("Nothing had to be restarted.")


def summary(outcome: Outcome, options: Options) -> dict[str, Any]:
    """The same for programs."""
    return {
        "check": options.check,
        "changed": outcome.changed,
        "changes": [{"host": host, "task": task} for host, task in outcome.changes],
        "units": [{"host": host, "unit": unit, "action": verb} for host, unit, verb in outcome.units],
    }
