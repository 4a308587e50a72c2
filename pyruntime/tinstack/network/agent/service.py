"""The network agent put together."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinstack.core.bus import Bus
from tinstack.core.service import Service
from tinstack.network.agent.agent import Agent
from tinstack.network.agent.config import Config
from tinstack.network.agent.doors import Doors
from tinstack.network.agent.host import Host
from tinstack.network.agent.units import Systemd

if TYPE_CHECKING:
    from tinstack.core.db import Database


def create(config: Config, bus: Bus, database: "Database | None") -> Service:
    """Needs root's right to networking (see the role's unit); no database."""
    folder = Path(config.state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    agent = Agent(config, bus, Host(config.tunnel_ip, config.physical_networks, folder, Systemd()), _doors(config))
    service = Service("network-agent")
    service.on_ready.append(agent.start)
    service.on_stop.append(agent.stop)
    return service


def _doors(config: Config) -> Doors | None:
    if "metadata" not in config.roles:
        return None
    from tinstack.network.agent.metadata import Proxy

    return Proxy(config.host, config.auth.ca)
