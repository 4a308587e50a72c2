#!/usr/bin/python
"""Ansible module: a set of files, directories and links, all in one round trip to the host."""

import difflib
import grp
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: file_set
short_description: Bring a set of files, directories and links to the wanted content, owner and mode
description:
  - Does for many files in one round trip what copy and file do for one, with check mode and diff.
  - Files are replaced by rename, so that a reader sees the old or the new content, never half of it.
options:
  files:
    description: What is wanted, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Where it stands., type: path, required: true}
      state:
        description: V(file) has O(files[].content) or O(files[].secret); V(touch) is made empty where it is missing and keeps its content.
        type: str
        choices: [file, touch, directory, link, absent]
        default: file
      content: {description: The whole content of the file., type: str}
      secret: {description: As O(files[].content), but never shown., type: str}
      target: {description: Where a link points., type: str}
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
      mode: {description: Octal mode; 0644 for files and 0755 for directories unless given., type: str}
      validate: {description: A command that must accept the new file before it takes its place; V(%s) stands for it., type: str}
"""

EXAMPLES = r"""
- name: Write the configuration
  file_set:
    files:
      - {path: /etc/tinstack, state: directory}
      - {path: /etc/tinstack/api.toml, content: "{{ lookup('template', 'api.toml.j2') }}", group: tinstack-api, mode: "0640"}
"""

RETURN = r"""
paths:
  description: The paths that were (or, in check mode, would be) changed.
  type: list
  returned: always
"""

DEFAULT_MODES = {"file": "0644", "touch": "0644", "directory": "0755"}


class Refused(Exception):
    """What is there is not what can be replaced; the message says what to do."""


def owner_ids(owner: str, group: str) -> tuple[int, int] | None:
    """Numeric owner and group; None when one of them is not known on this host (yet)."""
    try:
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def kind_of(path: str) -> str:
    """What stands at the path: file, directory, link, other or absent."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return "absent"
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "directory"
    return "file" if stat.S_ISREG(mode) else "other"


class Entry:
    """One wanted path."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.path: str = wanted["path"]
        self.state: str = wanted["state"]
        self.secret = wanted["secret"] is not None
        text = wanted["secret"] if self.secret else wanted["content"]
        self.content: bytes | None = None if text is None else str(text).encode()
        self.target: str = wanted["target"] or ""
        self.mode = int(wanted["mode"] or DEFAULT_MODES.get(self.state, "0"), 8)
        self.validate: str = wanted["validate"] or ""
        self.names = (wanted["owner"], wanted["group"])
        self.ids = owner_ids(*self.names)

    def differences(self) -> tuple[str, str]:
        """What is there and what is wanted, as text; equal texts mean that nothing is to be done."""
        there = kind_of(self.path)
        if self.state == "absent":
            return f"{there}\n", "absent\n"
        if self.state == "link":
            return (f"link {os.readlink(self.path)}\n" if there == "link" else f"{there}\n"), f"link {self.target}\n"
        wanted_kind = "directory" if self.state == "directory" else "file"
        before, after = f"{there}\n", f"{wanted_kind} {self.mode:04o} {':'.join(self.names)}\n"
        if there == wanted_kind:
            found = os.lstat(self.path)
            same_owner = self.ids == (found.st_uid, found.st_gid)
            owner = ":".join(self.names) if same_owner else f"{found.st_uid}:{found.st_gid}"
            before = f"{there} {stat.S_IMODE(found.st_mode):04o} {owner}\n"
        if self.state == "file":
            old = self._read() if there == "file" else b""
            if self.secret:
                return before + ("(secret)" if old == self.content else "(another secret)"), after + "(secret)"
            return before + old.decode(errors="replace"), after + (self.content or b"").decode()
        return before, after

    def _read(self) -> bytes:
        with open(self.path, "rb") as file:
            return file.read()

    def apply(self) -> None:
        """Make it so."""
        there = kind_of(self.path)
        if self.state == "absent":
            if there == "directory":
                shutil.rmtree(self.path)
            else:
                os.unlink(self.path)
            return
        if there == "directory" and self.state != "directory":
            raise Refused(f"{self.path} is a directory where a {self.state} is wanted: move it away.")
        if self.state == "link":
            self._link()
            return
        if self.ids is None:
            raise Refused(f"{self.path} is wanted for {':'.join(self.names)}, which this host does not know.")
        if self.state == "directory":
            if there not in ("directory", "absent"):
                raise Refused(f"{self.path} is not a directory: move it away.")
            os.makedirs(self.path, exist_ok=True)
            self._own(self.path)
        elif self.state == "touch" and there == "file":
            self._own(self.path)
        else:
            self._write(self.content or b"")

    def _own(self, path: str) -> None:
        assert self.ids is not None
        os.chown(path, *self.ids)
        os.chmod(path, self.mode)

    def _write(self, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(self.path), prefix=".file_set.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._own(temporary)
            self._check(temporary)
            os.rename(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _check(self, temporary: str) -> None:
        if self.validate:
            argv = [word.replace("%s", temporary) for word in shlex.split(self.validate)]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Refused(f"the new content is not valid: {(done.stderr or done.stdout).strip()}")

    def _link(self) -> None:
        temporary = f"{self.path}.file_set"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(self.target, temporary)
        os.rename(temporary, self.path)


def shown_difference(entry: Entry, before: str, after: str) -> dict[str, str]:
    """A unified diff, as Ansible prints it."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"before: {entry.path}",
        f"after: {entry.path}",
    )
    return {"prepared": "".join(line if line.endswith("\n") else line + "\n" for line in lines)}


def main() -> None:
    """Compare each entry with the host and change what differs."""
    entry_spec = {
        "path": {"type": "path", "required": True},
        "state": {"choices": ["file", "touch", "directory", "link", "absent"], "default": "file"},
        "content": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "target": {"type": "str"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str"},
        "validate": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": entry_spec,
                "mutually_exclusive": [["content", "secret"]],
                "required_if": [["state", "file", ["content", "secret"], True], ["state", "link", ["target"]]],
            }
        },
        supports_check_mode=True,
    )
    changed: list[str] = []
    diff: list[dict[str, str]] = []
    for wanted in module.params["files"]:
        entry = Entry(wanted)
        before, after = entry.differences()
        if before == after:
            continue
        changed.append(entry.path)
        diff.append(shown_difference(entry, before, after))
        if module.check_mode:
            continue
        try:
            entry.apply()
        except (OSError, Refused) as error:
            module.fail_json(msg=f"{entry.path}: {error}", paths=changed)
    module.exit_json(changed=bool(changed), paths=changed, diff=diff)


if __name__ == "__main__":
    main()
