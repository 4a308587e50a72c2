"""What a split cloud waits for once its services run: what it holds, and its hosts; in a process that has loaded what that takes."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from tinstack.core.config import ConfigError
from tinstack.core.errors import ApiError
from tinstack.dev import configs
from tinstack.dev.fleet import Rig
from tinstack.dev.secrets import of_state

if TYPE_CHECKING:
    from tinstack.dev.content import Client

HOSTS_SECONDS = 60.0
LOOK_SECONDS = 0.05


def main(file: str, fill: bool) -> int:
    """Make the content, if so asked, and wait for the simulated hosts; the exit code, the reason on standard error. ``file``: the
    rig's document."""
    rig = msgspec.json.decode(Path(file).read_bytes(), type=Rig)
    try:
        uvloop.run(_finish(rig, fill))
    except ApiError as error:
        print(error.text, file=sys.stderr)
        return 1
    return 0


async def _finish(rig: Rig, fill: bool) -> None:
    from tinstack.dev import content  # who starts this process has no need of it

    secrets = of_state(Path(rig.state))
    async with content.signed_in(configs.public_urls(rig.ports)["identity"], secrets.admin) as admin:
        if fill:
            await content.fill(admin, secrets.demo)
        await _hosts_up(admin, len(rig.hosts))


async def _hosts_up(admin: "Client", count: int) -> None:
    """Until every simulated host has reported. Raises ConfigError."""
    until = time.monotonic() + HOSTS_SECONDS
    version = {"OpenStack-API-Version": "placement 1.4"}
    while time.monotonic() < until:
        found = await admin.request("GET", "compute", "/os-services?binary=nova-compute")
        if sum(one["state"] == "up" for one in found["services"]) >= count:
            sold = await admin.request("GET", "placement", "/resource_providers?resources=VCPU:1", headers=version)
            if len(sold["resource_providers"]) >= count:
                return
        await asyncio.sleep(LOOK_SECONDS)
    raise ConfigError(f"Not all simulated hosts reported within {HOSTS_SECONDS:g} s: see the logs.")
