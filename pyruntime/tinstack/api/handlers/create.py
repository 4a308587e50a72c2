"""Creating servers: steps 3 to 8 of the flow. Source: compute API reference, "Create server"."""

from tinstack.api import creation
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.views import API, Body
from tinstack.api.views import servers as views
from tinstack.core import crash
from tinstack.core.auth import Validation, last_validation
from tinstack.core.clock import now_us
from tinstack.core.http import Request, Response
from tinstack.core.trace import NONE


async def create(request: Request, service: Compute) -> Response:
    """``POST /servers``: 202 as soon as the servers are on record; from then on the boot survives this process."""
    validation, checked = last_validation.get(), now_us()
    with crash.around(6):
        plan = await creation.check(service, request)
    recorded = now_us()
    with crash.around(7):
        made = await creation.record(service, request, plan)
    done = now_us()
    for begun in made.begun:
        id = begun.server.id
        _trace_arrival(service, request, id, validation, checked)
        service.tracer.record(6, start=checked, duration=recorded - checked, server_id=id)
        service.tracer.record(7, start=recorded, duration=done - recorded, server_id=id)
        service.background.start(creation.ask_scheduler(service, begun), f"asking for a host for server {id}")
    first = made.begun[0].server
    headers = {"Location": f"{request.root_url}{API}/servers/{first.id}"}
    if truth(request.body["server"].get("return_reservation_id", False)):
        answer: Body = {"reservation_id": made.reservation}
    else:
        answer = views.created(first, request.root_url, made.password)
    return Response(202, answer, headers=headers)


def _trace_arrival(service: Compute, request: Request, id: str, validation: Validation | None, checked: int) -> None:
    """Steps 3 to 5: they were over before the server had an id."""
    arrived = request.started
    if validation is None:
        service.tracer.record(3, start=arrived, duration=checked - arrived, server_id=id)
        return
    validated = validation.start + validation.duration
    service.tracer.record(3, start=arrived, duration=max(0, validation.start - arrived), server_id=id)
    service.tracer.record(
        4, start=validation.start, duration=validation.duration, outcome=validation.outcome, server_id=id
    )
    roles = ", ".join(sorted(request.context.roles))
    service.tracer.record(
        5,
        start=validated,
        duration=max(0, checked - validated),
        outcome=validation.outcome if roles else NONE,
        message=f"roles: {roles}",
        server_id=id,
    )
