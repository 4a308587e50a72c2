"""Routes of metering and of what routers do for ports."""

from tinstack.core.http import Route
from tinstack.network.server.handlers import forwarding, metering, ndp

V = "/v2.0"

ROUTES: list[Route] = [
    *forwarding.FORWARDINGS.routes(f"{V}/floatingips/{{id}}/port_forwardings"),
    *forwarding.HELPERS.routes(f"{V}/routers/{{id}}/conntrack_helpers"),
    *(
        Route("POST", one.path, ndp.create, "user_token", body={}) if one.method == "POST" else one
        for one in ndp.PROXIES.routes(f"{V}/ndp_proxies")
    ),
    *metering.LABELS.routes(f"{V}/metering/metering-labels", update=False),
    *metering.RULES.routes(f"{V}/metering/metering-label-rules", update=False),
]
