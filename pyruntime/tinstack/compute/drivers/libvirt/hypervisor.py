"""libvirt's API, as much of it as guests need: the one module that imports it (python3-libvirt, from the distribution).

Calls run in a few threads of their own, events in one; the connection is made when it is needed and made again when
libvirtd was restarted. Every call may be repeated: what is so already is left alone.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from tinstack.compute.drivers.interface import CRASHED, NOSTATE, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, DriverError
from tinstack.compute.drivers.libvirt import copying, events, nics, waiting
from tinstack.compute.drivers.libvirt.domain import NAMESPACE
from tinstack.compute.drivers.libvirt.serial import SerialLine, Stream

log = logging.getLogger(__name__)

T = TypeVar("T")
Heard = Callable[[str, int], None]
"""(server id, power state), in the event loop."""

THREADS = 10
"""Made as they are needed; a guest that is suspended keeps one busy while its memory is written."""
POWER = {0: NOSTATE, 1: RUNNING, 2: RUNNING, 3: PAUSED, 4: RUNNING, 5: SHUTDOWN, 6: CRASHED, 7: SUSPENDED}
"""virDomainState → power state; one that is shutting down (4) still runs."""
DIED = (3, 6)
"""virDomainShutoffReason: QEMU ended by itself (killed, aborted), or did not start."""

UNDER_WAY = "in the process of unplug"
"""QEMU's words for a device that the guest was asked for before."""


class LibvirtUnreachable(DriverError):
    """The daemon does not answer."""

    code, message = "compute.libvirt.unreachable", "libvirt can't be reached at {uri}: {why}."


class LibvirtRefused(DriverError):
    """libvirt's own sentence, and what was asked of it."""

    code, message = "compute.libvirt", "libvirt could not {what}: {why}."


class HostDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What libvirt says of its host. ``version`` of the hypervisor; ``capabilities``: XML."""

    type: str
    version: int
    ram_mib: int
    vcpus: int
    capabilities: str


class Hypervisor(Protocol):
    """What the driver needs. Power states are the compute API's; None: there is no such guest."""

    async def open(self, heard: Heard) -> None: ...
    async def close(self) -> None: ...
    async def host(self) -> HostDescription: ...
    async def states(self) -> dict[str, int]: ...
    async def state(self, id: str) -> int | None: ...
    async def define(self, xml: str) -> None: ...
    async def start(self, id: str) -> None: ...
    async def press_power_button(self, id: str) -> None: ...
    async def switch_off(self, id: str) -> None: ...
    async def pause(self, id: str) -> None: ...
    async def unpause(self, id: str) -> None: ...
    async def go_on(self, id: str) -> bool: ...
    async def save(self, id: str) -> None: ...
    async def plug(self, id: str, interface: str, device: str) -> None: ...
    async def unplug(self, id: str, device: str, *, ask: bool) -> bool: ...
    async def resize_disk(self, id: str, serial: str, size: int) -> None: ...
    async def begin_copy(self, id: str, disk: str, target: str) -> None: ...
    async def is_copying(self, id: str) -> bool: ...
    async def end_copy(self, id: str) -> None: ...
    async def forget_memory(self, id: str) -> None: ...
    async def forget(self, id: str) -> None: ...
    async def statistics(self, id: str) -> dict[str, Any]: ...
    async def running_xml(self, id: str) -> str | None: ...
    async def open_serial(self, id: str, line: SerialLine) -> None: ...


