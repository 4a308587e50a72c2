"""The log of usage audits. Source: compute API reference, "Server usage audit log (os-instance-usage-audit-log)".

No host runs the audit task, so none has ever done it: that is what is said, for the month before the time asked for.
"""

from datetime import UTC, datetime, timedelta

from tinstack.api.errors import Invalid
from tinstack.api.hosts import fleet_of
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.core.http import Request

FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")


async def _log(service: Compute, before: datetime) -> Body:
    """The last whole month that was over at ``before``."""
    end = before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = (end - timedelta(days=1)).replace(day=1)
    hosts = [one.host for one in (await fleet_of(service)).computes()]
    return {
        "period_beginning": str(begin),
        "period_ending": str(end),
        "num_hosts": len(hosts),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(hosts),
        "hosts_not_run": hosts,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(hosts)} hosts done. 0 errors.",
        "log": {},
    }


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-instance_usage_audit_log``."""
    return {"instance_usage_audit_logs": await _log(service, datetime.now(UTC).replace(tzinfo=None))}


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-instance_usage_audit_log/{before}``."""
    text = request.path["before"]
    for form in FORMS:
        try:
            return {"instance_usage_audit_log": await _log(service, datetime.strptime(text, form))}
        except (ValueError, OverflowError):
            continue
    raise Invalid(f"Invalid timestamp for date {text}")
