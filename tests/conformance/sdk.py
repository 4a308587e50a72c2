"""openstacksdk's own functional tests, which its wheel carries, against a cloud.

They look for four clouds by name in `clouds.yaml`: a user, a user of another project, an administrator and one with system scope.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from outcomes import HERE, Outcome, read

from tinstack.dev.secrets import write_private
from tinstack.lab import clouds
from tinstack.lab.client import Client

TESTS = "openstack.tests.functional"
NOT_RUN = re.compile(r"^(?!#)(\S+)", re.MULTILINE)
TEST_SECONDS = 600
"""After so long one test has failed."""
OTHER = "alt_demo"
"""Name of the other project and its user."""


def run(programs: Path, folder: Path, state: Path) -> dict[str, Outcome]:
    """Run all of them but what `sdk-not-run.txt` leaves out; what became of each."""
    env = {
        key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and key != "PYTHONPATH"
    }
    env |= {
        "PATH": f"{programs}:{env.get('PATH', '/usr/bin:/bin')}",
        "TMPDIR": str(folder),
        "OS_CLIENT_CONFIG_FILE": str(four_clouds(state, folder)),
        "OS_TEST_TIMEOUT": str(TEST_SECONDS),
        "OPENSTACKSDK_IMAGE": first_image(state),
    }

    # Two of the tests upload this file of the folder that they are started in.
    (folder / "CONTRIBUTING.rst").write_text("An upload.\n")

    def call(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([programs / "python", *words], env=env, check=False, capture_output=True, cwd=folder)

    found = call("-c", "import openstack; print(openstack.__path__[0])").stdout.decode().strip()
    where = ("-s", f"{found}/tests/functional", "-t", str(Path(found).parent))
    listed = call("-m", "testtools.run", "discover", "--list", *where)
    every = [line for line in listed.stdout.decode().splitlines() if line.startswith(TESTS)]
    left_out = re.compile("|".join(NOT_RUN.findall((HERE / "sdk-not-run.txt").read_text())))
    wanted = [id for id in every if not left_out.search(id)]
    if not wanted:
        raise SystemExit(f"openstacksdk lists no tests: {(listed.stdout + listed.stderr).decode()[-2000:]}")
    print(f"{len(wanted)} functional tests of openstacksdk", flush=True)
    chosen = folder / "sdk-tests.txt"
    chosen.write_text("\n".join(wanted) + "\n")
    ran = call("-m", "subunit.run", "discover", "--load-list", str(chosen), *where)
    return read(ran.stdout, wanted, programs / "python", env)


def four_clouds(state: Path, folder: Path) -> Path:
    """Make the user of another project; a `clouds.yaml` with the names that the tests look for."""
    ours = json.loads((state / "clouds.yaml").read_text())["clouds"]
    there = {
        "devstack": ours["tinstack"],
        "devstack-alt": other_user(ours["tinstack"], state),
        "devstack-admin": ours["tinstack-admin"],
        "devstack-system-admin": ours["tinstack-system-admin"],
    }
    file = folder / "clouds.yaml"
    write_private(file, json.dumps({"clouds": there}).encode())
    return file


def other_user(like: dict[str, Any], state: Path) -> dict[str, Any]:
    """A cloud's entry for a new user, member of a new project."""
    admin = Client(clouds.read(state / "clouds.yaml", "tinstack-admin"))
    password = like["auth"]["password"]
    project = admin.send("POST", "identity", "/projects", {"project": {"name": OTHER}})["project"]["id"]
    person = {"name": OTHER, "password": password}
    user = admin.send("POST", "identity", "/users", {"user": person})["user"]["id"]
    [role] = admin.get("identity", "/roles", {"name": "member"})["roles"]
    admin.send("PUT", "identity", f"/projects/{project}/users/{user}/roles/{role['id']}")
    return {**like, "auth": {**like["auth"], "username": OTHER, "project_name": OTHER}}


def first_image(state: Path) -> str:
    """Name of a public image to boot from."""
    client = Client(clouds.read(state / "clouds.yaml", "tinstack"))
    return str(client.get("image", "/v2/images", {"visibility": "public"})["images"][0]["name"])