class LibvirtHypervisor:
    """One libvirtd, by its URI."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="libvirt")
        self._connecting = threading.Lock()
        self._connection: Any = None
        self._heard: Heard | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, heard: Heard) -> None:
        """Listen; a daemon that is not there yet is connected to by a later call."""
        self._heard, self._loop = heard, asyncio.get_running_loop()
        try:
            await self._run("connect", lambda connection: None)
        except LibvirtUnreachable as error:
            log.warning("%s It is tried again with the next call.", error.text)

    async def close(self) -> None:
        """Disconnect."""
        self._heard = None
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)
        self._threads.shutdown(wait=False)

    async def host(self) -> HostDescription:
        return await self._run("describe the host", _host)

    async def states(self) -> dict[str, int]:
        """Of all domains that have our metadata."""
        return await self._run("list the guests", _states)

    async def state(self, id: str) -> int | None:
        return await self._run("look at the guest", partial(_state, id=id))

    async def define(self, xml: str) -> None:
        await self._run("define the guest", lambda connection: connection.defineXML(xml))

    async def start(self, id: str) -> None:
        """From its saved memory, where there is some."""
        await self._domain(id, "start the guest", lambda domain: None if domain.isActive() else domain.create())

    async def press_power_button(self, id: str) -> None:
        await self._domain(id, "press the guest's power button", lambda domain: domain.isActive() and domain.shutdown())

    async def switch_off(self, id: str) -> None:
        await self._domain(id, "switch the guest off", _switch_off)

    async def pause(self, id: str) -> None:
        await self._domain(id, "pause the guest", lambda domain: _power(domain) == PAUSED or domain.suspend())

    async def unpause(self, id: str) -> None:
        await self._domain(id, "unpause the guest", lambda domain: _power(domain) == RUNNING or domain.resume())

    async def go_on(self, id: str) -> bool:
        """Whether it was paused for a disk that did not answer; it tries again."""
        return bool(await self._domain(id, "let the guest go on", waiting.go_on))

    async def save(self, id: str) -> None:
        """Memory to disk, and off."""
        await self._domain(id, "suspend the guest", lambda domain: domain.isActive() and domain.managedSave(0))

    async def plug(self, id: str, interface: str, device: str) -> None:
        """The running guest and its definition have that interface or disk, known by its tap or serial."""
        await self._domain(id, "plug in the device", partial(_plug, interface=interface, device=device))

    async def unplug(self, id: str, device: str, *, ask: bool) -> bool:
        """Whether the running guest still has it. ``ask``: it is asked to let go; its definition has it no more."""
        return bool(await self._domain(id, "unplug the device", partial(_unplug, device=device, ask=ask)))

    async def resize_disk(self, id: str, serial: str, size: int) -> None:
        """The running guest sees that the disk with that serial has that many bytes."""
        await self._domain(id, "resize the guest's disk", partial(copying.resize, serial=serial, size=size))

    async def begin_copy(self, id: str, disk: str, target: str) -> None:
        """Let QEMU write the running guest's disk, as it is now, into ``target``, a qcow2 of its size."""
        await self._domain(id, "copy the guest's disk", partial(copying.begin, disk=disk, target=target))

    async def is_copying(self, id: str) -> bool:
        """Whether that goes on. Raises CopyFailed where it ended badly."""
        return bool(await self._domain(id, "copy the guest's disk", copying.goes_on))

    async def end_copy(self, id: str) -> None:
        """Give it up."""
        await self._domain(id, "end the copying of the guest's disk", copying.end)

    async def forget_memory(self, id: str) -> None:
        """The saved memory: the guest is then shut down."""
        await self._domain(
            id, "forget the guest's memory", lambda it: it.hasManagedSaveImage() and it.managedSaveRemove(0)
        )

    async def forget(self, id: str) -> None:
        """Off, and no longer defined; with its saved memory, NVRAM, snapshots' and checkpoints' metadata."""
        await self._run("remove the guest", partial(_forget, id=id))

    async def statistics(self, id: str) -> dict[str, Any]:
        """By the names of virConnectGetAllDomainStats; a guest that is off has few."""
        found: dict[str, Any] = await self._domain(id, "measure the guest", _statistics)
        return found

    async def running_xml(self, id: str) -> str | None:
        """How the guest runs, with what libvirt added; None where it is off."""
        xml = await self._domain(id, "look at the guest", lambda domain: domain.XMLDesc(0) if domain.isActive() else "")
        return xml or None

    async def open_serial(self, id: str, line: SerialLine) -> None:
        """Talk with the running guest by its serial line."""
        open_it = partial(Stream, received=line.received, ended=line.ended)
        line.stream = await self._domain(id, "open the guest's serial line", open_it)

    async def _domain(self, id: str, what: str, work: Callable[[Any], Any]) -> Any:
        return await self._run(what, lambda connection: work(connection.lookupByUUIDString(id)))

    async def _run(self, what: str, work: Callable[[Any], T]) -> T:
        """``work`` with a connection, in a thread. Who cancels waits for its end: it can't be stopped in the middle."""
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._work, what, work)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call])
            raise

    # --- in threads ------------------------------------------------------------------------------

    def _work(self, what: str, work: Callable[[Any], T]) -> T:
        connection = self._connected()
        import libvirt

        try:
            return work(connection)
        except libvirt.libvirtError as error:
            if connection.isAlive() == 1:
                raise LibvirtRefused(what=what, why=_reason(error)) from error
        try:
            return work(self._connected())
        except libvirt.libvirtError as error:
            raise LibvirtRefused(what=what, why=_reason(error)) from error

    def _connected(self) -> Any:
        try:
            import libvirt
        except ImportError as error:
            raise LibvirtUnreachable(uri=self._uri, why="the package python3-libvirt is not installed") from error

        with self._connecting:
            if self._connection is not None and self._connection.isAlive() == 1:
                return self._connection
            events.listen()
            try:
                connection = libvirt.open(self._uri)
                connection.setKeepAlive(5, 3)
                connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._event, None)
            except libvirt.libvirtError as error:
                raise LibvirtUnreachable(uri=self._uri, why=_reason(error)) from error
            if self._connection is not None:
                log.info("connected to libvirt again")
            self._connection = connection
            return connection

    def _event(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        """In the thread of events: hand it over to the loop, ask libvirt nothing."""
        state, heard, loop = events.power_of(event, detail), self._heard, self._loop
        if state is None or heard is None or loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(heard, domain.UUIDString(), state)


def _reason(error: Any) -> str:
    return str(error.get_error_message() or error).rstrip(".")


def _host(connection: Any) -> HostDescription:
    import libvirt

    memory = connection.getMemoryStats(
        libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS
    )  # KiB; getInfo() adds NUMA cells, and may lack some
    return HostDescription(
        type=connection.getType(),
        version=connection.getVersion(),
        ram_mib=memory["total"] // 1024,
        vcpus=connection.getInfo()[2],
        capabilities=connection.getCapabilities(),
    )


def _states(connection: Any) -> dict[str, int]:
    found = {}
    for domain in connection.listAllDomains():
        if _ours(domain):
            found[domain.UUIDString()] = _power(domain)
    return found


def _ours(domain: Any) -> bool:
    import libvirt

    try:
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError:
        return False
    return True


def _state(connection: Any, id: str) -> int | None:
    domain = _find(connection, id)
    return None if domain is None else _power(domain)


def _find(connection: Any, id: str) -> Any:
    import libvirt

    try:
        return connection.lookupByUUIDString(id)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def _power(domain: Any) -> int:
    number, reason = domain.state()[:2]
    state = POWER.get(number, NOSTATE)
    if state == SHUTDOWN and domain.hasManagedSaveImage():
        return SUSPENDED
    return CRASHED if state == SHUTDOWN and reason in DIED else state


def _plug(domain: Any, interface: str, device: str) -> None:
    import libvirt

    if domain.isActive() and nics.find(domain.XMLDesc(0), device) is None:
        domain.attachDeviceFlags(interface, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    if nics.find(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), device) is None:
        domain.attachDeviceFlags(interface, libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def _unplug(domain: Any, device: str, ask: bool) -> bool:
    import libvirt

    if not ask:
        return bool(domain.isActive()) and nics.find(domain.XMLDesc(0), device) is not None
    kept = nics.find(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), device)
    if kept is not None:
        domain.detachDeviceFlags(kept, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    live = nics.find(domain.XMLDesc(0), device) if domain.isActive() else None
    if live is None:
        return False
    try:
        domain.detachDeviceFlags(live, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_DEVICE_MISSING and UNDER_WAY not in _reason(error):
            raise
    return bool(domain.isActive()) and nics.find(domain.XMLDesc(0), device) is not None


def _switch_off(domain: Any) -> None:
    import libvirt

    try:
        domain.destroy()
    except libvirt.libvirtError:
        if domain.isActive():
            raise


def _forget(connection: Any, id: str) -> None:
    import libvirt

    domain = _find(connection, id)
    if domain is None:
        return
    _switch_off(domain)
    domain.undefineFlags(
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    )


def _statistics(domain: Any) -> dict[str, Any]:
    connection = domain.connect()
    ((_, found),) = connection.domainListGetStats([domain])
    return dict(found)
