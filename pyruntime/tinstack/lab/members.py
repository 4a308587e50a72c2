"""Hosts that come and go: `add-compute`, `drain`, `remove`."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import click
import msgspec

from tinstack.lab import changing, clouds, fleet, hosts, labs, up
from tinstack.lab.client import ApiError, Client
from tinstack.lab.labs import ADDED, Lab
from tinstack.lab.plays import Options
from tinstack.lab.up import Stage
from tinstack.lab.words import LabError

ADD = Stage("add-compute", "New compute hosts")
REMOVE = Stage("remove", "A host leaves the lab")
SECONDS = 90.0
"""How long the agents of a new host may take to report, and a guest to move."""

BINARY = "nova-compute"
API = "2.53"
"""From where on services go by ids. Source: compute API, "Compute services"."""

Inventory = dict[str, Any]


def add_compute(lab: Lab, given: str, options: Options) -> None:
    """Deploy what a new compute host needs, and wait until it can take servers."""
    name, _, address = given.partition("=")
    lab = labs.with_inventory(lab)
    assert lab.inventory is not None
    known = fleet.known(lab)
    written = False
    if address:
        if name in known and str(known[name]["address"]) != address:
            raise LabError(f"{name} stands in the inventory with the address {known[name]['address']}, not {address}.")
        if "compute" not in known.get(name, {"groups": []})["groups"]:
            written = write_added(lab, lambda hosts_: {**hosts_, name: {"ansible_host": address}})
    elif name not in known:
        raise LabError(f"{name} does not stand in the inventory: name its address too, as in {name}=192.0.2.23.")
    try:
        stages: list[tuple[Stage, dict[str, Any]]] = [(ADD, {"add_compute": [name]})]
        if lab.is_sandbox:
            stages.insert(0, (up.MAKE_HOSTS, {}))
        # A host without packages can't be asked more than whether it is fit for them.
        done = changing.change(lab, stages, Options(check=True, tags=("preflight",)) if options.check else options)
    finally:
        if written and options.check:
            write_added(lab, lambda hosts_: {other: said for other, said in hosts_.items() if other != name})
    if options.check:
        click.echo(f"{name} can be deployed: nothing that is needed is missing. Nothing was changed.")
        return
    changing.tell(done, options)
    hosts.write_ssh_config(lab, fleet.known(lab))
    admin = Client(clouds.read(lab.clouds, clouds.ADMIN))
    wait_for(f"{name} has not reported", lambda: reports(admin, name))
    click.echo(f"{name} takes servers{f'; it stands in {lab.inventory / ADDED}' if written else ''}.")


def reports(admin: Client, name: str) -> bool:
    """Whether both agents of the host are up."""
    computes = admin.get("compute", "/os-services", {"binary": BINARY, "host": name})["services"]
    agents = admin.get("network", "/v2.0/agents", {"host": name})["agents"]
    return any(row["state"] == "up" for row in computes) and any(row["alive"] for row in agents)


def wait_for(what: str, done: Callable[[], bool]) -> None:
    """Ask again and again. Raises LabError past SECONDS."""
    end = time.monotonic() + SECONDS
    while not done():
        if time.monotonic() > end:
            raise LabError(f"{what} within {SECONDS:g} s: `./lab status` says why.")
        time.sleep(1)


def write_added(lab: Lab, change: Callable[[Inventory], Inventory]) -> bool:
    """Change the hosts that `add-compute` has added; whether anything changed. JSON, which is YAML too."""
    assert lab.inventory is not None
    if not lab.inventory.is_dir():
        raise LabError(
            f"{lab.inventory} is a single file, which is yours: put the host into its group compute, then name it alone."
        )
    file = lab.inventory / ADDED
    content = msgspec.json.decode(file.read_bytes()) if file.exists() else {}
    before: Inventory = content.get("all", {}).get("hosts", {})
    after = change(before)
    if after == before:
        return False
    if not after:
        file.unlink()
        return True
    whole = {"all": {"hosts": after, "children": {"compute": {"hosts": {name: {} for name in after}}}}}
    labs.replace(file, msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n", mode=0o644)
    return True


def drain(lab: Lab, name: str, *, undo: bool, check: bool) -> None:
    """No new servers for a host, and those that can move are moved. Raises LabError where some stay."""
    admin = Client(clouds.read(lab.clouds, clouds.ADMIN))
    service = service_of(admin, name)
    if undo:
        switch(admin, service, "enabled", check=check)
        click.echo(f"{name} {'would take' if check else 'takes'} new servers again.")
        return
    switch(admin, service, "disabled", check=check)
    click.echo(f"{name} {'would take' if check else 'takes'} no new servers.")
    staying = []
    for server in servers_on(admin, name):
        said = f"{server['name']} ({server['id']}, {server['status']})"
        reason = "it would be tried to move it" if check else move(admin, server)
        if reason is None:
            click.echo(f"moved  {said}")
        else:
            staying.append(said)
            click.echo(f"{'there' if check else 'stays'}  {said}: {reason}")
    if staying and not check:
        raise LabError(
            f"{len(staying)} servers stay on {name}: stop, delete, or recreate them elsewhere before you remove the host."
        )
    if not staying:
        click.echo(f"No server is on {name}.")


def service_of(admin: Client, name: str) -> dict[str, Any]:
    """The compute service of a host. Raises LabError where there is none."""
    rows: list[dict[str, Any]] = admin.get("compute", "/os-services", {"binary": BINARY}, version=API)["services"]
    for row in rows:
        if row["host"] == name:
            return row
    raise LabError(f"The lab has no compute host '{name}', only: {', '.join(row['host'] for row in rows) or 'none'}.")


def switch(admin: Client, service: dict[str, Any], status: str, *, check: bool) -> None:
    if service["status"] != status and not check:
        reason = {"disabled_reason": "drained by ./lab"} if status == "disabled" else {}
        admin.send("PUT", "compute", f"/os-services/{service['id']}", {"status": status, **reason}, version=API)


def switch_back(admin: Client, services: list[dict[str, Any]], name: str) -> str:
    """A host that stays takes servers as it did before. Where that can't be said to the API, a line that says how to."""
    try:
        for service in services:
            if service["status"] == "enabled":
                switch(admin, {**service, "status": "disabled"}, "enabled", check=False)
    except LabError:
        return f"\n{name} takes no new servers: `./lab drain {name} --undo` changes that."
    return ""


