"""The verbs that explain the network: options and help; what they do is in the package `network`."""

import re
from pathlib import Path

import click

from tinstack.lab import labs
from tinstack.lab.cli import JSON, lab, which_lab


@lab.group()
def network() -> None:
    """Explain the network."""


@network.command("show")
@click.argument("what", metavar="HOST|PORT")
@which_lab
@JSON
@click.option(
    "--traffic",
    default="tcp:22",
    show_default=True,
    metavar="PROTOCOL[:PORT]",
    help="What shall come in from outside, as in icmp or tcp:80.",
)
def show_network(what: str, inventory: str | None, state: Path | None, as_json: bool, traffic: str) -> None:
    """Show the path of a port hop by hop, and where a packet would be dropped.

    A port is named by its id, its name, one of its addresses, or its server; a host stands for all its guests' ports. What the
    network service wants is compared with what the hosts have: guest, tap, bridge, VXLAN, DHCP, router, address translation, floating
    IP, provider network, security groups, and firewalls that are not ours. Exit code 1 where a packet would be dropped.
    """
    from tinstack.lab.network.show import show

    if not re.fullmatch(r"icmp|(tcp|udp):\d{1,5}", traffic):
        raise click.UsageError(f"'{traffic}' is no traffic: write icmp, tcp:PORT or udp:PORT.")
    show(labs.to_look_at(inventory, state), what, traffic, as_json=as_json)
