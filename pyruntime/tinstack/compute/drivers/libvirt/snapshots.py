"""The disk of a guest that runs, as it is at a moment."""

import asyncio
import logging

from tinstack.compute.drivers.interface import RUNNING
from tinstack.compute.drivers.libvirt import disks
from tinstack.compute.drivers.libvirt.copying import CopyFailed
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.compute.drivers.libvirt.hypervisor import Hypervisor, LibvirtRefused
from tinstack.compute.drivers.libvirt.threads import to_the_end

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25


async def copy_while_it_runs(hypervisor: Hypervisor, id: str, folder: Folder) -> None:
    """By QEMU itself, as the disk is at this moment; where it can't, from a guest that is paused meanwhile."""
    try:
        await to_the_end(lambda: disks.blank(folder.root, folder.snapshot))
        await hypervisor.begin_copy(id, str(folder.root), str(folder.snapshot))
        while True:
            if not await hypervisor.is_copying(id):
                return
            await asyncio.sleep(LOOK_SECONDS)
    except asyncio.CancelledError:
        await hypervisor.end_copy(id)
        raise
    except (LibvirtRefused, CopyFailed) as error:
        log.warning("guest %s is paused for its snapshot: %s", id, error.text)
    was_running = await hypervisor.state(id) == RUNNING
    await hypervisor.pause(id)
    try:
        await to_the_end(lambda: disks.flatten(folder.root, folder.snapshot, shared=True))
    finally:
        if was_running:
            await hypervisor.unpause(id)
