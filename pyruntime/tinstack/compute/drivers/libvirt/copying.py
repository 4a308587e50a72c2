"""A running guest's disks copied, by libvirt's backup job, and resized; called in libvirt's threads. Source: libvirt, "Backup XML"."""

from typing import Any

from tinstack.compute.drivers.interface import DriverError
from tinstack.compute.drivers.libvirt import nics
from tinstack.compute.drivers.libvirt.domain import backup_xml


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
    """Source: libvirt, virDomainBlockResize."""
    import libvirt

    name = nics.disk_of_serial(domain.XMLDesc(0), serial)
    domain.blockResize(name, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


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
