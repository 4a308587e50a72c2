"""The compute agent, put together."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinstack.compute import drivers, rpc
from tinstack.compute.agent import Agent
from tinstack.compute.boot import Boot
from tinstack.compute.config import Config
from tinstack.compute.consoles import Consoles
from tinstack.compute.images import ImageCache
from tinstack.compute.interfaces import Interfaces
from tinstack.compute.ports import Ports
from tinstack.compute.reports import Reports
from tinstack.compute.rpc import GetConsole, GetConsoleOutput, GetDiagnostics, GetUptime, Gone, Look, ServerEvent
from tinstack.compute.snapshots import Snapshots
from tinstack.compute.volumes import Volumes
from tinstack.core.bus import Bus
from tinstack.core.client import Http
from tinstack.core.service import Service
from tinstack.core.trace import Tracer

if TYPE_CHECKING:
    from tinstack.core.db import Database


def create(config: Config, bus: Bus, database: "Database | None") -> Service:
    """A host has no database, and no credentials but its bus user's."""
    service = Service("compute")
    http = Http(config.auth.ca)
    tracer = Tracer(bus, "compute", config.host)
    driver, rehearse = drivers.create(config)
    ports = Ports(http, config.host, config.vif_plug_seconds)
    volumes = Volumes(http, bus, driver, rehearse, config.host, config.my_ip)
    images = ImageCache(Path(config.image_cache_dir) / (config.host if config.driver == "fake" else ""), http)
    consoles = Consoles(driver, config.my_ip, config.console_port, config.tls)
    reports = Reports(config, bus, driver)
    boot = Boot(driver, images, ports, volumes, config.builds_at_once)
    interfaces = Interfaces(driver, ports, rehearse)
    snapshots = Snapshots(http, driver)
    agent = Agent(config, bus, driver, rehearse, boot, ports, interfaces, volumes, snapshots, reports, tracer)

    async def start() -> None:
        tracer.start()
        await driver.open(reports.power_changed, volumes.waits)
        await bus.serve(
            rpc.topic(config.host),
            {
                Look: agent.look,
                Gone: agent.gone,
                ServerEvent: agent.event,
                GetConsoleOutput: reports.console_output,
                GetDiagnostics: reports.diagnostics,
                GetUptime: reports.uptime,
                GetConsole: consoles.where,
            },
        )
        reports.start()

    service.on_start = [start]
    service.on_stop = [http.close, tracer.stop, driver.close, agent.stop, reports.stop, consoles.stop]
    return service
