"""The network service put together."""

from functools import partial

from tinstack.core import policy
from tinstack.core.auth import TokenCache
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.core.http import Api, build
from tinstack.core.http.restrict import Authenticator
from tinstack.core.service import Service
from tinstack.core.trace import Tracer
from tinstack.network import rpc
from tinstack.network.server import figures
from tinstack.network.server.address_groups import AddressGroups
from tinstack.network.server.address_scopes import AddressScopes
from tinstack.network.server.agents import Agents
from tinstack.network.server.change import Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import render, violation
from tinstack.network.server.events import Events
from tinstack.network.server.floatingips import FloatingIps
from tinstack.network.server.gateways import Gateways
from tinstack.network.server.groups import Groups
from tinstack.network.server.hosting import Hosting
from tinstack.network.server.known import KnownDatabase
from tinstack.network.server.networks import Networks
from tinstack.network.server.parts import Parts
from tinstack.network.server.policies import DEFAULTS
from tinstack.network.server.ports import Ports
from tinstack.network.server.qos import Qos
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.reconcile import Reconciler
from tinstack.network.server.routers import Routers
from tinstack.network.server.routes import ROUTES
from tinstack.network.server.sharing import Sharing
from tinstack.network.server.subnetpools import SubnetPools
from tinstack.network.server.subnets import Subnets
from tinstack.network.server.telling import Telling
from tinstack.network.server.topology import Topologies
from tinstack.network.server.trunks import Trunks
from tinstack.network.server.wanted import Wanted


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
        types=("network",),
    )


def assemble(
    config: Config, storage: Database, telling: Telling, events: Events, tracer: Tracer
) -> tuple[Parts, Reconciler]:
    """The domain on a database."""
    database = KnownDatabase(storage)
    changes, quotas = Changes(database, telling, events), Quotas(database, config.quotas)
    reconciler = Reconciler(config, changes)
    agents = Agents(config, changes, Wanted(config, database), reconciler)
    networks, subnets = Networks(config, changes, quotas), Subnets(config, changes, quotas)
    routers = Routers(config, changes, quotas)
    parts = Parts(
        config=config,
        db=database,
        changes=changes,
        quotas=quotas,
        networks=networks,
        subnets=subnets,
        subnetpools=SubnetPools(changes, quotas),
        ports=Ports(changes, quotas),
        routers=routers,
        floatingips=FloatingIps(changes, quotas),
        groups=Groups(changes, quotas),
        sharing=Sharing(changes, quotas),
        qos=Qos(changes),
        address_scopes=AddressScopes(changes),
        address_groups=AddressGroups(changes, quotas),
        trunks=Trunks(changes, quotas),
        agents=agents,
        gateways=Gateways(changes, routers),
        hosting=Hosting(config, changes, agents),
        topologies=Topologies(config, changes, networks, subnets, routers),
        tracer=tracer,
    )
    return parts, reconciler


def create(config: Config, bus: Bus, database: Database | None) -> Service:
    """Config in, service out."""
    assert database, "network needs a [database]"
    session = Session(config.auth, config.region)
    tokens = TokenCache(session, bus, "network")
    tracer = Tracer(bus, "network", config.host)
    telling, events = Telling(database, bus), Events(session)
    parts, reconciler = assemble(config, database, telling, events, tracer)
    service = Service("network")

    async def start_parts() -> None:
        tracer.start()
        reconciler.start()
        parts.agents.beats.start()
        await bus.serve(rpc.TOPIC, parts.agents.handlers())

    service.measured = {"agents": partial(figures.agents, database), "ports": partial(figures.ports, database)}
    service.on_start += [tokens.start, telling.start, events.start, start_parts]
    service.apps.append((config.http, build([api(config, parts, tokens)], "network")))
    service.on_stop += [
        session.close,
        events.stop,
        telling.stop,
        tracer.stop,
        parts.agents.beats.stop,
        reconciler.stop,
        tokens.stop,
    ]
    return service
