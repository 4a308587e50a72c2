#!/usr/bin/python
"""Ansible module: a systemd unit that is enabled, runs, and runs with what is on disk now."""

import datetime
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: systemd_unit
short_description: Have a unit enabled and running with the files that it reads
description:
  - Restarts the unit when one of O(restart_on) is newer than its process, reloads it when one of O(reload_on) is newer
    than its last start or reload, starts it when it does not run, and otherwise leaves it alone.
  - What is to be done follows from what is there, not from what an earlier task of this run changed. So a run that was
    interrupted between writing a file and restarting its reader is made good by the next one.
  - A socket is opened in the same way; the service that it starts is stopped first, as it would not take it.
  - A unit that does not come up fails the task with the end of its journal.
options:
  name: {description: The unit, with its suffix., type: str, required: true}
  enabled: {description: Whether it starts at boot., type: bool, default: true}
  restart_on:
    description: Files and directories that the process reads when it starts. Those that are missing are left out.
    type: list
    elements: path
    default: []
  reload_on:
    description: Files that C(systemctl reload) makes the unit read again.
    type: list
    elements: path
    default: []
  beside:
    description: Patterns of further units whose files are written with this one's; systemd reads all again where one is stale.
    type: list
    elements: str
    default: []
  instead_of:
    description: Units whose place this one takes. They are stopped and disabled and their files removed before it starts.
    type: list
    elements: str
    default: []
  journal_lines: {description: How much of the journal a failure shows., type: int, default: 30}
"""

EXAMPLES = r"""
- name: Run the broker with its definitions
  systemd_unit:
    name: rabbitmq-server.service
    restart_on: [/etc/rabbitmq/rabbitmq.conf]
    reload_on: [/etc/rabbitmq/definitions.json]
"""

RETURN = r"""
actions:
  description: What was (or, in check mode, would be) asked of systemd, in order.
  type: list
  returned: always
unit: {description: The unit., type: str, returned: always}
replaced: {description: The units whose place it took., type: list, returned: always}
"""

SYSTEM = Path("/etc/systemd/system")

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    "DropInPaths",
    "ExecMainStartTimestamp",
    "ActiveEnterTimestamp",
    "StateChangeTimestamp",
    "Triggers",
)


class Unit:
    """What systemd says of one unit."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        self.module = module
        self.name = name
        self.shown: dict[str, str] = {}

    def systemctl(self, *arguments: str) -> tuple[int, str]:
        """Run systemctl; its exit code and everything it said."""
        code, out, err = self.module.run_command(["systemctl", *arguments])
        return code, out + err

    def look(self, beside: list[str]) -> None:
        """Ask for the properties that decide."""
        _, out = self.systemctl("show", self.name, "--timestamp=us+utc", "--property=" + ",".join(PROPERTIES))
        self.shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        if beside:
            _, out = self.systemctl("show", "--property=NeedDaemonReload", *beside)
            if "NeedDaemonReload=yes" in out:
                self.shown["NeedDaemonReload"] = "yes"

    def journal(self, lines: int) -> str:
        """The end of what the unit said."""
        shown = ["--no-pager", "--output=short-precise", f"--lines={lines}", f"--unit={self.name}"]
        _, out, _ = self.module.run_command(["journalctl", *shown])
        return str(out)

    @property
    def active(self) -> bool:
        """Whether it runs; a unit that is just starting or restarting itself is not taken for running."""
        return self.shown.get("ActiveState") in ("active", "reloading")

    def time(self, name: str) -> float:
        """A timestamp in seconds since the epoch; 0 where there is none."""
        text = self.shown.get(name, "")
        if not text:
            return 0.0
        stamp = datetime.datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S.%f UTC")
        return stamp.replace(tzinfo=datetime.UTC).timestamp()


def take_place(unit: Unit, others: list[str]) -> None:
    """Stop units, all at once, and leave nothing of them. Raises RuntimeError."""
    code, said = unit.systemctl("disable", "--now", *others)
    if code:
        raise RuntimeError(f"{', '.join(others)} could not be stopped: {said.strip()}")
    for name in others:
        SYSTEM.joinpath(name).unlink()
    unit.systemctl("daemon-reload")
    unit.systemctl("reset-failed", *others)


def newest(paths: list[str]) -> float:
    """The time of the latest change among the paths that exist."""
    return max((os.stat(path).st_mtime for path in paths if os.path.exists(path)), default=0.0)


def plan(unit: Unit, wanted: dict[str, Any]) -> list[str]:
    """The systemctl verbs that bring the unit from what it is to what is wanted."""
    verbs = []
    started = unit.time("ExecMainStartTimestamp") or unit.time("ActiveEnterTimestamp")  # a socket has no process
    # A unit file that is newer than the process shows as NeedDaemonReload only until someone reloads.
    unit_files = [str(SYSTEM / unit.name), str(SYSTEM / f"{unit.name}.d")]
    stale = unit.shown.get("NeedDaemonReload") == "yes" or unit.shown.get("LoadState") == "not-found"
    # A folder of drop-ins that is new is not looked for until then, so it does not count as a change either.
    drop_ins = {str(path) for path in Path(unit_files[1]).glob("*.conf")}
    if stale or drop_ins - set(unit.shown.get("DropInPaths", "").split()):
        verbs.append("daemon-reload")
    if wanted["enabled"] != (unit.shown.get("UnitFileState") in ("enabled", "static", "indirect")):
        verbs.append("enable" if wanted["enabled"] else "disable")
    if not unit.active:
        verbs.append("start")
    elif newest([*wanted["restart_on"], *unit_files]) > started:
        verbs.append("restart")
    elif newest(wanted["reload_on"]) > max(started, unit.time("StateChangeTimestamp")):
        verbs.append("reload")
    return verbs


def main() -> None:
    """Look, plan, act, and show the journal where that does not help."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "enabled": {"type": "bool", "default": True},
            "restart_on": {"type": "list", "elements": "path", "default": []},
            "reload_on": {"type": "list", "elements": "path", "default": []},
            "beside": {"type": "list", "elements": "str", "default": []},
            "instead_of": {"type": "list", "elements": "str", "default": []},
            "journal_lines": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    unit = Unit(module, module.params["name"])
    replaced = [name for name in module.params["instead_of"] if SYSTEM.joinpath(name).exists()]
    if replaced and not module.check_mode:
        try:
            take_place(unit, replaced)
        except RuntimeError as error:
            module.fail_json(msg=str(error))
    unit.look(module.params["beside"])
    verbs = plan(unit, module.params)
    done = {"changed": bool(verbs or replaced), "actions": verbs, "unit": unit.name, "replaced": replaced}
    if module.check_mode:
        module.exit_json(**done)
    for verb in verbs:
        if verb == "start" and unit.shown.get("ActiveState") == "failed":
            unit.systemctl("reset-failed", unit.name)
        if verb in ("start", "restart") and unit.name.endswith(".socket"):
            unit.systemctl("stop", *unit.shown.get("Triggers", "").split())
        code, said = unit.systemctl(verb, *([] if verb == "daemon-reload" else [unit.name]))
        if code:
            journal = unit.journal(module.params["journal_lines"])
            module.fail_json(
                msg=f"{unit.name}: systemctl {verb} failed. {said.strip()}\nThe end of its journal:\n{journal}"
            )
    module.exit_json(**done)


if __name__ == "__main__":
    main()
