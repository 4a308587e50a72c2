"""The simulated hosts of a split cloud, many in one process: compute agents with the fake driver, or fake network agents."""

import asyncio
import importlib
import signal
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from tinstack.core import bus as buses
from tinstack.core import log as logs
from tinstack.core import systemd
from tinstack.core.config import LogConfig
from tinstack.dev import configs
from tinstack.dev.configs import Places
from tinstack.dev.secrets import Secrets, of_state
from tinstack.running import Running

AT_ONCE = 20
"""How many agents are started at the same time."""


class Rig(msgspec.Struct, kw_only=True):
    """What a process of simulated hosts must know. ``tuning``: service → keys of its configuration."""

    state: str
    ports: dict[str, int]
    places: Places
    hosts: list[str]
    tuning: dict[str, dict[str, Any]] = {}


def compute(rig: Rig, secrets: Secrets, host: str) -> Running:
    """A compute agent."""
    config = configs.build("compute", Path(rig.state), rig.ports, secrets, rig.places, host, rig.tuning)
    Path(config.state_dir).mkdir(parents=True, exist_ok=True)
    return Running.of("compute", config)


def network_agent(rig: Rig, secrets: Secrets, host: str) -> Running:
    """A network agent that finds everything wired."""
    fake: Any = importlib.import_module("tinstack.network.agent.fake")
    roles = ["l2", "dhcp", "l3", "metadata"] if host == configs.CONTROLLER else ["l2"]
    user = f"network.{host}"
    bus = buses.connect(rig.places.of_bus(user, "host", secrets.bus), user)
    return Running(user, bus, None, fake.create(host, roles, bus))


async def _serve(agents: list[Running]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    slots = asyncio.Semaphore(AT_ONCE)

    async def start(agent: Running) -> None:
        async with slots:
            await agent.start()

    await asyncio.gather(*(start(agent) for agent in agents))
    systemd.notify("READY=1")
    await stopping.wait()
    await asyncio.gather(*(agent.stop() for agent in agents), return_exceptions=True)


def main(file: str, kind: str, first: str, count: str) -> None:
    """Run these hosts until SIGTERM. ``file``: the rig's document (0600), which holds the secrets."""
    rig = msgspec.json.decode(Path(file).read_bytes(), type=Rig)
    secrets = of_state(Path(rig.state))
    mine = rig.hosts[int(first) : int(first) + int(count)]
    if kind == "network-agent":
        mine = [*mine, configs.CONTROLLER]
    make = compute if kind == "compute" else network_agent
    logs.setup({kind: LogConfig()})
    uvloop.run(_serve([make(rig, secrets, host) for host in mine]))
