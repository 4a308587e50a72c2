"""From the query of a server list to what is wanted of the database. Source: compute API reference, "List Servers"."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.views.servers import states_of
from tinstack.computedb import instances
from tinstack.computedb.instances import Listing
from tinstack.computedb.rows import Instance
from tinstack.core.clock import parse_iso
from tinstack.core.errors import Forbidden
from tinstack.core.http import Page, Request, page_of

Match = Callable[[Instance], bool]

TRUE = {"1", "t", "true", "on", "y", "yes"}
FALSE = {"0", "f", "false", "off", "n", "no"}

COLUMNS = {
    "reservation_id": "reservation_id",
    "image": "image_id",
    "image_ref": "image_id",
    "flavor": "flavor_id",
    "host": "host",
    "node": "node",
    "hostname": "hostname",
    "availability_zone": "availability_zone",
    "key_name": "key_name",
    "user_id": "user_id",
    "uuid": "id",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "description": "description",
    "display_description": "description",
    "root_device_name": "root_device",
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
    "locked_by": "locked_by",
}
NUMBERS = {"power_state": "power_state", "progress": "progress", "launch_index": "launch_index"}
TIMES = {"created_at": "created_at", "launched_at": "launched_at", "terminated_at": "terminated_at"}
PATTERNS = ("name", "display_name", "ip", "ip6")
TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")

OTHERS = {
    "all_tenants", "architecture", "auto_disk_config", "cell_name", "changes-before", "changes-since", "config_drive",
    "default_ephemeral_device", "default_swap_device", "deleted", "deleted_at", "disable_terminate", "ephemeral_gb",
    "ephemeral_key_uuid", "id", "kernel_id", "limit", "locked", "marker", "memory_mb", "os_type", "project_id", "ramdisk_id",
    "root_gb", "shutdown_terminate", "soft_deleted", "sort_dir", "sort_key", "status", "tenant_id", "updated_at", "vcpus",
    "vm_mode",
}  # fmt: skip
"""What a query may hold beside the filters above; unknown names are refused from 2.75 on."""

ANYONE = {"reservation_id", "name", "image", "flavor", "ip"}
ANYONE_FROM_2_83 = {
    "availability_zone",
    "config_drive",
    "key_name",
    "created_at",
    "launched_at",
    "terminated_at",
    "power_state",
    "task_state",
    "vm_state",
    "progress",
    "user_id",
}

SORT_KEYS = {
    **{name: name for name in (
        "access_ip_v4", "access_ip_v6", "availability_zone", "config_drive", "created_at", "host", "hostname", "key_name",
        "launch_index", "launched_at", "locked_by", "node", "power_state", "progress", "project_id", "task_state",
        "terminated_at", "updated_at", "user_id", "vm_state",
    )},
    "display_name": "name",
    "display_description": "description",
    "image_ref": "image_id",
    "instance_type_id": "flavor_id",
    "root_device_name": "root_device",
    "uuid": "id",
    "locked": "locked_by",
    "auto_disk_config": "disk_config",
}  # fmt: skip
IGNORED_SORT_KEYS = {
    "kernel_id",
    "ramdisk_id",
    "id",
    "deleted",
    "deleted_at",
    "ephemeral_gb",
    "root_gb",
    "memory_mb",
    "vcpus",
}


def _truth(text: str, name: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise Invalid(f"Invalid value for the query parameter {name}: '{text}' is neither true nor false.")


def _time(text: str, name: str) -> int:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise Invalid(f"Invalid filter field: {name}. '{text}' is not a time as 2026-01-31T10:00:00Z.") from error


def _pattern(text: str, name: str) -> Callable[[str], bool]:
    """A search by regular expression that takes linear time whatever the expression is. Raises Invalid."""
    try:
        validator = jsonschema_rs.validator_for(
            {"type": "string", "pattern": f"(?i){text}"}, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise Invalid(f"The filter {name} is not a regular expression: '{text[:100]}'.") from error
    return validator.is_valid


def _matching(name: str, text: str) -> Match:
    search = _pattern(text, name)
    if name in ("name", "display_name"):
        return lambda row: search(row.name)
    version = 6 if name == "ip6" else 4

    def by_address(row: Instance) -> bool:
        return any(
            address.version == version and search(address.ip)
            for interface in row.network_info
            for address in interface.addresses
        )

    return by_address


def _tagged(name: str, text: str) -> Match:
    wanted = set(text.split(","))
    if name == "tags":
        return lambda row: wanted <= set(row.tags)
    if name == "tags-any":
        return lambda row: bool(wanted & set(row.tags))
    if name == "not-tags":
        return lambda row: not wanted <= set(row.tags)
    return lambda row: not wanted & set(row.tags)


def _allowed(request: Request) -> set[str] | None:
    """The filters that count for this caller; None: all. Others are ignored, as Nova does."""
    if request.may("os_compute_api:servers:allow_all_filters"):
        return None
    allowed = set(ANYONE)
    if request.at_least(2, 5):
        allowed.add("ip6")
    if request.at_least(2, 26):
        allowed |= set(TAGS)
    if request.at_least(2, 73):
        allowed.add("locked")
    if request.at_least(2, 83):
        allowed |= ANYONE_FROM_2_83
    return allowed


KNOWN = {*COLUMNS, *NUMBERS, *TIMES, *PATTERNS, *TAGS, *OTHERS}


class _Wanted:
    """A listing in the making."""

    def __init__(self) -> None:
        self.exact: dict[str, Any] = {}
        self.among: dict[str, list[Any]] = {}
        self.accept: Match | None = None
        self.since: int | None = None
        self.before: int | None = None
        self.deleted: bool | None = False

    def also(self, match: Match) -> None:
        """What SQL can't say."""
        first = self.accept
        self.accept = match if first is None else lambda row: first(row) and match(row)


