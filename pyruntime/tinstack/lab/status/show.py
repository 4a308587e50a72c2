"""The tables of `status`."""

import time

import click

from tinstack.lab import words
from tinstack.lab.status import Status
from tinstack.lab.status.apis import CAPACITIES
from tinstack.lab.status.findings import ago, size


def show(status: Status) -> None:
    now = time.time()
    services(status, now)
    if status.looked:
        machines(status, now)
        stores(status)
    sold(status)
    said = ", ".join(f"{count} {name}" for name, count in status.servers.items())
    click.echo(f"servers: {sum(status.servers.values())}{f' ({said})' if said else ''}")
    click.echo()
    for problem in status.problems:
        click.echo(f"PROBLEM  {problem}")
    if status.healthy:
        click.echo("All is up.")


def services(status: Status, now: float) -> None:
    """What the APIs tell, then units that they do not know of."""
    made = words.table("service", "host", "state", "since", "")
    for one in status.services:
        state = ("up" if one.up else "DOWN") + ("" if one.enabled else ", disabled")
        since = ago(one.since, now) if one.since and not one.up else ""
        made.add_row(one.name, one.host, state, since, one.reason or "", style=None if one.up else "red")
    for host, said in status.looked.items():
        for unit in said.units:
            if unit.up and "@" in unit.unit:  # one for each network and router: worth a line only when it is down
                continue
            since = ago(unit.since, now) if unit.since else ""
            name = unit.unit.removesuffix(".service")
            state = "up" if unit.up else f"DOWN, {unit.state}" if unit.enabled else f"{unit.state}, disabled"
            made.add_row(name, host, state, since, unit.why or "", style=None if unit.up or not unit.enabled else "red")
    words.show_table(made)
    click.echo()


def machines(status: Status, now: float) -> None:
    right = ("load", "memory used", "disk used", "up")
    made = words.table("host", *right, right=right)
    for host, said in status.looked.items():
        memory, disk = said.memory, min(said.disks, key=lambda one: one.free_bytes, default=None)
        used = memory.total_mib - memory.available_mib
        cells = [f"{said.load:.1f}/{said.cpus}", f"{used}/{memory.total_mib} MiB"]
        cells.append(f"{size(disk.total_bytes - disk.free_bytes)}/{size(disk.total_bytes)}" if disk else "-")
        made.add_row(host, *cells, ago(int(now - said.up_seconds), now).removesuffix(" ago"))
    for host in status.silent:
        made.add_row(host, *["?"] * len(right), style="red")
    words.show_table(made)
    click.echo()


def stores(status: Status) -> None:
    """What is really on disks, what is in the databases, and what waits in queues."""
    made = words.table("what is stored", "host", "size", right=("size",))
    for host, said in status.looked.items():
        for name, count in said.stores.items():
            made.add_row(name, host, size(count))
        if said.database and said.database.bytes:
            made.add_row("rows of all databases", host, size(sum(said.database.bytes.values())))
        if said.queues is not None:
            waiting = sum(queue.messages for queue in said.queues)
            made.add_row(f"messages in {len(said.queues)} queues", host, str(waiting))
    for pool in status.pools:
        made.add_row(f"volume backend {pool.name}", "", f"{pool.allocated_gib:g} of {pool.total_gib:g} GiB sold")
    words.show_table(made)
    click.echo()


def sold(status: Status) -> None:
    hosts = words.table("sold of host", "vCPUs", "memory MiB", "disk GiB", right=("vCPUs", "memory MiB", "disk GiB"))
    for host in status.hosts:
        cells = (host.capacity.get(name) for name in CAPACITIES.values())
        hosts.add_row(host.name, *(f"{cell.used}/{cell.total}" if cell else "-" for cell in cells))
    words.show_table(hosts)
    click.echo()
