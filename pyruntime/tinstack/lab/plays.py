"""Running playbooks through ansible-runner: events to the one who shows them, output to a log, an outcome at the end.

Needs the tools' environment. Source: ansible-runner, "Using Runner as a Python module interface".
"""

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinstack.lab.children import TETHER, passing_signals_on
from tinstack.lab.labs import ROOT, Lab

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

Event = dict[str, Any]
Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed for good on a host."""

    host: str
    task: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """How a playbook ended. `changed` counts tasks over all hosts."""

    succeeded: bool = False
    interrupted: bool = False
    changed: int = 0
    changes: list[tuple[str, str]] = field(default_factory=list)
    """Host and task of what was (or, in check mode, would be) changed, in order."""
    units: list[tuple[str, str, str]] = field(default_factory=list)
    """Host, unit, and what was asked of systemd: start, restart, reload."""
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By module, the last result of those in KEPT."""
    failures: list[Failure] = field(default_factory=list)


KEPT = ("backup_archive", "secrets_file")
"""Modules whose results a verb tells of."""


class Record:
    """Follows the events of one playbook and keeps what matters afterwards."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self._last: dict[str, Failure] = {}

    def __call__(self, event: Event) -> None:
        data = event.get("event_data") or {}
        match event["event"]:
            case "runner_on_ok" if data.get("task_action") in KEPT:
                self.outcome.results[data["task_action"]] = data.get("res") or {}
                self._note(data)
            case "runner_on_ok":
                self._note(data)
            case "runner_on_failed" if not data.get("ignore_errors"):
                self._last[data["host"]] = Failure(data["host"], data.get("task") or "?", reason(data.get("res") or {}))
            case "runner_on_unreachable":
                said = reason(data.get("res") or {})
                self._last[data["host"]] = Failure(
                    data["host"], data.get("task") or "?", f"The host cannot be reached: {said}"
                )
            case "playbook_on_stats":
                self.outcome.changed = sum((data.get("changed") or {}).values())
                fallen = {**(data.get("failures") or {}), **(data.get("dark") or {})}
                # A failure that the play itself dealt with (rescue) is none: the host is not among the fallen.
                self.outcome.failures = [failure for host, failure in self._last.items() if fallen.get(host)]

    def _note(self, data: Event) -> None:
        """What a task changed."""
        result = data.get("res") or {}
        if result.get("changed"):
            self.outcome.changes.append((data["host"], data.get("task") or "?"))
            self.outcome.units += [(data["host"], str(unit), "remove") for unit in result.get("replaced") or []]
            verbs = [verb for verb in result.get("actions") or [] if verb in ("start", "restart", "reload")]
            self.outcome.units += [(data["host"], str(result["unit"]), verb) for verb in verbs if result.get("unit")]


def reason(result: dict[str, Any]) -> str:
    """Why a task failed, from its result: its message, what its items said, and the ends of its outputs."""
    failed_items = [item for item in result.get("results") or [] if isinstance(item, dict) and item.get("failed")]
    if failed_items:
        return "\n".join(
            f"{item.get('_ansible_item_label', item.get('item', ''))}: {reason(item)}" for item in failed_items
        )
    parts = [as_text(result.get("msg"))]
    parts += [
        tail(as_text(result.get(key))) for key in ("stderr", "module_stderr", "stdout", "module_stdout", "exception")
    ]
    seen: list[str] = []
    for part in parts:
        if part and part != "(traceback unavailable)" and not any(part in earlier for earlier in seen):
            seen.append(part)
    return "\n".join(seen) or "it gave no reason."


def as_text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(line) for line in value).strip()
    return str(value or "").strip()


def tail(text: str, lines: int = 30) -> str:
    return "\n".join(text.splitlines()[-lines:])


def environment(root: Path = ROOT) -> dict[str, str]:
    """What programs of the tools' environment need: the repository's Ansible configuration, the runtime on their path, UTF-8."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}",
        "PYTHONPATH": str(root / "pyruntime"),
    }


@dataclass(frozen=True, slots=True)
class Options:
    """Of `ansible-playbook`. ``check``: say what would change, and change nothing."""

    check: bool = False
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()

    @property
    def words(self) -> dict[str, str]:
        """As ansible-runner takes them."""
        said = {
            "cmdline": "--check" if self.check else "",
            "tags": ",".join(self.tags),
            "skip_tags": ",".join(self.skip_tags),
        }
        return {name: value for name, value in said.items() if value}


WHOLE = Options()


def run(
    lab: Lab, playbook: str, log: Path, listener: Listener, variables: dict[str, object], options: Options = WHOLE
) -> Outcome:
    """Run `playbooks/PLAYBOOK.yml` over the lab's hosts."""
    record = Record()
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:

        def handle(event: Event) -> bool:
            if said := COLOURS.sub("", event.get("stdout") or ""):
                written.write(said.replace("\r\n", "\n").strip("\n") + "\n")
                written.flush()
            record(event)
            listener(event)
            return False  # keep no file of this event

        status, interrupted = execute(
            lab, handle, playbook=str(ROOT / "playbooks" / f"{playbook}.yml"), extravars=variables, **options.words
        )
    record.outcome.succeeded = status == "successful"
    record.outcome.interrupted = interrupted
    return record.outcome


def ask(lab: Lab, expression: str) -> dict[str, Any]:
    """The value of a Jinja expression for each host of the inventory. Connects to none of them."""
    answers: dict[str, Any] = {}

    def handle(event: Event) -> bool:
        if event["event"] == "runner_on_ok":
            answers[event["event_data"]["host"]] = event["event_data"]["res"]["msg"]
        return False

    execute(lab, handle, module="ansible.builtin.debug", module_args=f"msg={{{{ {expression} }}}}", host_pattern="all")
    return answers


def execute(lab: Lab, handle: Callable[[Event], bool], **what: Any) -> tuple[str, bool]:
    """One run of Ansible, tethered to this process; its status, and whether it was interrupted."""
    import ansible_runner.interface  # late: only the tools' environment has it

    folder = own_folder(lab)
    try:
        with passing_signals_on() as interruption:
            runner = ansible_runner.interface.init_runner(
                private_data_dir=str(folder),
                project_dir=str(ROOT),
                inventory=str(lab.inventory),
                envvars={**environment(), "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_HOST_KEY_CHECKING": "True"},
                event_handler=handle,
                cancel_callback=lambda: False,
                quiet=True,
                suppress_env_files=True,
                settings={"pexpect_timeout": 1},
                **what,
            )
            runner.config.command = [*TETHER, *runner.config.command]
            status, _ = runner.run()
            return str(status), bool(interruption)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own_folder(lab: Lab) -> Path:
    """A folder for this process's run: a look may go on beside a deployment. What killed processes left is removed."""
    lab.runner.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in lab.runner.iterdir():
        if not Path("/proc", left.name).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = lab.runner / str(os.getpid())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder
