"""The kinds of operation on a server: from which states they start and what they come to. Data only.

Source: the compute API guide, "Server concepts", and the states named by the compute API reference for each action.
"""

import msgspec

RUNNING_POWER, PAUSED_POWER, SHUTDOWN_POWER, CRASHED_POWER, SUSPENDED_POWER = 1, 3, 4, 6, 7
NO_POWER = 0
"""``OS-EXT-STS:power_state``."""

QUIET: frozenset[str | None] = frozenset({None})
ANY: frozenset[str | None] | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """``vm_states``/``task_states``: where it may start (None: anywhere). ``task_state``: what it shows while under way.

    ``done``: the vm_state that it comes to (None: it stays). ``verb``: what messages call it. ``action``: its name among
    the instance actions. ``token``: the host needs a launch token for it.
    """

    verb: str
    action: str
    task_state: str | None
    vm_states: frozenset[str] | None
    done: str | None = None
    task_states: frozenset[str | None] | None = QUIET
    token: bool = False


_UP = frozenset({"active"})
_HOT = frozenset({"active", "paused", "suspended"})
_KEPT = frozenset({"active", "paused", "suspended", "stopped"})

KINDS: dict[str, Kind] = {
    "boot": Kind(
        verb="create",
        action="create",
        task_state="scheduling",
        vm_states=frozenset({"building"}),
        done="active",
        task_states=ANY,
        token=True,
    ),
    "delete": Kind(
        verb="delete", action="delete", task_state="deleting", vm_states=None, done="deleted", task_states=ANY
    ),
    "start": Kind(
        verb="start", action="start", task_state="powering-on", vm_states=frozenset({"stopped"}), done="active"
    ),
    "start_again": Kind(
        verb="start", action="start", task_state="powering-on", vm_states=frozenset({"active", "paused"}), done="active"
    ),
    "stop": Kind(
        verb="stop",
        action="stop",
        task_state="powering-off",
        vm_states=frozenset({"active", "error"}),
        done="stopped",
    ),
    "reboot": Kind(verb="reboot", action="reboot", task_state="rebooting", vm_states=_UP, done="active"),
    "reboot_hard": Kind(
        verb="reboot",
        action="reboot",
        task_state="rebooting_hard",
        vm_states=frozenset({"active", "stopped", "paused", "suspended", "error"}),
        done="active",
        task_states=frozenset({None, "rebooting", "rebooting_hard", "resuming", "unpausing", "suspending"}),
    ),
    "pause": Kind(verb="pause", action="pause", task_state="pausing", vm_states=_UP, done="paused"),
    "unpause": Kind(
        verb="unpause", action="unpause", task_state="unpausing", vm_states=frozenset({"paused"}), done="active"
    ),
    "suspend": Kind(verb="suspend", action="suspend", task_state="suspending", vm_states=_UP, done="suspended"),
    "resume": Kind(
        verb="resume", action="resume", task_state="resuming", vm_states=frozenset({"suspended"}), done="active"
    ),
    "create_image": Kind(
        verb="createImage", action="createImage", task_state="image_snapshot", vm_states=_KEPT, token=True
    ),
    "create_backup": Kind(
        verb="createBackup", action="createBackup", task_state="image_backup", vm_states=_KEPT, token=True
    ),
    "rebuild": Kind(
        verb="rebuild",
        action="rebuild",
        task_state="rebuilding",
        vm_states=frozenset({"active", "stopped", "error"}),
        token=True,
    ),
    "rescue": Kind(
        verb="rescue",
        action="rescue",
        task_state="rescuing",
        vm_states=frozenset({"active", "stopped", "error"}),
        done="rescued",
        token=True,
    ),
    "unrescue": Kind(
        verb="unrescue", action="unrescue", task_state="unrescuing", vm_states=frozenset({"rescued"}), done="active"
    ),
    "attach_interface": Kind(
        verb="attach_interface",
        action="attach_interface",
        task_state=None,
        vm_states=frozenset({"active", "paused", "stopped"}),
        token=True,
    ),
    "detach_interface": Kind(
        verb="detach_interface",
        action="detach_interface",
        task_state=None,
        vm_states=frozenset({"active", "paused", "stopped"}),
    ),
    "attach_volume": Kind(
        verb="attach_volume",
        action="attach_volume",
        task_state=None,
        vm_states=frozenset({"active", "paused", "stopped"}),
        token=True,
    ),
    "extend_volume": Kind(
        verb="extend_volume",
        action="extend_volume",
        task_state=None,
        vm_states=frozenset({"active", "paused", "stopped", "suspended"}),
    ),
    "detach_volume": Kind(
        verb="detach_volume",
        action="detach_volume",
        task_state=None,
        vm_states=frozenset({"active", "paused", "stopped"}),
    ),
}
