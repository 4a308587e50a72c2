"""The image service put together."""

from pathlib import Path

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
from tinstack.image.errors import render, violation
from tinstack.image.files import FileStore
from tinstack.image.images import Images
from tinstack.image.imports import Imports
from tinstack.image.metadefs import Metadefs
from tinstack.image.parts import Parts
from tinstack.image.policies import DEFAULTS
from tinstack.image.routes import ROUTES

SWEEP_SECONDS = 30.0


def api(config: Config, parts: Parts, authenticator: Authenticator) -> Api:
    """The API on its parts."""
    return Api(
        routes=ROUTES,
        service=parts,
        policy=policy.load(DEFAULTS, config.policy_file),
        authenticator=authenticator,
        error=render,
        max_body=config.http.max_body,
        violation=violation,
        launches=True,
        types=("image",),
    )


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Config in, service out."""
    assert database, "image needs a [database]"
    session = Session(config.auth, config.region)
    tokens = TokenCache(session, bus, "image")
    tracer = Tracer(bus, "image", config.host)
    files = FileStore(Path(config.store_dir), config.image_size_cap)
    images = Images(database, files)
    imports = Imports(images)
    sweeping = Periodic("uploads that did not end", SWEEP_SECONDS, images.sweep)
    service = Service("image")

    async def start_parts() -> None:
        tracer.start()
        sweeping.start()

    service.on_start += [tokens.start, files.start, start_parts]
    service.apps.append(
        (config.http, build([api(config, Parts(database, files, images, imports, Metadefs(database), tracer), tokens)]))
    )
    service.on_stop += [session.close, files.stop, tracer.stop, sweeping.stop, imports.stop, tokens.stop]
    return service