def _scope(request: Request, rule: str, wanted: _Wanted) -> None:
    """Whose servers: one's project's, or with all_tenants any (of one project, if named)."""
    text = request.query.get("all_tenants")
    if text is not None and (text == "" or _truth(text, "all_tenants")):
        request.authorize(f"os_compute_api:servers:{rule}:get_all_tenants")
        named = request.query.get("project_id") or request.query.get("tenant_id")
        if named:
            wanted.exact["project_id"] = named
    elif request.context.project_id:
        wanted.exact["project_id"] = request.project_id
    else:
        wanted.exact["user_id"] = request.user_id


def _alive(request: Request, wanted: _Wanted) -> None:
    since = request.query.get("changes-since")
    if since:
        wanted.since, wanted.deleted = _time(since, "changes-since"), None
    before = request.query.get("changes-before") if request.at_least(2, 66) else None
    if before:
        wanted.before, wanted.deleted = _time(before, "changes-before"), None
        if wanted.since is not None and wanted.since > wanted.before:
            raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    deleted = request.query.get("deleted")
    if deleted is not None and request.may("os_compute_api:servers:allow_all_filters"):
        wanted.deleted = _truth(deleted, "deleted")


def _by_status(request: Request, wanted: _Wanted) -> bool:
    """Narrow by ``status``; False where no server can have it."""
    texts = request.query.all("status")
    if not texts:
        return True
    states: set[str] = set()
    tasks: set[str] | None = set()
    for text in texts:
        found, of_tasks = states_of(text)
        states |= found
        tasks = None if of_tasks is None or tasks is None else tasks | of_tasks
    if not states:
        return False
    if "deleted" in states and not request.context.is_admin:
        raise Forbidden("Only administrators may list deleted instances")
    wanted.among["vm_state"] = sorted(states)
    if "deleted" in states:
        wanted.deleted = None
    if tasks:
        wanted.among["task_state"] = sorted(tasks)
    return True


def _others(request: Request, wanted: _Wanted) -> None:
    allowed = _allowed(request)
    for name, text in request.query.flat().items():
        if request.at_least(2, 75) and name not in KNOWN:
            raise Invalid(f"Invalid input for query parameters {name}. Additional properties are not allowed.")
        if allowed is not None and name not in allowed:
            continue
        if name in COLUMNS:
            _by_column(COLUMNS[name], list(dict.fromkeys(request.query.all(name))), wanted)
        elif name in NUMBERS:
            if not text.isdecimal():
                raise Invalid(f"Invalid value for the query parameter {name}: '{text}' is not a number.")
            wanted.exact[NUMBERS[name]] = int(text)
        elif name in TIMES:
            wanted.exact[TIMES[name]] = _time(text, name)
        elif name == "config_drive":
            wanted.exact["config_drive"] = int(_truth(text, name))
        elif name == "locked" and request.at_least(2, 73):
            locked = _truth(text, name)
            wanted.also(lambda row, locked=locked: (row.locked_by is not None) == locked)  # type: ignore[misc]
        elif name in PATTERNS and text:
            wanted.also(_matching(name, text))
        elif name in TAGS and text and request.at_least(2, 26):
            wanted.also(_tagged(name, text))


def _by_column(column: str, values: list[str], wanted: _Wanted) -> None:
    if column == "task_state" and values in (["None"], ["null"]):
        wanted.exact[column] = None
    elif len(values) > 1:
        wanted.among[column] = values
    else:
        wanted.exact[column] = values[0]


def _sort(request: Request) -> tuple[tuple[str, bool], ...]:
    keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise Invalid(f"Invalid input for query parameters sort_dir. Value: {direction}. It is asc or desc.")
    found: dict[str, bool] = {}
    for at, key in enumerate(keys):
        if key in IGNORED_SORT_KEYS:
            continue
        if key not in SORT_KEYS or (key == "locked" and not request.at_least(2, 73)):
            raise Invalid(f"Invalid input for query parameters sort_key. Value: {key}.")
        direction = directions[at] if at < len(directions) else (directions[-1] if directions else "desc")
        found.setdefault(SORT_KEYS[key], direction == "asc")
    return tuple(found.items()) or (("created_at", bool(directions) and directions[0] == "asc"),)


async def listing_of(request: Request, compute: Compute, rule: str) -> tuple[Listing | None, Page]:
    """What is asked for, with the page; None where nothing can match. Raises Invalid and PolicyForbidden."""
    page = page_of(request, compute.config.page_limit)
    wanted = _Wanted()
    _alive(request, wanted)
    possible = _by_status(request, wanted)
    _others(request, wanted)
    _scope(request, rule, wanted)
    if not possible or not page.limit:
        return None, page
    return Listing(
        exact=wanted.exact,
        among=wanted.among,
        since=wanted.since,
        before=wanted.before,
        deleted=wanted.deleted,
        accept=wanted.accept,
        sort=_sort(request),
        limit=page.limit,
        after=await _marker(request, compute, page) if page.marker is not None else None,
    ), page


async def _marker(request: Request, compute: Compute, page: Page) -> Instance:
    row = await instances.get(compute.db, page.marker or "", deleted=True)
    if row is None or request.visible_project() not in (None, row.project_id):
        raise Invalid(f"marker [{page.marker}] not found")
    return row
