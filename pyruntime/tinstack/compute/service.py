"""The compute agent, put together."""

from pathlib import Path

from tinstack.compute import drivers, rpc
from tinstack.compute.agent import Agent
from tinstack.compute.boot import Boot
from tinstack.compute.config import Config
from tinstack.compute.images import ImageCache
from tinstack.compute.ports import Ports
from tinstack.compute.rpc import GetConsoleOutput, GetDiagnostics, Look, ServerEvent
from tinstack.compute.volumes import Volumes
from tinstack.core.bus import Bus
from tinstack.core.client import Http
from tinstack.core.db import Database
from tinstack.core.service import Service
from tinstack.core.trace import Tracer


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """A host has no database, and no credentials but its bus user's."""
    service = Service("compute")
    http = Http()
    tracer = Tracer(bus, "compute", config.host)
    driver, rehearse = drivers.create(config)
    ports = Ports(http, config.host, config.vif_plug_seconds)
    volumes = Volumes(http, config.host, config.my_ip)
    images = ImageCache(Path(config.image_cache_dir) / (config.host if config.driver == "fake" else ""), http)
    boot = Boot(driver, rehearse, images, ports, volumes, tracer)
    agent = Agent(config, bus, driver, rehearse, boot, ports, tracer)

    async def serve() -> None:
        tracer.start()
        await bus.serve(
            rpc.topic(config.host),
            {
                Look: agent.look,
                ServerEvent: agent.event,
                GetConsoleOutput: agent.console_output,
                GetDiagnostics: agent.diagnostics,
            },
        )

    service.on_start = [agent.start, serve]
    service.on_stop = [http.close, tracer.stop, agent.stop]
    return service
