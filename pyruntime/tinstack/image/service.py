"""The image service put together."""

from tinstack.core import policy
from tinstack.core.auth import TokenCache
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.core.http import Api, build
from tinstack.core.http.restrict import Authenticator
from tinstack.core.periodic import Periodic
from tinstack.core.service import Service
from tinstack.core.trace import Tracer
from tinstack.image.config import Config
from tinstack.image.download import Downloads
from tinstack.image.errors import render, violation
from tinstack.image.images import Images
from tinstack.image.imports import Imports
from tinstack.image.metadefs import Metadefs
from tinstack.image.parts import Parts
from tinstack.image.policies import DEFAULTS, SCOPES
from tinstack.image.routes import ROUTES
from tinstack.image.stores import Stores
from tinstack.image.tasks import Tasks

SWEEP_SECONDS = 30.0


def api(config: Config, parts: Parts, authenticator: Authenticator) -> Api:
    """The API on its parts."""
    return Api(
        routes=ROUTES,
        service=parts,
        policy=policy.load(DEFAULTS, config.policy_file, SCOPES),
        authenticator=authenticator,
        error=render,
        max_body=config.http.max_body,
        violation=violation,
        launches=True,
        types=("image",),
        empty_ids=True,
    )


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Config in, service out."""
    assert database, "image needs a [database]"
    session = Session(config.auth, config.region)
    tokens = TokenCache(session, bus, "image")
    tracer = Tracer(bus, "image", config.host)
    stores, tasks = Stores(config), Tasks(database)
    images = Images(database, stores)
    imports = Imports(images, tasks, Downloads(config.download), config.convert_to)
    parts = Parts(database, stores, images, imports, Metadefs(database), tasks, tracer)

    async def sweep() -> None:
        await images.sweep()
        await imports.sweep()

    sweeping = Periodic("uploads that did not end", SWEEP_SECONDS, sweep)
    service = Service("image")

    async def start_parts() -> None:
        tracer.start()
        sweeping.start()

    service.on_start += [tokens.start, stores.start, start_parts]
    service.apps.append((config.http, build([api(config, parts, tokens)], "image")))
    service.on_stop += [session.close, sweeping.stop, imports.stop, stores.stop, tracer.stop, tokens.stop]
    return service
