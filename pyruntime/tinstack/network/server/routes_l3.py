"""Routes of metering and of what routers do for ports."""

from tinstack.core.http import Route
from tinstack.network.server.handlers import forwarding, metering

V = "/v2.0"

ROUTES: list[Route] = [
    *forwarding.FORWARDINGS.routes(f"{V}/floatingips/{{id}}/port_forwardings"),
    *forwarding.HELPERS.routes(f"{V}/routers/{{id}}/conntrack_helpers"),
    *metering.LABELS.routes(f"{V}/metering/metering-labels", update=False),
    *metering.RULES.routes(f"{V}/metering/metering-label-rules", update=False),
]
