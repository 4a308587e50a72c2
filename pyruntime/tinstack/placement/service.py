"""The placement service put together."""

from functools import partial

from tinstack.core import policy
from tinstack.core.auth import TokenCache
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.core.http import Api, Microversions, V, build
from tinstack.core.http.restrict import Authenticator
from tinstack.core.service import Service
from tinstack.placement import figures
from tinstack.placement.config import Config
from tinstack.placement.errors import render, violation
from tinstack.placement.parts import Placement
from tinstack.placement.policies import DEFAULTS
from tinstack.placement.routes import ROUTES

MICROVERSIONS = Microversions("placement", V(1, 0), V(1, 39))


def api(config: Config, database: Database, authenticator: Authenticator) -> Api:
    """The API on its parts."""
    return Api(
        routes=ROUTES,
        service=Placement(database),
        policy=policy.load(DEFAULTS, config.policy_file),
        authenticator=authenticator,
        error=render,
        microversions=MICROVERSIONS,
        max_body=config.http.max_body,
        violation=violation,
        types=("placement",),
    )


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Config in, service out."""
    assert database, "placement needs a [database]"
    session = Session(config.auth, config.region)
    tokens = TokenCache(session, bus, "placement")
    service = Service("placement")
    service.measured["capacity"] = partial(figures.capacity, database)
    service.on_start.append(tokens.start)
    service.apps.append((config.http, build([api(config, database, tokens)], "placement")))
    service.on_stop += [session.close, tokens.stop]
    return service
