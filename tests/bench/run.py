"""Measure a cloud, print the figures beside real OpenStack's and the budgets: ``./lab test bench``.

It runs ``dev --split`` (a process per service, real MariaDB and RabbitMQ with their defaults, simulated guests), then a second
one of 1,000 hosts. ``--write`` puts the table into docs/benchmarks.md; ``--sandbox`` measures real guests of the lab that
``./lab up`` made as well.
"""

import argparse
import asyncio
import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import domain
import idle
import images
import scheduler
import servers
from load import BenchError, rate
from rig import PORT_BASE, ROOT, Rig, running
from table import lines, write

from tinstack.dev.cache import cache

HOSTS = "20"
SECONDS = 5.0
IDLE_SECONDS = 20.0
SETTLE_SECONDS = 10.0
BOOTS = 20
QUIET_SECONDS, QUIET_PERCENT = 60.0, 6.0
IDLE, MANY = "idle", "hosts"
"""The parts that have a cloud of their own."""
Results = dict[str, float]


async def reads(rig: Rig, found: Results) -> None:
    """Requests that change nothing."""
    token = {"X-Subject-Token": rig.token}

    async def one(key: str, service: str, path: str, *, at_once: int = 16, **headers: str) -> None:
        some = [rig.connect(service, **headers) for _ in range(at_once)]
        found[key] = await rate(some, "GET", path, SECONDS, 200)

    issuing = [rig.connect("identity") for _ in range(2)]
    found["token_issue"] = await rate(issuing, "POST", "/auth/tokens", SECONDS, 201, rig.login)
    await one("token_validate", "identity", "/auth/tokens", **token)
    await one("flavor_list", "compute", "/flavors/detail")
    await one("image_list", "image", "/v2/images")
    await one("network_list", "network", "/v2.0/networks")
    await one("detail_0", "compute", "/servers/detail")


async def boots(rig: Rig, found: Results) -> None:
    """One after the other, then many at once."""
    await servers.boot_ms(rig, 3)
    found["boot_answer"], found["boot"] = await servers.boot_ms(rig, BOOTS)
    await quiet(rig)
    before = sum(map(idle.cpu_seconds, rig.own_pids()))
    await servers.boot_ms(rig, BOOTS, servers.GENTLE_SECONDS)
    await quiet(rig)
    found["boot_cpu"] = 1000 * (sum(map(idle.cpu_seconds, rig.own_pids())) - before) / BOOTS
    for count in (50, 200, 1000):
        found[f"burst_{count}"], missing = await servers.burst(rig, count)
        if missing:
            raise BenchError(f"{missing} of {count} servers did not become ACTIVE.")
        await servers.delete_all(rig)


async def lists(rig: Rig, found: Results) -> None:
    """Lists beside more and more servers, then the deletion of 100."""

    async def one(key: str, query: str = "") -> None:
        found[key] = await rate(
            [rig.connect("compute") for _ in range(4)], "GET", f"/servers/detail{query}", SECONDS, 200
        )

    await servers.fill(rig, 100)
    await quiet(rig)
    await one("detail_100")
    found["delete_100"] = await servers.delete_all(rig)
    await servers.fill(rig, 500)
    await quiet(rig)
    await one("detail_500")
    await one("page_500", "?limit=100")
    await servers.fill(rig, 5000)
    await quiet(rig)
    await one("page_5000", "?limit=100")
    found["all_5000"] = await servers.whole_list(rig)


async def quiet(rig: Rig) -> None:
    """What was begun is over, also what nobody waits for: our services use next to nothing."""
    end = time.perf_counter() + QUIET_SECONDS
    while time.perf_counter() < end:
        if await asyncio.to_thread(idle.cpu_percent, rig.own_pids(), 1.0) < QUIET_PERCENT:
            return


def many_hosts(found: Results) -> None:
    """Decisions and heartbeats of 1,000 hosts, on a cloud of their own."""
    measured = scheduler.measure(port_base=PORT_BASE)
    found["decisions"] = measured["decisions_per_second"]
    found["heartbeats"] = sum(
        percent for name, percent in measured["idle_cpu_percent"].items() if scheduler.is_ours(name)
    )


def idling(folder: Path, found: Results) -> None:
    """Nobody asks anything but what made the cloud's content. Each service loads for itself, as in a deployment: memory that forked
    processes share would not be counted."""
    state = folder / "idle"
    state.mkdir()
    (state / "tuning.toml").write_text("[rig]\napart = true\n")
    with running(state, "--hosts", HOSTS) as rig:
        time.sleep(SETTLE_SECONDS)
        found["pss"] = idle.pss_mib(rig.own_pids())
        found["cpu"] = idle.cpu_percent(rig.own_pids(), IDLE_SECONDS)
    found["distributions"], found["installed"] = idle.installed(runtime())


def runtime() -> Path:
    """The environment that has the runtime's packages and nothing else."""
    if named := os.environ.get("TINSTACK_RUNTIME"):
        return Path(named)
    lock = hashlib.sha256((ROOT / "pyruntime" / "requirements.lock").read_bytes()).hexdigest()[:12]
    made = next(cache().glob(f"venv-requirements-*-{lock}"), None)
    if made is None:
        raise BenchError("`./lab` has not made the runtime's environment here; TINSTACK_RUNTIME may name one.")
    return made


PARTS: dict[str, Callable[[Rig, Results], Awaitable[None]]] = {
    "reads": reads,
    "images": images.measure,
    "boots": boots,
    "lists": lists,
}
ALL = (IDLE, *PARTS, MANY)


async def measure(rig: Rig, parts: list[str], found: Results) -> None:
    """The parts in their order."""
    found["start"] = rig.started
    await rig.prepare()
    for name in parts:
        print(f"{name} …", flush=True)
        await PARTS[name](rig, found)


def speed() -> float:
    """Seconds for ten million additions in Python: what the processors of a shared machine do at this hour."""
    began, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - began


def about() -> str:
    """Machine, date and settings in a sentence."""
    model = next(
        line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}; `dev --split --hosts {HOSTS}`, a process per service, MariaDB and RabbitMQ with "
        "their defaults (each commit is flushed), simulated guests; client, broker and database on the same cores; "
        f"10 million additions in Python took {min(speed() for _ in range(3)):.2f} s."
    )


def main() -> int:
    """Exit status 1 where the cloud did not do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[*ALL], help=f"of {', '.join(ALL)}")
    parser.add_argument("--sandbox", action="store_true", help="measure real guests of the lab that `up` made as well")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    if unknown := [name for name in asked.parts if name not in ALL]:
        parser.error(f"There is no part '{unknown[0]}'; there are: {', '.join(ALL)}.")
    found: Results = {}
    try:
        with tempfile.TemporaryDirectory(prefix="tinstack-bench-") as folder:
            if IDLE in asked.parts:
                print(f"{IDLE} …", flush=True)
                idling(Path(folder), found)
            if parts := [name for name in asked.parts if name in PARTS]:
                with running(Path(folder) / "lab", "--hosts", HOSTS) as rig:
                    asyncio.run(measure(rig, parts, found))
        if MANY in asked.parts:
            print(f"{MANY} …", flush=True)
            many_hosts(found)
        if asked.sandbox:
            found["domain"] = domain.beyond_virsh_ms()
    except BenchError as error:
        print(*lines(found), sep="\n")
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(*["", about(), "", *lines(found)], sep="\n")
    if asked.write:
        write(ROOT / "docs" / "benchmarks.md", found, about())
    return 0


if __name__ == "__main__":
    sys.exit(main())
