"""A running guest's disks copied, by libvirt's backup job, and resized; called in libvirt's threads. Source: libvirt, "Backup XML"."""

import importlib
import json
import time
from typing import Any

from tinstack.compute.drivers.interface import DriverError
from tinstack.compute.drivers.libvirt import nics
from tinstack.compute.drivers.libvirt.domain import backup_xml

CONNECT_SECONDS, CONNECT_LOOK_SECONDS = 20.0, 0.1


class CopyFailed(DriverError):
    """QEMU began, and did not get to the end."""

    code, message = "compute.libvirt.copy", "The guest's disk could not be copied: {why}."


def begin(domain: Any, disk: str, target: str) -> None:
    """Let QEMU write the disk in that file, as it is now, into ``target``, a qcow2 of its size that is there."""
    import libvirt

    name = nics.disk_of_file(domain.XMLDesc(0), disk)
    flags = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
    domain.backupBegin(backup_xml(name, nics.disk_targets(domain.XMLDesc(0)), target), None, flags)


def resize(domain: Any, serial: str, size: int) -> None:
    """Source: libvirt, virDomainBlockResize. A volume's new size is what QEMU learned when it connected the last time: it was
    cut off when the volume grew, and connects again when something is read, by the guest or (here) by its monitor."""
    import libvirt

    xml = domain.XMLDesc(0)
    name, node = nics.disk_of_serial(xml, serial), nics.node_of_serial(xml, serial)
    until = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            domain.blockResize(name, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
            return
        except libvirt.libvirtError:
            if node is None or time.monotonic() > until:
                raise
        read = {"command-line": f'qemu-io {node} "read 0 512"'}
        command = json.dumps({"execute": "human-monitor-command", "arguments": read})
        importlib.import_module("libvirt_qemu").qemuMonitorCommand(domain, command, 0)
        time.sleep(CONNECT_LOOK_SECONDS)


def goes_on(domain: Any) -> bool:
    """Whether it is still written. Raises CopyFailed."""
    import libvirt

    if domain.jobInfo()[0] in (libvirt.VIR_DOMAIN_JOB_BOUNDED, libvirt.VIR_DOMAIN_JOB_UNBOUNDED):
        return True
    ended = domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    if ended.get("type") != libvirt.VIR_DOMAIN_JOB_COMPLETED:
        raise CopyFailed(why=ended.get("errmsg") or "it was ended")
    return False


def end(domain: Any) -> None:
    """Give it up."""
    import libvirt

    if domain.isActive() and domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
        domain.abortJob()
