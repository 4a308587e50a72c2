"""`verify`: does the cloud work from end to end, and is anything there that nobody owns?

Asked are the services by their APIs, as any client would, and the hosts by themselves: over SSH (`playbooks/verify.yml`), so
that a look at them needs neither the bus nor an agent. The hosts of a `dev` cloud are folders of its state.
"""

import time
from collections.abc import Callable

import click

from tinstack.lab import clouds, words
from tinstack.lab.client import ApiError, Client
from tinstack.lab.labs import Lab
from tinstack.lab.verify import boot, data, orphans, probes, repair
from tinstack.lab.verify.hosts import Hosts, Looked
from tinstack.lab.verify.report import Check, Orphan, Report, timed
from tinstack.lab.verify.rows import Rows

CONFIRM_SECONDS = 3.0
"""What was seen once may be under way; what is still so after that time is not."""

REPAIRED_SECONDS, SWEPT_SECONDS = 45.0, 150.0
"""How long agents may take to remove what they were told to, and the conductor to look at claims twice."""


def verify(lab: Lab, *, as_json: bool, mend: bool) -> None:
    """Look, say what was found, and with ``mend`` remove what has no owner. Raises LabError where not all is well."""
    known = clouds.read_all(lab.clouds)
    admin = Client(clouds.read(lab.clouds, clouds.ADMIN))
    member = Client(known[clouds.MEMBER]) if clouds.MEMBER in known else admin
    tell: Callable[[str], None] = (lambda line: None) if as_json else click.echo
    report = Report(mended=mend)

    def note(checks: list[Check]) -> None:
        report.checks += checks
        for check in checks:
            tell(check.line)

    note([timed("identity", lambda: probes.identity(admin))])
    seen = data.hosts(lab)
    note(seen)
    hosts = Hosts(lab)
    looked = hosts.look()
    note(looked.checks)
    if report.checks[0].ok:
        for name, probe in probes.PROBES.items():
            note([timed(name, lambda probe=probe: probe(admin))])  # type: ignore[misc]
        if seen:
            note(data.images(lab, admin))
        note(probes.heartbeats(admin))
        note([boot.check(member, admin, hopeful=all(check.ok is not False for check in report.checks))])
        try:
            report.orphans, report.compared = confirmed(hosts, admin, looked, note), True
            if mend and report.orphans:
                repair.repair(report.orphans, hosts, admin)
                settle(report.orphans, hosts, admin)
        except ApiError as error:
            note([Check("orphans", False, message=f"They can't be looked for: {error.message}")])
    words.show_json(report.public()) if as_json else report.show_orphans()
    if not report.healthy:
        raise words.LabError(report.verdict())


def confirmed(hosts: Hosts, admin: Client, looked: Looked, note: Callable[[list[Check]], None]) -> list[Orphan]:
    """What has no owner at two looks, some seconds apart. Things are looked at before rows: what is made meanwhile has its row first."""
    rows = Rows.fetch(admin)
    if rows.others:
        note([foreign(rows)])
    first = orphans.find(looked, rows)
    if not first:
        return []
    time.sleep(CONFIRM_SECONDS)
    keys = {one.key for one in first}
    again = hosts.look() if any(one.on_host for one in first) else looked
    return [one for one in orphans.find(again, Rows.fetch(admin)) if one.key in keys]


def foreign(rows: Rows) -> Check:
    """Consumers that are no servers: whoever made them knows why."""
    said = [
        f"{consumer} ({rows.others[consumer]}) on {host}" for consumer, host in rows.claims if consumer in rows.others
    ]
    return Check("foreign allocations", True, message=f"held by others than servers, and left alone: {', '.join(said)}")


def settle(found: list[Orphan], hosts: Hosts, admin: Client) -> None:
    """Wait until what was repaired is gone; what stays is not repaired."""
    swept = any(one.kind in repair.BY_CONDUCTOR for one in found)
    end = time.monotonic() + (SWEPT_SECONDS if swept else REPAIRED_SECONDS)
    while repaired := {one.key: one for one in found if one.repaired}:
        left = {one.key for one in orphans.find(hosts.look(), Rows.fetch(admin))} & repaired.keys()
        if not left or time.monotonic() > end:
            for key in left:
                repaired[key].repaired = None
            return
        time.sleep(2)
