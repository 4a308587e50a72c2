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
"""

EXAMPLES = r"""
- name: Have passwords
  secrets_file: {path: .lab/sandbox/secrets.yml, passwords: {database: [tinstack_image]}, keys: {identity: [fernet]}}
"""

RETURN = r"""
made: {description: "Names of the secrets that were (or would be) made, as GROUP.NAME.", type: list, returned: always}
"""

Secrets = dict[str, dict[str, str]]


def password() -> str:
    """128 bits."""
    return secrets.token_hex(16)


def fernet_key() -> str:
    """256 bits as the Fernet specification writes them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


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
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    there: Secrets = (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}
    made = complete(there, module.params)
    open_to_others = path.exists() and path.stat().st_mode & 0o077
    if not module.check_mode and (made or open_to_others):
        write(path, there)
    module.exit_json(changed=bool(made or open_to_others), made=made)


if __name__ == "__main__":
    main()
