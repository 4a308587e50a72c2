"""What is noted of every request once it is answered: its count and time for Prometheus, and a line in the service's log file."""

import falcon.asgi

from tinstack.core import log
from tinstack.core.context import request_id_of_task
from tinstack.core.http.request import Request
from tinstack.core.metrics.families import REQUEST_SECONDS, REQUESTS


def note(service: str, method: str, route: str, request: Request, answer: falcon.asgi.Response, seconds: float) -> None:
    """``route``: the path as the table has it. The query stays out of the log: clients put secrets there."""
    status = answer.status_code
    action = request.action
    REQUESTS.add(service, method, route, action, str(status))
    REQUEST_SECONDS.observe(seconds, service, method, route, action)
    file = log.access_file()
    if file is None:
        return
    context, path, took = request.context_or_none, request.asgi.path, round(seconds * 1000, 3)
    file.gather(
        log.AccessLine(
            service=service,
            request_id=request_id_of_task.get(),
            message=f"{method} {path} {action and action + ' '}{status} in {took} ms",
            own_request_id=request.request_id,
            method=method,
            path=path,
            status=status,
            duration_ms=took,
            user_id=context.user_id if context else None,
            project_id=context.project_id if context else None,
        )
    )
