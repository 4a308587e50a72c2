"""The composition of the compute API and the metadata service."""

from typing import Any

import falcon.asgi

from tinstack.api.config import Config
from tinstack.api.errors import render, violation
from tinstack.api.handlers.versions import MAXIMUM, MINIMUM
from tinstack.api.metadata import handlers as metadata
from tinstack.api.parts import Compute
from tinstack.api.policies import DEFAULTS
from tinstack.api.routes import ROUTES, VERSIONS
from tinstack.core import policy
from tinstack.core.auth import TokenCache
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.config import ConfigError
from tinstack.core.db import Database
from tinstack.core.http import Api, Microversions, Version, build
from tinstack.core.http.app import PROJECT
from tinstack.core.http.restrict import Authenticator
from tinstack.core.service import Service
from tinstack.core.trace import Tracer

MICROVERSIONS = Microversions("compute", MINIMUM, MAXIMUM, legacy="X-OpenStack-Nova-API-Version")


class LegacyApi(Api):
    """``/v2``: the same operations as at 2.1, whatever version is asked for."""

    def negotiate(self, asgi: falcon.asgi.Request) -> Version | None:
        return MINIMUM

    def version_headers(self, version: Version | None) -> dict[str, str]:
        return {}


def application(compute: Compute, authenticator: Authenticator) -> Any:
    """The compute API as an ASGI application."""
    rules = policy.load(DEFAULTS, compute.config.policy_file)
    common: dict[str, Any] = {
        "service": compute,
        "policy": rules,
        "authenticator": authenticator,
        "error": render,
        "violation": violation,
        "max_body": compute.config.http.max_body,
        "types": ("compute",),
        "empty_ids": True,
        "extra_id_header": "x-compute-request-id",
    }
    return build(
        [
            Api(routes=ROUTES, root=("/v2.1", f"/v2.1/{{{PROJECT}}}"), microversions=MICROVERSIONS, **common),
            LegacyApi(routes=ROUTES, root=("/v2", f"/v2/{{{PROJECT}}}"), **common),
            Api(routes=VERSIONS, **common),
        ],
        "api",
    )


def metadata_application(compute: Compute) -> Any:
    """The metadata service as an ASGI application."""
    return build(
        [
            Api(
                routes=metadata.ROUTES,
                service=metadata.Metadata(compute),
                policy=policy.Policy({}),
                authenticator=metadata.NoTokens(),
                error=metadata.render,
            )
        ],
        "metadata",
    )


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Config in, running service out."""
    if database is None:
        raise ConfigError("The configuration of the compute API names no database.")
    session = Session(config.auth, config.region)
    tracer = Tracer(bus, "api", config.host)
    compute = Compute(config, database, bus, session, tracer)
    tokens = TokenCache(session, bus, "api")

    async def start_tracer() -> None:
        tracer.start()

    service = Service("api")
    service.apps = [
        (config.http, application(compute, tokens)),
        (config.metadata_http, metadata_application(compute)),
    ]
    service.on_start = [start_tracer, tokens.start]
    service.on_stop = [session.close, tracer.stop, tokens.stop, compute.background.stop]
    return service
