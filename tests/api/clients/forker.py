"""Runs `openstack` commands, each in a child forked from this process: as separate as new processes, without their imports.

A line of JSON in ({"argv", "env"}), a line of JSON out ({"code", "text"}).
"""

import io
import json
import os
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout

from openstackclient import shell


def run(argv: list[str], env: dict[str, str]) -> dict[str, object]:
    """One command in a child."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.environ.update(env)
            text = io.StringIO()
            with redirect_stdout(text), redirect_stderr(text):
                code = shell.OpenStackShell().run(argv)
            output.write(text.getvalue())
            output.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "text": output.read()}


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(run(asked["argv"], asked["env"])), flush=True)
