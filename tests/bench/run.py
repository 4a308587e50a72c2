"""Measure a cloud, print the figures beside real OpenStack's and the budgets: ``./lab test bench``.

It runs ``dev --split`` (a process per service, real MariaDB and RabbitMQ with their defaults, simulated guests). ``--write``
puts the table into docs/benchmarks.md; ``--sandbox`` measures real guests of the lab that ``./lab up`` made as well.
"""

import argparse
import asyncio
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
import servers
from load import BenchError, rate
from rig import ROOT, Rig, running
from table import lines, write

HOSTS = "20"
SECONDS = 5.0
IDLE_SECONDS = 20.0
BOOTS = 20
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
    before = sum(map(idle.cpu_seconds, rig.own_pids()))
    began = time.perf_counter()
    found["boot_answer"], found["boot"] = await servers.boot_ms(rig, BOOTS)
    used = sum(map(idle.cpu_seconds, rig.own_pids())) - before
    print(f"  {BOOTS} boots in {time.perf_counter() - began:.1f} s", flush=True)
    found["boot_cpu"] = 1000 * used / BOOTS
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
    await one("detail_100")
    found["delete_100"] = await servers.delete_all(rig)
    await servers.fill(rig, 500)
    await one("detail_500")
    await one("page_500", "?limit=100")
    await servers.fill(rig, 5000)
    await one("page_5000", "?limit=100")


async def idling(rig: Rig, found: Results) -> None:
    """Nobody asks. Before anything else was asked of the cloud but what made its content."""
    found["start"] = rig.started
    found["pss"] = idle.pss_mib(rig.own_pids())
    found["cpu"] = await asyncio.to_thread(idle.cpu_percent, rig.own_pids(), IDLE_SECONDS)
    found["distributions"], found["installed"] = idle.installed(runtime())


def runtime() -> Path:
    """The environment that has the runtime's packages and nothing else."""
    named = os.environ.get("TINSTACK_RUNTIME")
    return Path(named) if named else Path(sys.prefix)


PARTS: dict[str, Callable[[Rig, Results], Awaitable[None]]] = {
    "idle": idling,
    "reads": reads,
    "images": images.measure,
    "boots": boots,
    "lists": lists,
}


async def measure(rig: Rig, parts: list[str]) -> Results:
    """The parts in their order."""
    found: Results = {}
    await rig.prepare()
    for name in parts:
        print(f"{name} …", flush=True)
        await PARTS[name](rig, found)
    return found


def about() -> str:
    """Machine, date and settings in a sentence."""
    model = next(
        line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}; `dev --split --hosts {HOSTS}`, a process per service, MariaDB and RabbitMQ with "
        "their defaults (each commit is flushed), simulated guests; client, broker and database on the same cores."
    )


def main() -> int:
    """Exit status 1 where the cloud did not do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--sandbox", action="store_true", help="measure real guests of the lab that `up` made as well")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    if unknown := [name for name in asked.parts if name not in PARTS]:
        parser.error(f"There is no part '{unknown[0]}'; there are: {', '.join(PARTS)}.")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tinstack-bench-") as folder,
            running(Path(folder) / "lab", "--hosts", HOSTS) as rig,
        ):
            found = asyncio.run(measure(rig, asked.parts))
        if asked.sandbox:
            found["domain"] = domain.beyond_virsh_ms()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(*["", about(), "", *lines(found)], sep="\n")
    if asked.write:
        write(ROOT / "docs" / "benchmarks.md", found, about())
    return 0


if __name__ == "__main__":
    sys.exit(main())
