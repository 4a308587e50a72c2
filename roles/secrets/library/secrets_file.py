#!/usr/bin/python
"""Ansible module: secrets that are made once and kept in one private file."""

import base64
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: secrets_file
short_description: Add the secrets that are missing to a file that only its owner may read
description:
  - What is there stays as it is, also what is not asked for. Values are never returned.
options:
  path: {description: The YAML file; its directory is made where it is missing., type: path, required: true}
  passwords:
    description: Group to names; each becomes 128 random bits in hexadecimal digits.
    type: dict
    default: {}
  keys:
    description: Group to names; each becomes a Fernet key, 256 random bits in URL-safe base64.
    type: dict
    default: {}
  forgotten:
    description: Group to names of secrets that are to be there no more.
    type: dict
    default: {}
  rotation:
    description:
      - V(begin) makes new passwords and keys and keeps the old ones that must stay good meanwhile; V(end) forgets those.
      - A rotation that has begun goes on with what it has made.
    type: str
    choices: [begin, end]
"""

EXAMPLES = r"""
- name: Have passwords
  secrets_file: {path: .lab/sandbox/secrets.yml, passwords: {database: [tinstack_image]}, keys: {identity: [fernet]}}
"""

RETURN = r"""
forgotten: {description: "Names of the secrets that were taken out.", type: list, returned: always}
made: {description: "Names of the secrets that were (or would be) made, as GROUP.NAME.", type: list, returned: always}
"""

Secrets = dict[str, dict[str, str]]


PREVIOUS = "previous_database"
"""The group of the passwords that database accounts also take while secrets are rotated."""


def password() -> str:
    """128 bits."""
    return secrets.token_hex(16)


def fernet_key() -> str:
    """256 bits as the Fernet specification writes them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


KEYS = (
    ("tokens", "fernet", fernet_key, 1),
    ("tokens", "credentials", fernet_key, None),
    ("metadata", "secret", password, 1),
)
"""Keys that are kept one a line, the newest first, and how many old ones stay good: one to read the tokens of the last hour, and
all that something was sealed with."""


def complete(there: Secrets, wanted: dict[str, Any]) -> list[str]:
    """Add to ``there`` what is missing; the names of what was added."""
    made = []
    for kind, make in (("passwords", password), ("keys", fernet_key)):
        for group, names in wanted[kind].items():
            for name in names:
                if name not in there.setdefault(group, {}):
                    there[group][name] = make()
                    made.append(f"{group}.{name}")
    return made


def rotate(there: Secrets) -> list[str]:
    """New passwords and keys beside the old ones, which stay good until `settle`; the names of the new ones.

    An interrupted rotation goes on with the ones that it has made.
    """
    if PREVIOUS in there:
        return []
    made = []
    there[PREVIOUS] = dict(there.get("database", {}))
    for group in ("database", "bus", "service"):
        for name in there.get(group, {}):
            there[group][name] = password()
            made.append(f"{group}.{name}")
    for group, name, make, kept in KEYS:
        old = there.get(group, {}).get(name, "").split()
        if old:
            there[group][name] = "\n".join([make(), *old[:kept]])
            made.append(f"{group}.{name}")
    return made


def settle(there: Secrets) -> list[str]:
    """End a rotation: what only it needed is forgotten; the names of that."""
    if PREVIOUS not in there:
        return []
    gone = [f"database.{name}" for name in there.pop(PREVIOUS)]
    if len(lines := there.get("metadata", {}).get("secret", "").split()) > 1:
        there["metadata"]["secret"] = lines[0]
        gone.append("metadata.secret")
    return gone


def forget(there: Secrets, unwanted: dict[str, list[str]]) -> list[str]:
    """Take out what is unwanted; the names of what was there."""
    found = [(group, name) for group, names in unwanted.items() for name in names if name in there.get(group, {})]
    for group, name in found:
        del there[group][name]
    return [f"{group}.{name}" for group, name in found]


def write(path: Path, content: Secrets) -> None:
    """Whole or not at all, for the owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write("# Made once; hosts get new ones when this file is removed and the lab is deployed again.\n")
        yaml.safe_dump(content, file)
    os.rename(temporary, path)


def main() -> None:
    """Read, complete, write."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "passwords": {"type": "dict", "default": {}, "no_log": False},
            "keys": {"type": "dict", "default": {}, "no_log": False},
            "forgotten": {"type": "dict", "default": {}, "no_log": False},
            "rotation": {"choices": ["begin", "end"]},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    there: Secrets = (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}
    gone = forget(there, module.params["forgotten"])
    made = complete(there, module.params)
    if module.params["rotation"] == "begin":
        made += rotate(there)
    elif module.params["rotation"] == "end":
        gone += settle(there)
    open_to_others = path.exists() and path.stat().st_mode & 0o077
    if not module.check_mode and (made or gone or open_to_others):
        write(path, there)
    module.exit_json(changed=bool(made or gone or open_to_others), made=made, forgotten=gone)


if __name__ == "__main__":
    main()
