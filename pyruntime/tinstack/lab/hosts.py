"""How one logs in to a lab's hosts: what the inventory tells Ansible, as an ssh_config(5)."""

import os
import shlex
from itertools import pairwise
from typing import Any, NoReturn

from tinstack.lab import plays
from tinstack.lab.labs import Lab, replace
from tinstack.lab.words import LabError

CONNECTION = """{
    'address': ansible_host | default(tinstack_address | default(inventory_hostname)
        if ansible_connection | default('ssh') == 'local' else inventory_hostname),
    'internal': tinstack_address | default(ansible_host | default(inventory_hostname)),
    'user': ansible_user | default(''),
    'port': ansible_port | default(22),
    'key': ansible_ssh_private_key_file | default(''),
    'arguments': [ansible_ssh_common_args | default(''), ansible_ssh_extra_args | default('')] | join(' '),
    'groups': group_names,
    'local': ansible_connection | default('ssh') == 'local',
    'allowed': verify_allowed_ports | default([]),
    'migration': libvirt_migration | default(false) | bool,
}"""
"""What is asked of the inventory for each host; templates in it are resolved by Ansible."""


def inquire(lab: Lab) -> dict[str, dict[str, Any]]:
    """Name, connection and groups of each host of the lab's inventory."""
    return plays.ask(lab, " ".join(CONNECTION.split()))


GUESTS = "# Guests\n"
"""The line between hosts and guests of an ssh_config."""


def write_ssh_config(lab: Lab, hosts: dict[str, dict[str, Any]], *, guests: bool = True) -> None:
    """The hosts; ``guests``: whether the guests that it names are there still."""
    there = lab.ssh_config.read_text() if guests and lab.ssh_config.exists() else ""
    _, line, kept = there.partition(GUESTS)
    replace(lab.ssh_config, "\n".join(stanza(name, host) for name, host in hosts.items()) + line + kept)


def add_guest(lab: Lab, name: str, address: str) -> None:
    """One more `Host`: the demo guest by its floating IP. Its key is new with each guest, so it is learnt at the first log-in."""
    known = lab.state / "known_guests"
    known.unlink(missing_ok=True)
    host = {
        "address": address,
        "port": 22,
        "user": "root",
        "key": str(lab.state / "demo_key"),
        "arguments": f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={shlex.quote(str(known))} -o LogLevel=ERROR",
    }
    replace(lab.ssh_config, lab.ssh_config.read_text().partition(GUESTS)[0] + GUESTS + stanza(name, host))


def stanza(name: str, host: dict[str, Any]) -> str:
    """One `Host` of an ssh_config: the same connection that Ansible makes."""
    lines = [f"Host {name}", f"  HostName {host['address']}", f"  Port {host['port']}"]
    if host["user"]:
        lines.append(f"  User {host['user']}")
    if host["key"]:
        lines += [f"  IdentityFile {quoted(host['key'])}", "  IdentitiesOnly yes"]
    lines += [f"  {key} {quoted(value)}" for key, value in options(host["arguments"])]
    return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def options(arguments: str) -> list[tuple[str, str]]:
    """The `-o Key=Value` among ssh's arguments."""
    words = shlex.split(arguments)
    given = [following for word, following in pairwise(words) if word == "-o"]
    given += [word[2:] for word in words if word.startswith("-o") and word != "-o"]
    return [(key, value) for key, _, value in (option.partition("=") for option in given) if value]


def log_in(lab: Lab, host: str, command: tuple[str, ...]) -> NoReturn:
    """Become ssh to a host of the lab."""
    if not lab.ssh_config.exists():
        raise LabError(f"The lab '{lab.name}' has no hosts to log in to: `./lab up` makes one that has.")
    known = [line.split()[1] for line in lab.ssh_config.read_text().splitlines() if line.startswith("Host ")]
    if host not in known:
        raise LabError(f"The lab '{lab.name}' has no host or guest '{host}' to log in to, only: {', '.join(known)}.")
    os.execvp("ssh", ["ssh", "-F", str(lab.ssh_config), host, *command])
