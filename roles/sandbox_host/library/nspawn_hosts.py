#!/usr/bin/python
"""Ansible module: throw-away Debian hosts with systemd as PID 1, by systemd-nspawn on this machine.

Ours is what carries the project's name: folders in ``hosts.PROJECT``, cgroups ``PROJECT/NAME`` (units ``PROJECT-NAME`` where
systemd runs the machine) and overlay mounts whose source is ``PROJECT-NAME``. The union of the three is the list of known
hosts, so a lost pid file or half a folder hides nothing. Processes are found by cgroup, never by name.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.nspawn_runner import HostError, mounts, run, runner_of

DOCUMENTATION = r"""
module: nspawn_hosts
short_description: Have exactly these systemd-nspawn hosts of a project, or none
description:
  - A host that is as wanted and answers SSH is left alone; a dead, half-made or foreign one is removed and made anew.
  - Host keys are made before the first boot, so that known_hosts is complete and checking stays strict.
options:
  state:
    description: Whether there are hosts. C(restarted) ends those of O(hosts) and boots them again with what is on their disks.
    type: str
    choices: [started, restarted, absent]
    default: started
  orderly: {description: "With state restarted: shut them down, instead of cutting their power.", type: bool, default: true}
  project: {description: What makes a thing ours; also the prefix of the bridges., type: str, required: true}
  directory: {description: Where everything stands., type: path, required: true}
  hosts:
    description: The hosts that there are to be.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: At most 12 characters; its links are called vb-NAME and e-NAME., type: str, required: true}
      address: {description: In the management network., type: str, required: true}
      suite: {description: Which of O(bases) it is an overlay of., type: str, default: bookworm}
      user: {description: Who signs in. Another one than root has sudo, and root does not sign in., type: str, default: root}
  bases: {description: By suite, the roots that hosts are overlays of; needed to start one., type: dict}
  owner: {description: The lab that the hosts belong to; hosts of another one are stale., type: str, default: ""}
  gateway: {description: The machine's address in the management network., type: str}
  prefix: {description: Length of the management network's prefix., type: int, default: 24}
  timeout: {description: Seconds until a host must answer SSH., type: int, default: 40}
"""

EXAMPLES = r"""
- name: Have one host
  nspawn_hosts:
    project: tinlab
    directory: /var/lib/tinstack-sandbox
    bases: {bookworm: /var/lib/tinstack-sandbox/base}
    gateway: 10.77.0.1
    hosts: [{name: node1, address: 10.77.0.11}]
"""

RETURN = r"""
started: {description: Hosts that were made., type: list, returned: always}
removed: {description: Stale hosts that were removed., type: list, returned: always}
"""


QUIETLY = (
    "--quiet",
    "--register=no",
    "--keep-unit",
    "--settings=no",
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
)
"""nspawn leaves the machine's other services and the host's own files alone."""


USUAL = {"suite": "bookworm", "user": "root"}
"""What is not worth a word where a host is described: those made before there was a choice are as wanted."""

SHUT_DOWN_SECONDS = 120.0


class Sandbox:
    """The project's hosts."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.project: str = wanted["project"]
        self.directory = Path(wanted["directory"])
        self.folders = self.directory / f"hosts.{self.project}"
        self.known_hosts = self.directory / f"known_hosts.{self.project}"
        self.key = self.directory / "id_ed25519"
        self.runner = runner_of(self.project)

    def known(self) -> set[str]:
        """Every host of which anything is there."""
        ours = f"{self.project}-"
        mounted = {source.removeprefix(ours) for source, _, _ in mounts() if source.startswith(ours)}
        folders = {path.name for path in self.folders.glob("*/")}
        units: set[str] = self.runner.names()
        return folders | mounted | units

    def specification(self, host: dict[str, str]) -> str:
        """What decides whether a host that runs is the one that is wanted."""
        gateway, prefix = self.wanted["gateway"], self.wanted["prefix"]
        own = {key: value for key, value in host.items() if USUAL.get(key) != value}
        return json.dumps({**own, "owner": self.wanted["owner"], "gateway": gateway, "prefix": prefix}, sort_keys=True)

    def healthy(self) -> set[str]:
        """The wanted hosts that run as wanted and answer SSH now."""
        running = []
        for host in self.wanted["hosts"]:
            folder = self.folders / host["name"]
            with contextlib.suppress(OSError):
                same = (folder / "host.json").read_text() == self.specification(host)
                if same and self.runner.leader(host["name"], folder / "root"):
                    running.append(host)
        return self.answering(running, 5)

    def answering(self, hosts: list[dict[str, str]], seconds: float, *, keep: bool = False) -> set[str]:
        """Those of the hosts that let us in by SSH within the time; they are asked side by side. ``keep``: their keys are known."""
        if hosts and not keep:
            self._write_known_hosts(hosts)
        end = time.monotonic() + seconds
        answered: set[str] = set()
        while time.monotonic() < end and len(answered) < len(hosts):
            asked = {host["name"]: self._ask(host) for host in hosts if host["name"] not in answered}
            answered |= {name for name, process in asked.items() if process.wait() == 0}
            if len(answered) < len(hosts):
                time.sleep(0.1)
        return answered

    def _ask(self, host: dict[str, str]) -> subprocess.Popen[bytes]:
        strict = (
            f"-oUserKnownHostsFile={self.known_hosts} -oStrictHostKeyChecking=yes -oBatchMode=yes -oConnectTimeout=2"
        )
        argv = [
            "ssh",
            "-n",
            "-F",
            "none",
            "-i",
            str(self.key),
            *strict.split(),
            f"{host['user']}@{host['address']}",
            "true",
        ]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def _write_known_hosts(self, hosts: list[dict[str, str]]) -> None:
        keys = {host["name"]: self.folders / host["name"] / "ssh_host_ed25519_key.pub" for host in hosts}
        made = [(host, keys[host["name"]]) for host in hosts if keys[host["name"]].exists()]
        text = "".join(f"{host['name']},{host['address']} {key.read_text()}" for host, key in made)
        if not self.known_hosts.exists() or self.known_hosts.read_text() != text:
            temporary = self.known_hosts.with_suffix(".new")
            temporary.write_text(text)
            temporary.rename(self.known_hosts)

    def start(self, host: dict[str, str]) -> None:
        """Overlay, names, keys, network files; then boot."""
        name, folder = host["name"], self.folders / host["name"]
        root = folder / "root"
        for part in ("upper", "work", "root"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={self.wanted['bases'][host['suite']]},upperdir={folder}/upper,workdir={folder}/work"
        run("mount", "-t", "overlay", f"{self.project}-{name}", "-o", layers, str(root))
        self._dress(host, folder, root)
        self._boot(name, folder)
        (folder / "host.json").write_text(self.specification(host))

    def restart(self, name: str, orderly: bool) -> None:
        """End a host, as by its power button or by its plug, and boot it with the disk that it has."""
        folder = self.folders / name
        if not (folder / "host.json").exists():
            raise HostError(f"There is no host {name} to restart.")
        if orderly:
            self._shut_down(name, folder / "root")
        self.runner.kill(name)
        self._unplug(name)
        self._boot(name, folder)

    def _shut_down(self, name: str, root: Path) -> None:
        """nspawn takes SIGTERM for the power button."""
        end = time.monotonic() + SHUT_DOWN_SECONDS
        leader = self.runner.leader(name, root)
        if leader:
            os.kill(leader, signal.SIGTERM)
        while self.runner.leader(name, root):
            if time.monotonic() > end:
                raise HostError(f"{name} does not shut down; its console says:\n{console_end(root.parent)}")
            time.sleep(0.1)

    def _boot(self, name: str, folder: Path) -> None:
        root = folder / "root"
        argv = [
            "systemd-nspawn",
            *QUIETLY,
            f"--directory={root}",
            f"--machine={name}",
            f"--network-bridge={self.project}0",
            f"--network-veth-extra=e-{name}:ext0",
            *("--capability=all", "--system-call-filter=@keyring bpf @mount @module"),
            *("--bind=/dev/net/tun", "--bind=/dev/fuse"),
            *("--console=read-only", "--boot"),
        ]
        # libvirt needs the unified hierarchy; agents set sysctls of the network below /proc/sys.
        environment = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
        self.runner.start(name, argv, environment, folder / "console.log")
        self._plug(name, folder)

    def _dress(self, host: dict[str, str], folder: Path, root: Path) -> None:
        name = host["name"]
        (root / "etc/hostname").write_text(f"{name}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{host['address']} {name}\n")
        key = root / "etc/ssh/ssh_host_ed25519_key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key))
        shutil.copy(key.with_suffix(".pub"), folder)
        network = root / "etc/systemd/network"
        quiet = "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
        address, gateway = f"{host['address']}/{self.wanted['prefix']}", self.wanted["gateway"]
        management = f"[Match]\nName=host0\n[Network]\nAddress={address}\nGateway={gateway}\n{quiet}"
        # The network agent puts this link into a bridge of its own; networkd is to leave it there.
        provider = f"[Match]\nName=ext0\n[Link]\nRequiredForOnline=no\n[Network]\nKeepMaster=yes\n{quiet}"
        (network / "10-host0.network").write_text(management)
        (network / "10-ext0.network").write_text(provider)
        if host["user"] != "root":
            self._dress_for(host["user"], root)

    def _dress_for(self, user: str, root: Path) -> None:
        """Who signs in instead of root, as on most installed machines: a user with sudo. The key is handed over."""
        run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", user)
        sudoers = root / f"etc/sudoers.d/{user}"
        sudoers.write_text(f"{user} ALL=(ALL:ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
        (root / "etc/ssh/sshd_config.d/05-no-root.conf").write_text("PermitRootLogin no\n")
        shutil.move(root / "root/.ssh", root / "home" / user)
        run("chroot", str(root), "chown", "--recursive", f"{user}:", f"/home/{user}/.ssh")

    def _plug(self, name: str, folder: Path) -> None:
        """The host's second link is on the machine's side of nspawn a moment after it starts; put it on the provider bridge."""
        link = Path(f"/sys/class/net/e-{name}")
        end = time.monotonic() + 10
        while not link.exists():
            if time.monotonic() > end:
                raise HostError(f"{name} did not start; its console says:\n{console_end(folder)}")
            time.sleep(0.02)
        run("ip", "link", "set", link.name, "master", f"{self.project}1", "up")

    def forget(self) -> None:
        """Remove what is kept beside the hosts; the lock goes last, by the one who holds it."""
        for folder in (self.folders, self.directory / f"ssh.{self.project}"):
            shutil.rmtree(folder, ignore_errors=True)
        self.known_hosts.unlink(missing_ok=True)
        (self.directory / f"lock.{self.project}").unlink()

    def disconnect(self) -> None:
        """Close the SSH connections that plays keep open: those to a host that goes would hang."""
        for socket in (self.directory / f"ssh.{self.project}").glob("*"):
            goodbye = ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "host"]
            subprocess.run(goodbye, capture_output=True, check=False)
            socket.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Processes, links, mounts, cgroups, folder: in this order, as each holds the next."""
        folder = self.folders / name
        self.runner.kill(name)
        self._unplug(name)
        places = [
            (source == f"{self.project}-{name}" or place.startswith(f"{folder}/"), place)
            for source, place, _ in mounts()
        ]
        for place in reversed([place for ours, place in places if ours]):
            if subprocess.run(["umount", place], capture_output=True, check=False).returncode:
                run("umount", "--lazy", place)
        if folder.exists():
            shutil.rmtree(folder)

    def _unplug(self, name: str) -> None:
        for link in (f"e-{name}", f"vb-{name}"):
            if Path(f"/sys/class/net/{link}").exists():
                # It may be going at this moment, with its other end.
                subprocess.run(["ip", "link", "del", link], capture_output=True, check=False)


def console_end(folder: Path) -> str:
    """The last lines that a host wrote to its console."""
    with contextlib.suppress(OSError):
        return "\n".join((folder / "console.log").read_text(errors="replace").splitlines()[-15:])
    return "(nothing)"


@contextlib.contextmanager
def locked(directory: Path, project: str) -> Iterator[None]:
    """One at a time for each project; the file's descriptor is not inherited by hosts."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"lock.{project}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bring_about(sandbox: Sandbox, check: bool) -> dict[str, Any]:
    """Remove what is stale, start what is missing, wait until it answers."""
    hosts = {host["name"]: host for host in sandbox.wanted["hosts"]}
    healthy = sandbox.healthy()
    stale, missing = sorted(sandbox.known() - healthy), [host for name, host in hosts.items() if name not in healthy]
    result = {"changed": bool(stale or missing), "removed": stale, "started": [host["name"] for host in missing]}
    if sandbox.wanted["state"] == "absent":
        result["changed"] = bool(stale) or sandbox.known_hosts.exists()
    if check:
        return result
    if stale:
        sandbox.disconnect()
    for name in stale:
        sandbox.remove(name)
    if sandbox.wanted["state"] == "absent":
        sandbox.forget()
        return result
    for host in missing:
        sandbox.start(host)
    answered = sandbox.answering(list(hosts.values()), sandbox.wanted["timeout"]) if missing else healthy
    for name in sorted(hosts.keys() - answered):
        raise HostError(f"{name} does not answer SSH; its console says:\n{console_end(sandbox.folders / name)}")
    return result


def restart(sandbox: Sandbox, check: bool) -> dict[str, Any]:
    """End the named hosts, boot them again, wait until they answer."""
    hosts = sandbox.wanted["hosts"]
    result = {"changed": True, "removed": [], "started": [host["name"] for host in hosts]}
    if check:
        return result
    sandbox.disconnect()
    for host in hosts:
        sandbox.restart(host["name"], sandbox.wanted["orderly"])
    answered = sandbox.answering(hosts, sandbox.wanted["timeout"], keep=True)
    for name in sorted({host["name"] for host in hosts} - answered):
        raise HostError(f"{name} does not answer SSH; its console says:\n{console_end(sandbox.folders / name)}")
    return result


def main() -> None:
    """Check the arguments, then do it under the project's lock."""
    host_spec = {
        "name": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        **{name: {"type": "str", "default": value} for name, value in USUAL.items()},
    }
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["started", "restarted", "absent"], "default": "started"},
            "orderly": {"type": "bool", "default": True},
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "hosts": {"type": "list", "elements": "dict", "default": [], "options": host_spec},
            "bases": {"type": "dict"},
            "owner": {"type": "str", "default": ""},
            "gateway": {"type": "str"},
            "prefix": {"type": "int", "default": 24},
            "timeout": {"type": "int", "default": 40},
        },
        required_if=[["state", "started", ["bases", "gateway", "hosts"]], ["state", "restarted", ["hosts"]]],
        supports_check_mode=True,
    )
    wanted = dict(module.params)
    if wanted["state"] == "absent":
        wanted["hosts"] = []
    directory = Path(wanted["directory"])
    if not directory.exists() and (module.check_mode or wanted["state"] == "absent"):
        names = [host["name"] for host in wanted["hosts"]]
        module.exit_json(changed=bool(names), removed=[], started=names)
    try:
        with locked(directory, wanted["project"]):
            work = restart if wanted["state"] == "restarted" else bring_about
            module.exit_json(**work(Sandbox(wanted), module.check_mode))
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
