"""OpenStack's acceptance suite, Tempest, with Networking's plugin, against a cloud."""

import json
import os
import subprocess
from pathlib import Path
from string import Template
from typing import Any

from outcomes import ATTRIBUTES, HERE, Outcome, read

from tinstack.lab import clouds
from tinstack.lab.client import Client

LISTS = {
    "smoke": ["--smoke"],
    **{area: ["--regex", rf"tempest\.api\.{area}\."] for area in ("identity", "compute", "image", "network", "volume")},
}
WORKERS = "2"


def settings(state: Path, folder: Path) -> dict[str, str]:
    """What the configuration needs to know of this cloud."""
    ready = json.loads((state / "ready.json").read_text())
    entry = json.loads((state / "clouds.yaml").read_text())["clouds"]["tinstack-admin"]["auth"]
    client = Client(clouds.read(state / "clouds.yaml", "tinstack-admin"))
    images = [one["id"] for one in client.get("image", "/v2/images", {"visibility": "public"})["images"]]
    flavors = [one for one in client.get("compute", "/flavors/detail")["flavors"] if one["disk"]]
    flavors.sort(key=lambda one: (one["ram"], one["vcpus"], one["disk"]))
    small = flavors[0]
    larger = next(one for one in flavors if all(one[key] > small[key] for key in ("ram", "vcpus", "disk")))
    [outer] = client.get("network", "/v2.0/networks", {"router:external": "True"})["networks"]
    return {
        "folder": str(folder),
        "auth_url": ready["auth_url"],
        "region": ready["region"],
        "admin_user": entry["username"],
        "admin_password": entry["password"],
        "admin_project": entry["project_name"],
        "image": images[0],
        "other_image": images[1],
        "flavor": small["id"],
        "larger_flavor": larger["id"],
        "public_network": outer["id"],
        "public_network_name": outer["name"],
    }


def run(programs: Path, folder: Path, state: Path, name: str) -> dict[str, Outcome]:
    """Run the list; what became of each of its tests."""
    workspace = folder / "tempest"
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    env |= {"PATH": f"{programs}:{env.get('PATH', '/usr/bin:/bin')}", "TMPDIR": str(folder)}
    env.pop("PYTHONPATH", None)

    def call(*words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([programs / "tempest", *words], env=env, check=False, **more)

    made = call("init", "--workspace-path", str(folder / "workspaces.yaml"), str(workspace), capture_output=True)
    if made.returncode:
        raise SystemExit(f"Tempest made no workspace: {made.stderr.decode()}")
    text = Template((HERE / "tempest.conf.in").read_text()).substitute(settings(state, workspace))
    file = workspace / "etc" / "tempest.conf"
    file.touch(mode=0o600)
    file.write_text(text)
    chosen = ["--config-file", str(file), *LISTS[name], "--exclude-list", str(HERE / "not-run.txt")]
    listed = call("run", *chosen, "--list-tests", cwd=workspace, capture_output=True).stdout.decode()
    wanted = [line for line in listed.splitlines() if ATTRIBUTES.search(line) and " " not in line]
    if not wanted:
        raise SystemExit(f"Tempest lists no tests: {listed[-2000:]}")
    print(f"{len(wanted)} tests of the list {name}", flush=True)
    ran = call("run", *chosen, "--concurrency", WORKERS, "--subunit", cwd=workspace, capture_output=True)
    return read(ran.stdout, wanted, programs / "python", env)
