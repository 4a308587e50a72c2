"""What handlers are given."""

from dataclasses import dataclass

from tinstack.core.auth import trace_token
from tinstack.core.http import Request
from tinstack.core.trace import Tracer
from tinstack.network.server.address_groups import AddressGroups
from tinstack.network.server.address_scopes import AddressScopes
from tinstack.network.server.agents import Agents
from tinstack.network.server.change import Changes
from tinstack.network.server.config import Config
from tinstack.network.server.floatingips import FloatingIps
from tinstack.network.server.gateways import Gateways
from tinstack.network.server.groups import Groups
from tinstack.network.server.hosting import Hosting
from tinstack.network.server.known import KnownDatabase
from tinstack.network.server.networks import Networks
from tinstack.network.server.ports import Ports
from tinstack.network.server.qos import Qos
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.routers import Routers
from tinstack.network.server.sharing import Sharing
from tinstack.network.server.subnetpools import SubnetPools
from tinstack.network.server.subnets import Subnets
from tinstack.network.server.topology import Topologies
from tinstack.network.server.trunks import Trunks


@dataclass(frozen=True)
class Parts:
    """The service's parts."""

    config: Config
    db: KnownDatabase
    changes: Changes
    quotas: Quotas
    networks: Networks
    subnets: Subnets
    subnetpools: SubnetPools
    ports: Ports
    routers: Routers
    floatingips: FloatingIps
    groups: Groups
    sharing: Sharing
    qos: Qos
    address_scopes: AddressScopes
    address_groups: AddressGroups
    trunks: Trunks
    agents: Agents
    hosting: Hosting
    gateways: Gateways
    topologies: Topologies
    tracer: Tracer

    def trace_token(self, request: Request) -> None:
        """Step 23: how the launch token of this request was checked."""
        trace_token(self.tracer, 23, request.context)
