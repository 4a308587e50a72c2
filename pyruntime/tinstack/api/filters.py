"""From the query of a server list to what is wanted of the database. Source: compute API reference, "List Servers"."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.views.servers import states_of
from tinstack.computedb.listing import DEFAULT_SORT, Wanted
from tinstack.computedb.rows import Instance
from tinstack.core.clock import parse_iso
from tinstack.core.errors import Forbidden
from tinstack.core.http import Request, page_of

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


def _both(first: Match | None, second: Match) -> Match:
    if first is None:
        return second
    before = first
    return lambda row: before(row) and second(row)


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


def _scope(request: Request, rule: str, wanted: Wanted) -> None:
    """Whose servers: one's project's, or with all_tenants any (of one project, if named)."""
    text = request.query.get("all_tenants")
    if text is not None and (text == "" or _truth(text, "all_tenants")):
        request.authorize(f"os_compute_api:servers:{rule}:get_all_tenants")
        named = request.query.get("project_id") or request.query.get("tenant_id")
        if named:
            wanted.equal["project_id"] = named
    elif request.context.project_id:
        wanted.equal["project_id"] = request.project_id
    else:
        wanted.equal["user_id"] = request.user_id


def _alive(request: Request, wanted: Wanted) -> None:
    since = request.query.get("changes-since")
    if since:
        wanted.since, wanted.alive = _time(since, "changes-since"), None
    before = request.query.get("changes-before") if request.at_least(2, 66) else None
    if before:
        wanted.before, wanted.alive = _time(before, "changes-before"), None
        if wanted.since is not None and wanted.since > wanted.before:
            raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    deleted = request.query.get("deleted")
    if deleted is not None and request.may("os_compute_api:servers:allow_all_filters"):
        wanted.alive = not _truth(deleted, "deleted")


def _by_status(request: Request, wanted: Wanted) -> bool:
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
    wanted.one_of["vm_state"] = sorted(states)
    if "deleted" in states:
        wanted.alive = None
    if tasks:
        wanted.one_of["task_state"] = sorted(tasks)
    return True


def _others(request: Request, wanted: Wanted) -> None:
    allowed = _allowed(request)
    for name, text in request.query.flat().items():
        if allowed is not None and name not in allowed:
            continue
        if name in COLUMNS:
            values = list(dict.fromkeys(request.query.all(name)))
            if name == "task_state" and values in (["None"], ["null"]):
                wanted.known["task_state"] = False
            elif len(values) > 1:
                wanted.one_of[COLUMNS[name]] = values
            else:
                wanted.equal[COLUMNS[name]] = text
        elif name in NUMBERS:
            if not text.isdecimal():
                raise Invalid(f"Invalid value for the query parameter {name}: '{text}' is not a number.")
            wanted.equal[NUMBERS[name]] = int(text)
        elif name in TIMES:
            wanted.equal[TIMES[name]] = _time(text, name)
        elif name == "config_drive":
            wanted.equal["config_drive"] = int(_truth(text, name))
        elif name == "locked" and request.at_least(2, 73):
            wanted.known["locked_by"] = _truth(text, name)
        elif (name in PATTERNS and text) or (name in TAGS and text and request.at_least(2, 26)):
            match = _matching(name, text) if name in PATTERNS else _tagged(name, text)
            wanted.matches = _both(wanted.matches, match)


def _sort(request: Request) -> tuple[tuple[str, str], ...]:
    keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise Invalid(f"Invalid input for query parameters sort_dir. Value: {direction}. It is asc or desc.")
    found: dict[str, str] = {}
    for at, key in enumerate(keys):
        if key in IGNORED_SORT_KEYS:
            continue
        if key not in SORT_KEYS or (key == "locked" and not request.at_least(2, 73)):
            raise Invalid(f"Invalid input for query parameters sort_key. Value: {key}.")
        direction = directions[at] if at < len(directions) else (directions[-1] if directions else "desc")
        found.setdefault(SORT_KEYS[key], direction)
    if not found:
        return (("created_at", directions[0]),) if directions else DEFAULT_SORT
    return tuple(found.items())


def wanted_of(request: Request, compute: Compute, rule: str) -> tuple[Wanted | None, Any]:
    """What is wanted, with the page; None where nothing can match. Raises Invalid and PolicyForbidden."""
    page = page_of(request, compute.config.page_limit)
    wanted = Wanted(limit=page.limit, marker=page.marker, sort=_sort(request))
    _alive(request, wanted)
    possible = _by_status(request, wanted)
    _others(request, wanted)
    _scope(request, rule, wanted)
    return (wanted if possible else None), page
