"""Topic ``compute.<host>``: what a host's agent is told or asked."""

from tinstack.core.bus import Message


def topic(host: str) -> str:
    """The topic of a host's compute agent."""
    return f"compute.{host}"


class Look(Message):
    """Look at that server: ask the conductor what is wanted, make it so, report. Taking it twice does it once (step 12)."""

    server_id: str
    operation_id: str
    generation: int


class Gone(Message):
    """That server is deleted, for good: whatever the host still has of it is to be removed."""

    server_id: str


class ServerEvent(Message):
    """An external event for a server on this host, e.g. ``network-vif-plugged`` with the port's id as ``tag``."""

    server_id: str
    name: str
    tag: str = ""
    status: str = "completed"


class GetConsoleOutput(Message):
    """The end of a server's console log; ``length``: lines, None for all that is kept."""

    server_id: str
    length: int | None = None


class ConsoleOutput(Message):
    """The text."""

    output: str


class GetDiagnostics(Message):
    """CPU, memory, disk and NIC figures of a running server."""

    server_id: str


class GetUptime(Message):
    """How long the host runs, with its load."""


class Uptime(Message):
    """One line, as ``uptime`` prints it."""

    uptime: str


class Diagnostics(Message):
    """In the form of the compute API's 2.48 diagnostics."""

    diagnostics: dict[str, object]


class GetConsole(Message):
    """Where the console of a server that runs is. ``kind``: vnc or serial. Answer: ``ConsoleAt``; refused (409) where it is off."""

    server_id: str
    kind: str


class ConsoleAt(Message):
    """A TCP address; ``path``: the line to be said first there ('': nothing)."""

    host: str
    port: int
    path: str = ""
