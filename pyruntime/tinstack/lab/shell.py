"""`env`: what a shell must know so that `openstack` and `ansible-playbook` speak to a lab, as lines to evaluate."""

import os
import shlex
from pathlib import Path

from tinstack.lab import clouds, labs
from tinstack.lab.labs import Lab

COMMANDS = ("ansible", "ansible-inventory", "ansible-playbook", "ansible-vault", "molecule", "openstack")
"""Programs of the tools' environment that are put on the path, and no others: its Python stays out of the way."""


def lines(lab: Lab) -> list[str]:
    """Assignments for a POSIX shell. Credentials in other variables would win over the file, so they are unset."""
    known = clouds.read_all(lab.clouds)
    kept = {"OS_CLOUD", "OS_CLIENT_CONFIG_FILE"}
    found = [f"unset {name}" for name in sorted(os.environ) if name.startswith("OS_") and name not in kept]
    found.append(f"export OS_CLIENT_CONFIG_FILE={shlex.quote(str(lab.clouds))}")
    found.append(f"export OS_CLOUD={clouds.MEMBER if clouds.MEMBER in known else clouds.ADMIN}")
    tools = os.environ.get("TINSTACK_TOOLS")
    if tools and Path(tools).is_dir():
        folder = write_commands(Path(tools) / "bin", labs.states() / "bin")
        if str(folder) not in os.environ.get("PATH", "").split(":"):
            found.append(f"export PATH={shlex.quote(str(folder))}:$PATH")
    return found


def write_commands(tools: Path, folder: Path) -> Path:
    """Make the programs callable from anywhere: each a line that finds the repository's plugins and configuration."""
    folder.mkdir(exist_ok=True)
    settings = f"PYTHONPATH={shlex.quote(str(labs.ROOT / 'pyruntime'))} ANSIBLE_CONFIG={shlex.quote(str(labs.ROOT / 'ansible.cfg'))}"
    for name in COMMANDS:
        script = f'#!/bin/sh\n{settings} exec {shlex.quote(str(tools / name))} "$@"\n'
        labs.replace(folder / name, script, mode=0o755)
    return folder
