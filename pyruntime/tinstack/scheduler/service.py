"""The scheduler, put together."""

from typing import TYPE_CHECKING

from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import ServiceReport
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.clock import now_us
from tinstack.core.periodic import Periodic
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

    started_at = now_us()

    async def report() -> None:
        alive = ServiceReport(host=config.host, binary="nova-scheduler", started_at=started_at)
        await bus.cast(conductor.TOPIC, alive)

    reporting = Periodic("heartbeat", config.report_seconds, report)

    async def start() -> None:
        tracer.start()
        await bus.serve(TOPIC, {SelectHost: scheduler.select_host})
        reporting.start()

    service.on_start = [start]
    service.on_stop = [session.close, tracer.stop, scheduler.stop, reporting.stop]
    return service
