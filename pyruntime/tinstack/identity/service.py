"""The composition of the identity service: configuration in, running service out."""

from tinstack.core import policy
from tinstack.core.bus import Bus
from tinstack.core.config import ConfigError
from tinstack.core.db import Database
from tinstack.core.errors import ApiError
from tinstack.core.http import Api, Route, build
from tinstack.core.service import Service
from tinstack.core.trace import Tracer
from tinstack.identity import errors
from tinstack.identity.authentication import Authentication
from tinstack.identity.config import Config
from tinstack.identity.fernet import Codec
from tinstack.identity.identity import Identity
from tinstack.identity.oauth1 import OAuth1
from tinstack.identity.passwords import Hashing
from tinstack.identity.policies import DEFAULTS, SCOPES
from tinstack.identity.revocation import Revoker
from tinstack.identity.routes import ROUTES, VERSIONS
from tinstack.identity.sealing import Sealer
from tinstack.identity.snapshot import Directory
from tinstack.identity.store import Store
from tinstack.identity.tokens import Tokens


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Raises ConfigError."""
    if database is None:
        raise ConfigError("The identity service needs a [database].")
    service = Service("identity")
    store = Store(database)
    directory = Directory(store)
    longest = max(config.token_seconds, config.launch_token_seconds)
    revoker = Revoker(bus, store, longest)
    tokens = Tokens(
        directory, store, Codec(config.fernet_keys), revoker, config.token_seconds, config.launch_token_seconds
    )
    hashing, tracer = Hashing(), Tracer(bus, "identity", config.host)
    sealer = Sealer(config.credential_keys)
    oauth1 = OAuth1(store, sealer)
    authentication = Authentication(config, directory, store, tokens, hashing, oauth1, tracer)
    identity = Identity(config, store, directory, tokens, authentication, revoker, hashing, sealer, oauth1)
    rules = policy.load(DEFAULTS, config.policy_file, SCOPES)
    service.apps.append(
        (
            config.http,
            build(
                [_api(config, identity, rules, VERSIONS, ""), _api(config, identity, rules, ROUTES, "/v3")], "identity"
            ),
        )
    )

    async def start() -> None:
        tracer.start()
        await revoker.start()

    async def stop() -> None:
        await revoker.stop()
        await tracer.stop()
        hashing.close()

    service.on_start.append(start)
    service.on_stop.append(stop)
    return service


def _api(config: Config, identity: Identity, rules: policy.Policy, routes: list[Route], root: str) -> Api:
    return Api(
        routes=routes,
        service=identity,
        policy=rules,
        authenticator=identity.tokens,
        error=errors.render,
        root=(root,),
        max_body=config.http.max_body,
        violation=_violation,
        head=True,
        types=("identity",),
    )


def _violation(path: str, message: str, value: object) -> ApiError:
    place = f"'{path}'" if path else "the body"
    return errors.Invalid(f"Invalid input for {place}: {message}")
