"""Rescue: the guest runs from another image, with its own disk beside. Source: compute API reference, "Rescue Server"."""

from tinstack.api import images, names
from tinstack.api.consoles import NotReady
from tinstack.api.errors import Invalid
from tinstack.api.operations import check_state, check_unlocked, operate
from tinstack.api.parts import Compute
from tinstack.api.snapshots import root_volume
from tinstack.computedb.rows import Instance
from tinstack.core.http import Request

KIND = "rescue"


class NotRescuable(Invalid):
    """400: there is nothing to be rescued, or nothing to rescue it with."""

    code, message = "compute.rescue", "Instance {id} cannot be rescued: {reason}"


async def rescue(compute: Compute, request: Request, row: Instance, image_id: str | None, password: str | None) -> str:
    """The password that is answered. Raises WrongState, ServerLocked, NotRescuable, ImageNotFound."""
    check_unlocked(request, row)
    check_state(row, KIND)
    if row.host is None:
        raise NotReady(id=row.id)
    if root_volume(row):
        raise NotRescuable(id=row.id, reason="Cannot rescue a volume-backed instance")
    wanted = image_id or row.image_id
    if wanted is None:
        raise NotRescuable(id=row.id, reason="it was made of no image, and none is named")
    image = await images.find(compute, request.context, wanted)
    images.check_fits(image, row.flavor)
    await operate(compute, request, row, KIND, data={"image_id": image.id})
    return password or names.password()
