"""The scheduler, put together."""

from typing import TYPE_CHECKING

from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.service import Service
from tinstack.core.trace import Tracer
from tinstack.scheduler.claims import Claims
from tinstack.scheduler.config import Config
from tinstack.scheduler.rpc import TOPIC, SelectHost
from tinstack.scheduler.scheduling import Scheduler

if TYPE_CHECKING:
    from tinstack.core.db import Database


def create(config: Config, bus: Bus, database: "Database | None") -> Service:
    """No database and no HTTP: the bus and placement are all it needs."""
    service = Service("scheduler")
    session = Session(config.auth, config.region)
    tracer = Tracer(bus, "scheduler", config.host)
    scheduler = Scheduler(config, bus, Claims(session), tracer)

    async def start() -> None:
        tracer.start()
        await bus.serve(TOPIC, {SelectHost: scheduler.select_host})

    service.on_start = [start]
    service.on_stop = [session.close, tracer.stop, scheduler.stop]
    return service
