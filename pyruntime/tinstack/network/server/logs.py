"""Logs of what security groups let through and drop. Source: Network API reference, Logging Resource.

They are kept and checked; hosts write none.
"""

from sqlalchemy import bindparam

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, NotFound
from tinstack.network.server import store, store_admin
from tinstack.network.server import tables_admin as t
from tinstack.network.server.change import Change
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows_admin import Log

SECURITY_GROUP = "security_group"
TYPES = (SECURITY_GROUP,)

_L = t.logs.c

DROP_OF_RESOURCE = prepared(t.logs.delete().where(_L.resource_id == bindparam("resource")))
DROP_OF_TARGET = prepared(t.logs.delete().where(_L.target_id == bindparam("target")))


class LogResourceNotFound(NotFound):
    code, message = "network.log.not_found", "Log resource {id} could not be found."


class InvalidLogResourceType(BadRequest):
    code, message = "network.log.type", "Invalid log resource_type: {resource_type}."


class ResourceNotFound(NotFound):
    code, message = "network.log.resource", "Resource {id} could not be found."


class TargetResourceNotFound(NotFound):
    code, message = "network.log.target", "Target resource {id} could not be found."


async def _add(change: Change, row: Log) -> None:
    """Raises InvalidLogResourceType, ResourceNotFound, TargetResourceNotFound."""
    if row.resource_type not in TYPES:
        raise InvalidLogResourceType(resource_type=row.resource_type)
    if row.resource_id and await store.groups.get(change.tx, row.resource_id) is None:
        raise ResourceNotFound(id=row.resource_id)
    if row.target_id and await store.ports.get(change.tx, row.target_id) is None:
        raise TargetResourceNotFound(id=row.target_id)


LOGS = Plain(store_admin.logs, LogResourceNotFound, adding=_add)