def servers_on(admin: Client, name: str) -> list[dict[str, Any]]:
    query: dict[str, str | int] = {"all_tenants": 1, "host": name, "limit": 500}
    return list(admin.pages("compute", "/servers/detail", "servers", query))


def move(admin: Client, server: dict[str, Any]) -> str | None:
    """Live-migrate a server to wherever there is room. None when it is gone from its host, else why it stays."""
    path = f"/servers/{server['id']}"
    if server["status"] not in ("ACTIVE", "PAUSED"):
        return "only running servers move while they run"
    try:
        body = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        admin.send("POST", "compute", f"{path}/action", body, version="2.30")
        home = server["OS-EXT-SRV-ATTR:host"]
        wait_for(
            f"{server['name']} has not moved",
            lambda: admin.get("compute", path)["server"]["OS-EXT-SRV-ATTR:host"] != home,
        )
    except ApiError as error:
        return "live migration is not there" if error.status in (400, 404, 501) else error.message
    except LabError as error:
        return error.message
    return None


def remove(lab: Lab, name: str, *, force: bool, options: Options) -> None:
    """Take a host out. Raises LabError where that would lose servers, unless forced."""
    lab = labs.with_inventory(lab)
    assert lab.inventory is not None
    admin = Client(clouds.read(lab.clouds, clouds.ADMIN))
    if name not in fleet.known(lab):
        raise LabError(f"{name} does not stand in the inventory {lab.inventory}.")
    services = admin.get("compute", "/os-services", {"binary": BINARY, "host": name}, version=API)["services"]
    there = servers_on(admin, name)
    if there and not force:
        names = ", ".join(server["name"] for server in there[:5]) + (" …" if len(there) > 5 else "")
        raise LabError(f"{len(there)} servers are on {name} ({names}): run `./lab drain {name}` first, or use --force.")
    for service in services:
        switch(admin, service, "disabled", check=options.check)
    try:
        done = changing.change(lab, [(REMOVE, {"remove_host": name, "remove_force": force})], options)
    except LabError as error:
        left = "" if options.check else switch_back(admin, services, name)
        raise LabError(error.message + left) from None
    changing.tell(done, options)
    if options.check:
        return
    forget(admin, name, [] if there else services)
    if there:
        click.echo(
            f"The record of {name} stays, disabled, as {len(there)} servers name it: delete them, then remove the host again."
        )
    if write_added(lab, lambda hosts_: {other: said for other, said in hosts_.items() if other != name}):
        click.echo(f"{name} is out of the lab, and of {lab.inventory / ADDED}.")
    else:
        click.echo(f"{name} is out of the lab. Take it out of {lab.inventory} too: the next `up` would bring it back.")


def is_gone(admin: Client, agent: dict[str, Any]) -> bool:
    """Whether a network agent is deleted; the service refuses it while it has heard of the agent lately."""
    try:
        admin.send("DELETE", "network", f"/v2.0/agents/{agent['id']}")
    except ApiError as error:
        if error.status != 409:
            raise
        return False
    return True


def forget(admin: Client, name: str, services: list[dict[str, Any]]) -> None:
    """Delete the rows of a host: agents, compute service, and what is left of it in placement."""
    for agent in admin.get("network", "/v2.0/agents", {"host": name})["agents"]:
        if not is_gone(admin, agent):
            click.echo(f"The agent of {name} counts as alive until its last report is old; that takes a minute.")
            wait_for(f"the agent of {name} was not taken for dead", partial(is_gone, admin, agent))
    for service in services:
        admin.send("DELETE", "compute", f"/os-services/{service['id']}", version=API)
    if services:
        for provider in admin.get("placement", "/resource_providers", {"name": name})["resource_providers"]:
            admin.send("DELETE", "placement", f"/resource_providers/{provider['uuid']}")
