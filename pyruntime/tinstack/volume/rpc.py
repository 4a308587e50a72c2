"""Topic ``volume``: what hosts say to the volume service."""

from tinstack.core.bus import Message

TOPIC = "volume"


class DiskWaits(Message):
    """A guest of the sender's host waits for one of its volumes: what that host was told to reach must be there now."""

    server_id: str
