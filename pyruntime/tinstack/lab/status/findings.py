"""What is not as it should be, each in one sentence with component, host and cause; causes before what follows from them."""

from collections.abc import Iterator

from tinstack.lab.status import causes
from tinstack.lab.status.apis import Service, Told
from tinstack.lab.status.hosts import Looked

FOUNDATIONS = ("mariadb.service", "rabbitmq-server.service", "haproxy.service", "libvirtd.service")
"""Units that others stand on."""

APIS = {
    "identity": "tinstack-identity",
    "compute": "tinstack-api",
    "network": "tinstack-network",
    "block-storage": "tinstack-volume",
    "placement": "tinstack-placement",
    "image": "tinstack-image",
    "nova-conductor": "tinstack-conductor",
    "nova-scheduler": "tinstack-scheduler",
    "nova-compute": "tinstack-compute",
    "cinder-volume": "tinstack-volume",
    "cinder-scheduler": "tinstack-volume",
}
"""Services as the APIs call them, and their units. All others are the network agent's."""

AGENTS = ("tinstack-compute", "tinstack-network-agent")
TOGETHER = "tinstack-controller"
"""The unit of all services of a host but its agents, where they share a process."""

DISK_BYTES, DISK_PART, DISK_MOST = 1 << 29, 0.03, 10 << 30
"""A disk is full that has less than either of the first two free; big ones have room with a smaller part: never with so much."""

MEMORY_PART, MEMORY_MOST_MIB = 0.04, 1024
"""Memory is used up where less is available; never where so much is."""

CLOCK_SECONDS = 2.0
"""Tokens and leases bear a clock that is off by no more."""

BACKLOG = 200
"""Messages in a queue that somebody reads, above which that one is too slow."""

STARTED = 30
"""Seconds for which a unit may be starting."""


def find(told: Told, looked: dict[str, Looked], silent: dict[str, str], now: float) -> list[str]:
    """All of them. ``silent``: hosts that could not be asked, and why."""
    down = {
        (one.unit.removesuffix(".service"), host) for host, said in looked.items() for one in said.units if not one.up
    }
    found = list(silent.values())
    for host, said in looked.items():
        found += of_host(host, said)
    found += of_units(looked, now)
    for host, said in looked.items():
        found += causes.of_host(host, said.causes, now)
    found += causes.between({host: said.causes for host, said in looked.items()})
    for host, said in looked.items():
        found += of_foundations(host, said)
    found += [sentence for one in told.services if (sentence := of_service(one, down, silent, now))]
    found += [
        f"The volume backend {pool.name} is full: {pool.free_gib:g} of {pool.total_gib:g} GiB are free."
        for pool in told.pools
        if pool.total_gib and pool.free_gib < min(pool.total_gib * DISK_PART, DISK_MOST >> 30)
    ]
    return found


def of_host(host: str, said: Looked) -> Iterator[str]:
    """Disks, memory, clock; and what was too slow to be looked at."""
    if said.late:
        yield f"{host} is too busy to tell about its {', '.join(said.late)} in time (load {said.load:.0f} on {said.cpus} CPUs)."
    for disk in said.disks:
        least = max(min(DISK_BYTES, disk.total_bytes * 0.1), min(disk.total_bytes * DISK_PART, DISK_MOST))
        if disk.free_bytes < least:
            yield f"The disk with {disk.path} on {host} is full: {size(disk.free_bytes)} of {size(disk.total_bytes)} are free."
    if said.memory.available_mib < min(said.memory.total_mib * MEMORY_PART, MEMORY_MOST_MIB):
        yield f"{host} is out of memory: {said.memory.available_mib} of {said.memory.total_mib} MiB are available."
    if abs(said.clock_off) > CLOCK_SECONDS:
        way = "ahead of" if said.clock_off > 0 else "behind"
        yield f"The clock of {host} is {abs(said.clock_off):g} s {way} this machine's: have it synchronised."


def of_units(looked: dict[str, Looked], now: float) -> list[str]:
    """Units that do not run, those that others stand on first."""
    found = []
    for host, said in looked.items():
        for unit in said.units:
            starting = unit.state == "activating" and not unit.restarts and (unit.since or 0) > now - STARTED
            if unit.up or starting or not unit.enabled:
                continue
            again = unit.detail == "auto-restart" or (unit.state == "activating" and unit.restarts)
            state = "keeps failing" if again else f"is {unit.state}"
            when = f" since {ago(unit.since, now)}" if unit.since else ""
            name = unit.unit.removesuffix(".service")
            sentence = f"{name} on {host} {state}{when}: {(unit.why or 'no reason is known').rstrip('.')}."
            found.append((unit.unit not in FOUNDATIONS, sentence))
    return [sentence for _, sentence in sorted(found, key=lambda one: one[0])]


def of_foundations(host: str, said: Looked) -> Iterator[str]:
    """Database and bus."""
    running = {unit.unit for unit in said.units if unit.up}
    if said.database is not None and "mariadb.service" in running:
        if not said.database.answers:
            yield f"The database on {host} runs but does not answer."
        elif said.database.read_only:
            yield f"The database on {host} is read-only: `SET GLOBAL read_only = 0` there makes it writable."
    for queue in said.queues or []:
        if queue.messages and not queue.consumers:
            yield f"Nobody reads the queue {queue.name} of the bus on {host}: {queue.messages} messages wait."
        elif queue.messages > BACKLOG:
            yield f"The queue {queue.name} of the bus on {host} is {queue.messages} messages long: its reader is deaf or too slow."


def of_service(one: Service, down: set[tuple[str, str]], silent: dict[str, str], now: float) -> str | None:
    """A service that the APIs show as down, unless its unit or host explains it."""
    unit = APIS.get(one.name, "tinstack-network-agent")
    units = {unit} if unit in AGENTS else {unit, TOGETHER}
    explained = any(known in units and one.host in ("-", host) for known, host in down) or one.host in silent
    if one.up or not one.enabled or explained:
        return None
    if one.host == "-":
        return f"The API {one.name} is down: {one.reason}"
    heard = f" for {ago(one.since, now).removesuffix(' ago')}" if one.since else ""
    hint = f"./lab logs --host {one.host} --service {unit.removeprefix('tinstack-')}"
    return f"{one.name} on {one.host} has not reported{heard}: see `{hint}`."


def ago(then: int | None, now: float) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int(now - (then or now)))
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {name} ago"
    return f"{seconds} s ago"


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
