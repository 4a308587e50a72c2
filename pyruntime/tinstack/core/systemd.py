"""sd_notify(3): tell systemd that the service is ready, and feed its watchdog from the event loop itself."""

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send ``READY=1``, ``WATCHDOG=1``, ``STOPPING=1`` … ; without ``$NOTIFY_SOCKET``, or with nobody at it, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        channel.sendall(state.encode())


def watchdog_seconds() -> float | None:
    """How often to feed the watchdog: half of ``WATCHDOG_USEC``; None where there is none."""
    usec = os.environ.get("WATCHDOG_USEC")
    return int(usec) / 2_000_000 if usec else None
