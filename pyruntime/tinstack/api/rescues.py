"""Rescue: the guest runs from another image, with its own disk beside. Source: compute API reference, "Rescue Server"; Image API,
"Useful image properties" (``hw_rescue_device``, ``hw_rescue_bus``).
"""

from typing import Any

from tinstack.api import images, names
from tinstack.api.consoles import NotReady
from tinstack.api.errors import Invalid
from tinstack.api.operations import check_state, check_unlocked, operate
from tinstack.api.parts import Compute
from tinstack.api.snapshots import root_volume
from tinstack.computedb.rows import Instance
from tinstack.core.http import Request

KIND = "rescue"
BUSES = {"disk": ("virtio", "scsi", "sata"), "cdrom": ("sata", "scsi")}
"""What a rescue disk can be, and where; the first bus where none is named."""


class NotRescuable(Invalid):
    """400: there is nothing to be rescued, or nothing to rescue it with."""

    code, message = "compute.rescue", "Instance {id} cannot be rescued: {reason}"


def beside(row: Instance, properties: dict[str, Any]) -> dict[str, str] | None:
    """What the image wants to be, so that the guest's own disks stay where they are; None for one that takes the place of the
    root disk. Raises NotRescuable."""
    kind, bus = properties.get("hw_rescue_device"), properties.get("hw_rescue_bus")
    if not kind and not bus:
        return None
    kind = str(kind or "disk")
    if kind not in BUSES:
        raise NotRescuable(id=row.id, reason=f"hw_rescue_device of the image is '{kind}', not {' or '.join(BUSES)}")
    bus = str(bus or BUSES[kind][0])
    if bus not in BUSES[kind]:
        can = " or ".join(BUSES[kind])
        raise NotRescuable(id=row.id, reason=f"hw_rescue_bus of the image is '{bus}', but a {kind} can be at {can}")
    return {"kind": kind, "bus": bus}


async def rescue(compute: Compute, request: Request, row: Instance, image_id: str | None, password: str | None) -> str:
    """The password that is answered. Raises WrongState, ServerLocked, NotRescuable, ImageNotFound."""
    check_unlocked(request, row)
    check_state(row, KIND)
    if row.host is None:
        raise NotReady(id=row.id)
    if root_volume(row) and not request.at_least(2, 87):
        raise NotRescuable(id=row.id, reason="Cannot rescue a volume-backed instance")
    wanted = image_id or row.image_id
    if wanted is None:
        raise NotRescuable(id=row.id, reason="it was made of no image, and none is named")
    image = await images.find(compute, request.context, wanted)
    images.check_fits(image, row.flavor)
    device = beside(row, image.properties)
    if root_volume(row) and device is None:
        raise NotRescuable(
            id=row.id, reason="it boots from a volume, and the image has no hw_rescue_device or hw_rescue_bus"
        )
    await operate(compute, request, row, KIND, data={"image_id": image.id, "beside": device})
    return password or names.password()
