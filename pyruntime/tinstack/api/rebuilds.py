"""Rebuild: the same server (its id, addresses, volumes, host) on a new disk. Source: compute API reference, "Rebuild Server".

What the server is from now on is written in the transaction that begins it; the host then removes its guest and makes it anew.
"""

from typing import Any

import msgspec

from tinstack.api import images, names, volume_sources
from tinstack.api.consoles import NotReady
from tinstack.api.creation import check_metadata, check_offered, check_user_data, public_key
from tinstack.api.errors import Invalid
from tinstack.api.operations import check_state, check_unlocked, operate
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.snapshots import root_volume
from tinstack.computedb import instances, quota_limits
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Begun
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.db import Transaction
from tinstack.core.http import Request

KIND = "rebuild"


class OnVolume(Invalid):
    """400: the root disk is a volume, which keeps its content."""

    code = "compute.rebuild.volume"
    message = "Unable to rebuild with a different image for a volume-backed server."


async def rebuild(compute: Compute, request: Request, row: Instance, wanted: dict[str, Any]) -> tuple[Instance, str]:
    """The server as it is from now on, and its administrator's password. Raises Invalid, WrongState, ServerLocked, TooMany."""
    check_unlocked(request, row)
    check_state(row, KIND)
    if row.host is None:
        raise NotReady(id=row.id)
    check_offered(wanted)
    if truth(wanted.get("preserve_ephemeral") or False):
        raise Invalid("The current driver does not support preserving ephemeral partitions.")
    check_user_data(wanted.get("user_data"))
    limits = await quota_limits.limits(compute.db, compute.default_quotas, row.project_id, row.user_id)
    check_metadata(wanted.get("metadata") or {}, limits["metadata_items"])
    image = await images.find(compute, request.context, wanted["imageRef"])
    password = wanted.get("adminPass") or names.password()
    columns: dict[str, Any] = {"fault": None}
    if root := root_volume(row):
        await _check_kept(compute, request, root, image.id)
    else:
        images.check_fits(image, row.flavor)
        columns |= {"image_id": image.id, "image_properties": image.properties}
    columns |= await _columns(compute, request, row, wanted, password)

    async def also(tx: Transaction, begun: Begun) -> None:
        await instances.write(tx, row.id, **columns)

    begun = await operate(compute, request, row, KIND, data={"image_id": image.id}, also=also)
    return msgspec.structs.replace(begun.server, **columns), password


async def _check_kept(compute: Compute, request: Request, root: RequestedVolume, image_id: str) -> None:
    """A volume stays as it is, so it must be of the image that is named; from 2.93 on it would be written anew. Raises OnVolume."""
    assert root.volume_id is not None
    volume = await volume_sources.find_volume(compute, request.context, root.volume_id)
    of = (volume or {}).get("volume_image_metadata", {}).get("image_id")
    if of != image_id or request.at_least(2, 93):
        raise OnVolume


async def _columns(
    compute: Compute, request: Request, row: Instance, wanted: dict[str, Any], password: str
) -> dict[str, Any]:
    """What is asked to be another; everything else stays."""
    columns: dict[str, Any] = {"admin_password": password if row.config_drive else None}
    if "name" in wanted:
        columns["name"] = wanted["name"].strip()
    for key, column in (("accessIPv4", "access_ip_v4"), ("accessIPv6", "access_ip_v6")):
        if key in wanted:
            columns[column] = names.canonical(wanted[key])
    for key, column in (("OS-DCF:diskConfig", "disk_config"), ("metadata", "metadata"), ("hostname", "hostname")):
        if key in wanted:
            columns[column] = wanted[key]
    for key in ("description", "user_data"):
        if key in wanted:
            columns[key] = wanted[key] or None
    if "key_name" in wanted:
        columns |= {
            "key_name": wanted["key_name"],
            "public_key": await public_key(compute, request, wanted["key_name"]),
        }
    return columns
