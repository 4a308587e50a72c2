"""libvirt's events: its own loop in a thread, and what its lifecycle events say of a guest's power."""

import threading

from tinstack.compute.drivers.interface import CRASHED, PAUSED, RUNNING, SHUTDOWN, SUSPENDED

_HEARD = {2: RUNNING, 3: PAUSED, 4: RUNNING, 7: SUSPENDED, 8: CRASHED}
"""virDomainEventType (started, suspended, resumed, suspended by the guest, crashed) → power state."""
_STOPPED = {2: CRASHED, 4: SUSPENDED, 5: CRASHED}
"""virDomainEventStoppedDetailType → power state, where one that stopped is not simply off: its QEMU died, its memory was saved, its
start failed."""
_STOP = 5

_listening = threading.Lock()
_listener: threading.Thread | None = None


def power_of(event: int, detail: int) -> int | None:
    """The power state that a lifecycle event tells of; None where it tells of none."""
    return _STOPPED.get(detail, SHUTDOWN) if event == _STOP else _HEARD.get(event)


def listen() -> None:
    """Start libvirt's own event loop, once in a process and before the first connection."""
    global _listener
    import libvirt

    with _listening:
        if _listener is None:
            libvirt.registerErrorHandler(lambda context, error: None, None)  # else it prints what it also raises
            libvirt.virEventRegisterDefaultImpl()
            _listener = threading.Thread(target=_events, name="libvirt events", daemon=True)
            _listener.start()


def _events() -> None:
    import libvirt

    while libvirt.virEventRunDefaultImpl() == 0:
        pass
