"""The volume service put together."""

from pathlib import Path

from tinstack.core import policy
from tinstack.core.auth import TokenCache
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.config import ConfigError
from tinstack.core.db import Database
from tinstack.core.http import Api, Microversions, V, build
from tinstack.core.http.app import PROJECT
from tinstack.core.http.restrict import Authenticator
from tinstack.core.operations import Operations
from tinstack.core.periodic import Periodic
from tinstack.core.service import Service
from tinstack.core.trace import Tracer
from tinstack.volume import rpc, tables
from tinstack.volume.attachments import Attachments
from tinstack.volume.config import BackendConfig, Config
from tinstack.volume.drivers.fake import FakeDriver
from tinstack.volume.drivers.file import FileDriver
from tinstack.volume.drivers.interface import Driver
from tinstack.volume.drivers.launchers import Children, Units
from tinstack.volume.drivers.storage_daemon import StorageDaemons
from tinstack.volume.errors import render, violation
from tinstack.volume.images import Images
from tinstack.volume.jobs import Jobs
from tinstack.volume.notices import Notices
from tinstack.volume.parts import Parts
from tinstack.volume.policies import DEFAULTS
from tinstack.volume.quotas import Quotas
from tinstack.volume.routes import ROUTES, VERSIONS
from tinstack.volume.snapshots import Snapshots
from tinstack.volume.transfers import Transfers
from tinstack.volume.types import Types
from tinstack.volume.uploads import Uploads
from tinstack.volume.volumes import Volumes
from tinstack.volume.work import Work

MICROVERSIONS = Microversions("volume", V(3, 0), V(3, 70))


def driver(config: Config, backend: BackendConfig) -> Driver:
    """The driver of a backend. Raises ConfigError."""
    if backend.driver == "fake":
        return FakeDriver(backend.name, backend.capacity_gib)
    if backend.driver == "file":
        directory = Path(backend.directory) if backend.directory else Path(config.state_dir) / "volumes" / backend.name
        sockets = Path(config.exports_dir or Path(config.state_dir) / "exports") / backend.name
        host = config.export_host or config.http.host
        launcher = Units(config.export_starter) if config.export_starter else Children()
        return FileDriver(
            backend.name, directory, StorageDaemons(sockets, host, config.export_ports, launcher, config.export_tls)
        )
    raise ConfigError(f"Backend '{backend.name}': there is no driver '{backend.driver}', only file and fake.")


def assemble(config: Config, database: Database, session: Session, tracer: Tracer) -> tuple[Parts, Work]:
    """The parts of the service and what drives its long operations."""
    drivers = {backend.name: driver(config, backend) for backend in config.backends}
    operations = Operations(tables.operations)
    work, images = Work(database, operations, config.host), Images(session)
    uploads = Uploads(database, work, session)
    jobs = Jobs(database, operations, drivers, images, uploads, Notices(database, session))
    work.drive, work.undo = jobs.drive, jobs.undo
    quotas, types = Quotas(database, config.quota), Types(database, config.backends, config.default_volume_type)
    parts = Parts(
        config=config,
        database=database,
        volumes=Volumes(database, work, quotas, types, images, config.availability_zone),
        snapshots=Snapshots(database, work, quotas),
        attachments=Attachments(database, drivers, session),
        transfers=Transfers(database, quotas),
        types=types,
        quotas=quotas,
        uploads=uploads,
        drivers=drivers,
        tracer=tracer,
    )
    return parts, work


def apis(config: Config, parts: Parts, authenticator: Authenticator) -> list[Api]:
    """The versions documents and the API on its parts, with and without the project in the path."""
    rules = policy.load(DEFAULTS, config.policy_file)
    root = Api(routes=VERSIONS, service=parts, policy=rules, authenticator=authenticator, error=render)
    api = Api(
        routes=ROUTES,
        root=(f"/v3/{{{PROJECT}}}", "/v3"),
        service=parts,
        policy=rules,
        authenticator=authenticator,
        error=render,
        microversions=MICROVERSIONS,
        max_body=config.http.max_body,
        violation=violation,
        extra_id_header="x-compute-request-id",
        empty_ids=True,
        launches=True,
        types=("block-storage", "volumev3", "volume"),
    )
    return [root, api]


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Config in, service out."""
    assert database, "volume needs a [database]"
    session = Session(config.auth, config.region)
    tokens, tracer = TokenCache(session, bus, "volume"), Tracer(bus, "volume", config.host)
    parts, work = assemble(config, database, session, tracer)
    service = Service("volume")
    resuming = Periodic("exports", config.resume_seconds, parts.attachments.resume)

    async def start_parts() -> None:
        tracer.start()
        for one in parts.drivers.values():
            await one.start()
        await parts.types.start()
        resuming.start()
        await work.start()
        await bus.serve(rpc.TOPIC, {rpc.DiskWaits: parts.attachments.waits})

    async def stop_drivers() -> None:
        await resuming.stop()
        for one in parts.drivers.values():
            await one.stop()

    service.on_start += [tokens.start, start_parts]
    service.apps.append((config.http, build(apis(config, parts, tokens), "volume")))
    service.on_stop += [session.close, tracer.stop, work.stop, tokens.stop, stop_drivers]
    return service
