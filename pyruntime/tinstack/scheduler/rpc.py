"""Topic ``scheduler``: what the scheduler is asked (steps 8 and 9)."""

from tinstack.core.bus import Message

TOPIC = "scheduler"


class SelectHost(Message):
    """Find and claim a host for the boot (or move) that the operation stands for. Ids only: the rest is asked back."""

    server_id: str
    operation_id: str
    generation: int


class Accepted(Message):
    """The scheduler holds the operation's lease now; what comes of it shows in the operation."""
