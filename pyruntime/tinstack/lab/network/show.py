"""`network show`: asks the network service and the hosts, and says where a packet would be dropped."""

from typing import Any

import click
import msgspec

from tinstack.lab import clouds, words
from tinstack.lab.client import Client
from tinstack.lab.fleet import Fleet, Host
from tinstack.lab.labs import Lab
from tinstack.lab.network import rows as wanted
from tinstack.lab.network.hop import BROKEN, NOTE, Hop, broken
from tinstack.lab.network.path import Path
from tinstack.lab.network.rows import DHCP, Row, Rows
from tinstack.lab.network.seen import Seen
from tinstack.lab.onhost import wires
from tinstack.lab.words import LabError

SECONDS = 20.0
"""How long a host may take for all of it."""


class Shown(msgspec.Struct, frozen=True):
    """The path of one port. ``verdict``: the first break in one sentence, or that there is none."""

    port: str
    healthy: bool
    verdict: str
    hops: list[Hop]


def show(lab: Lab, name: str, traffic: str, *, as_json: bool) -> None:
    """Of a port, or of all guests' ports of a host. Raises LabError where a packet would be dropped."""
    admin, fleet = Client(clouds.read(lab.clouds, clouds.ADMIN)), Fleet(lab)
    rows = wanted.fetch(admin)
    if name in fleet.hosts:
        ports = [one for one in rows.on_host(name) if not str(one["device_owner"]).startswith("network:")]
    else:
        ports = [wanted.find_port(rows, admin, name)]
    seen, silent = look(fleet, rows, ports, name if name in fleet.hosts else None)
    found = [explained(Path(rows, seen, silent, port, traffic).hops(), port) for port in ports]
    if name in fleet.hosts:
        found.append(of_host(name, seen, silent))
    if as_json:
        words.show_json(found if name in fleet.hosts else found[0])
    else:
        for one in found:
            printed(one, brief=name in fleet.hosts)
    broken = [one.verdict for one in found if not one.healthy]
    if broken:
        raise LabError(
            broken[0] if len(found) == 1 else f"{len(broken)} of {len(found)} are broken; first: {broken[0]}"
        )


def look(fleet: Fleet, rows: Rows, ports: list[Row], host: str | None) -> tuple[dict[str, Seen], dict[str, str]]:
    """Every host that one of the ports' networks reaches, all at once; each is asked for what it should have of them."""
    networks = sorted({port["network_id"] for port in ports})
    routers = {
        one["device_id"] for port in networks for one in rows.of_network(port) if one["device_id"] in rows.routers
    }
    hosts = {one for network in networks for one in rows.hosts_of(network)} | ({host} if host else set())
    hosts |= {one["binding:host_id"] for one in rows.ports.values() if one["device_id"] in routers}

    def ask(one: Host) -> Seen:
        said = b"".join(one.run(wires, asked(rows, ports, networks, sorted(routers), one.name), SECONDS))
        return msgspec.json.decode(said, type=Seen)

    there = sorted(hosts & fleet.hosts.keys())
    answers = fleet.each(ask, there) if there else None
    return (answers.found, answers.failed) if answers else ({}, {})


def asked(rows: Rows, ports: list[Row], networks: list[str], routers: list[str], host: str) -> dict[str, Any]:
    """What one host is asked for."""
    served = [
        one
        for network in networks
        for one in rows.of_network(network)
        if one["device_owner"] == DHCP and one["binding:host_id"] == host
    ]
    arp = [
        {"space": f"dhcp-{own['network_id']}", "device": device(own), "address": one["ip_address"]}
        for own in served[:1]
        for port in ports[:1]
        if port["network_id"] == own["network_id"]
        for one in port["fixed_ips"]
        if ":" not in one["ip_address"]
    ]
    spaces = [f"router-{one}" for one in routers] + [f"dhcp-{one['network_id']}" for one in served]
    guests = any(port["binding:host_id"] == host for port in ports)
    return {"spaces": spaces, "dhcp": [one["network_id"] for one in served], "guests": guests, "arp": arp}


def device(port: Row) -> str:
    """The end of a DHCP server's port in its namespace."""
    return f"tap{port['id'][:11]}"


def explained(hops: list[Hop], port: Row) -> Shown:
    broken = next((one for one in hops if one.state == BROKEN), None)
    noted = next((one for one in hops if one.state == NOTE), None)
    verdict = (
        broken.message if broken else f"Nothing on the path drops a packet{f', but: {noted.message}' if noted else '.'}"
    )
    return Shown(f"{port['id']} ({wanted.addresses(port)})", broken is None, verdict, hops)


def of_host(host: str, seen: dict[str, Seen], silent: dict[str, str]) -> Shown:
    """What concerns all of a host's ports."""
    hops = [broken("host", host, silent[host])] if host in silent else []
    if here := seen.get(host):
        if here.agent not in ("active", ""):
            hops.append(
                broken("agent", host, f"The network agent on {host} is {here.agent}: what changes is not wired.")
            )
        hops += [
            broken("firewall", host, f"A firewall on {host} that is not ours may drop packets: {said}.")
            for said in here.foreign
        ]
    return Shown(
        f"host {host}", not hops, hops[0].message if hops else "Nothing on the host itself drops a packet.", hops
    )


def printed(shown: Shown, *, brief: bool) -> None:
    click.echo(f"{shown.port}: {shown.verdict}" if brief else shown.port)
    if brief and shown.healthy:
        return
    made = words.table("hop", "host", "", "")
    for one in shown.hops:
        style = {"broken": "red", "note": "yellow"}.get(one.state)
        made.add_row(one.hop, one.host, {"broken": "BROKEN"}.get(one.state, one.state), one.message, style=style)
    words.show_table(made)
    if not brief:
        click.echo(shown.verdict)
