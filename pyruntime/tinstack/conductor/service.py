"""The conductor, put together."""

from tinstack.conductor import rpc
from tinstack.conductor.beats import TICK_SECONDS
from tinstack.conductor.config import Config
from tinstack.conductor.endings import Endings
from tinstack.conductor.figures import Figures
from tinstack.conductor.hosts import HostReports
from tinstack.conductor.launches import Launches
from tinstack.conductor.network_info import NetworkInfo
from tinstack.conductor.parts import Parts
from tinstack.conductor.reconciler import Reconciler
from tinstack.conductor.remote import Remote
from tinstack.conductor.scheduling import Scheduling
from tinstack.conductor.traces import Traces
from tinstack.core.bus import Bus, Handler, Message
from tinstack.core.client import Session
from tinstack.core.config import ConfigError
from tinstack.core.db import Database
from tinstack.core.periodic import Periodic
from tinstack.core.service import Service
from tinstack.core.trace import TraceEvents, Tracer


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """The database, the bus, and REST to other services."""
    if database is None:
        raise ConfigError("The conductor needs a [database].")
    service = Service("conductor")
    session = Session(config.auth, config.region)
    tracer = Tracer(bus, "conductor", config.host)
    parts = Parts(config, database, bus, session, tracer)
    remote = Remote(session)
    network_info = NetworkInfo(parts)
    endings = Endings(parts, remote, network_info)
    scheduling = Scheduling(parts, endings)
    launches = Launches(parts, remote, endings)
    reports = HostReports(parts, remote)
    traces = Traces(parts)
    reconciler = Reconciler(parts, remote, endings, network_info)
    handlers: dict[type[Message], Handler] = {
        rpc.BeginScheduling: scheduling.begin,
        rpc.AskHosts: scheduling.hosts,
        rpc.AssignHost: scheduling.assign,
        rpc.SchedulingFailed: scheduling.failed,
        rpc.AskServer: launches.ask,
        rpc.Renew: launches.renew,
        rpc.AskVolumes: launches.volumes,
        rpc.Progress: launches.progress,
        rpc.Finished: endings.finished,
        rpc.Failed: endings.failed,
        rpc.Drive: endings.take_over,
        rpc.HostReport: reports.report,
        rpc.ServiceReport: reports.service,
        rpc.NetworkChanged: network_info.changed,
    }

    awake = Periodic("being awake", TICK_SECONDS, parts.awake.tick)
    beating = Periodic("heartbeat", config.beat_seconds, reports.beat)

    async def start() -> None:
        tracer.start()
        await bus.serve(rpc.TOPIC, handlers)
        await bus.serve("trace", {TraceEvents: traces.keep})
        traces.gathering.start()
        parts.over.start()
        reconciler.start()
        reports.beats.start()
        beating.start()
        awake.start()

    figures = Figures(parts)
    service.measured = {"operations": figures.operations, "services": figures.ages, "queues": figures.queues}
    service.on_start = [start]
    service.on_stop = [
        session.close,
        tracer.stop,
        parts.over.stop,
        parts.background.stop,
        reconciler.stop,
        beating.stop,
        awake.stop,
        reports.beats.stop,
        traces.gathering.stop,
    ]
    return service
