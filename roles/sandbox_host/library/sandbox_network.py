#!/usr/bin/python
"""Ansible module: the sandbox's side of the machine's network: two bridges, one nft table, IP forwarding.

Every project writes ``network.PROJECT`` with the value that IP forwarding had before the first of them, and the last one
to go gives it back.
"""

import ipaddress
import json
import shutil
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: sandbox_network
short_description: Have the two bridges of a sandbox, with a way out, or not
options:
  state: {description: Whether they are there., type: str, choices: [present, absent], default: present}
  project: {description: Prefix of the bridges and name of the nft table., type: str, required: true}
  directory: {description: Where it is noted how IP forwarding was before., type: path, required: true}
  management: {description: "Subnet of PROJECT0; the machine has its first address.", type: str}
  provider: {description: "Subnet of PROJECT1, where floating IPs are; the machine has its first address.", type: str}
"""

EXAMPLES = r"""
- name: Have the bridges
  sandbox_network: {project: tinlab, directory: /var/lib/tinstack-sandbox, management: 10.77.0.0/24, provider: 10.78.0.0/24}
"""

RETURN = r"""
done: {description: What was (or would be) changed., type: list, returned: always}
"""

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")

TABLE = """
table ip {project}
delete table ip {project}
table ip {project} {{
  chain post {{
    type nat hook postrouting priority srcnat
    ip saddr {{ {nets} }} ip daddr != {{ {nets} }} masquerade
  }}
}}
"""


class NetworkError(Exception):
    """The machine's network does not let us; the message says why."""


def command(*argv: str, stdin: str = "") -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NetworkError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def table_of(project: str) -> str:
    """The project's nft table as text; empty where there is none, or no nft yet."""
    if not shutil.which("nft"):
        return ""
    done = subprocess.run(["nft", "list", "table", "ip", project], capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout


def addresses() -> dict[str, list[ipaddress.IPv4Interface]]:
    """IPv4 addresses of every link of the machine."""
    links = json.loads(command("ip", "-j", "-4", "address"))
    return {
        link["ifname"]: [ipaddress.IPv4Interface(f"{a['local']}/{a['prefixlen']}") for a in link.get("addr_info", [])]
        for link in links
    }


class Network:
    """The network of one project."""

    def __init__(self, project: str, directory: Path, subnets: list[ipaddress.IPv4Network]) -> None:
        self.project = project
        self.note = directory / f"network.{project}"
        self.bridges = dict(zip((f"{project}0", f"{project}1"), subnets, strict=False))

    def missing(self) -> list[str]:
        """What is to be made."""
        there = addresses()
        steps = [bridge for bridge, subnet in self.bridges.items() if first(subnet) not in there.get(bridge, [])]
        for bridge, subnet in self.bridges.items():
            taken = [
                link
                for link, found in there.items()
                if link != bridge and any(a.network.overlaps(subnet) for a in found)
            ]
            if taken:
                raise NetworkError(f"The subnet {subnet} is in use on {taken[0]}: give the sandbox another one.")
        if not self._has_table():
            steps.append("nft table")
        if not self.note.exists() or FORWARD.read_text().strip() != "1":
            steps.append("ip_forward")
        return steps

    def make(self, steps: list[str]) -> None:
        """Make what is missing."""
        if "ip_forward" in steps:
            self._note_forwarding()
            FORWARD.write_text("1")
        for bridge, subnet in self.bridges.items():
            if bridge in steps:
                if not Path(f"/sys/class/net/{bridge}").exists():
                    command("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
                command("ip", "address", "replace", str(first(subnet)), "dev", bridge)
                command("ip", "link", "set", bridge, "up")
        if "nft table" in steps:
            nets = ", ".join(str(subnet) for subnet in self.bridges.values())
            command("nft", "-f", "-", stdin=TABLE.format(project=self.project, nets=nets))

    def _has_table(self) -> bool:
        listed = table_of(self.project)
        return "masquerade" in listed and all(str(subnet) in listed for subnet in self.bridges.values())

    def _note_forwarding(self) -> None:
        """Of several projects the first one saw the machine as it was; a note without its bridge is of an earlier boot."""
        others = [note for note in self.note.parent.glob("network.*") if note != self.note]
        alive = [note for note in others if Path(f"/sys/class/net/{note.suffix[1:]}0").exists()]
        if alive:
            self.note.write_text(alive[0].read_text())
        elif not (self.note.exists() and Path(f"/sys/class/net/{self.project}0").exists()):
            self.note.parent.mkdir(parents=True, exist_ok=True)
            self.note.write_text(FORWARD.read_text())

    def present(self) -> list[str]:
        """What is to be removed."""
        links = [f"{self.project}{number}" for number in (0, 1)]
        steps = [link for link in links if Path(f"/sys/class/net/{link}").exists()]
        if table_of(self.project):
            steps.append("nft table")
        if self.note.exists():
            steps.append("ip_forward")
        return steps

    def remove(self, steps: list[str]) -> None:
        """Remove what is there."""
        for step in steps:
            if step == "nft table":
                command("nft", "delete", "table", "ip", self.project)
            elif step == "ip_forward":
                if len(list(self.note.parent.glob("network.*"))) == 1:
                    FORWARD.write_text(self.note.read_text())
                self.note.unlink()
            else:
                command("ip", "link", "del", step)


def first(subnet: ipaddress.IPv4Network) -> ipaddress.IPv4Interface:
    """The machine's own address in a subnet."""
    return ipaddress.IPv4Interface(f"{subnet.network_address + 1}/{subnet.prefixlen}")


def main() -> None:
    """Compare the machine with what is wanted and make the difference."""
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "management": {"type": "str"},
            "provider": {"type": "str"},
        },
        required_if=[["state", "present", ["management", "provider"]]],
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        subnets = [ipaddress.IPv4Network(wanted[key]) for key in ("management", "provider") if wanted[key]]
        network = Network(wanted["project"], Path(wanted["directory"]), subnets)
        make = wanted["state"] == "present"
        steps = network.missing() if make else network.present()
        if not module.check_mode:
            (network.make if make else network.remove)(steps)
    except (NetworkError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(steps), done=steps)


if __name__ == "__main__":
    main()
