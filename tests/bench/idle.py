"""What the controllers' services cost while nobody asks: memory (PSS) and CPU; and the size of what is installed."""

import os
import sysconfig
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

MIB = 1 << 20
INSTALLERS = {"pip": ("pip",), "setuptools": ("setuptools", "pkg_resources", "_distutils_hack")}
"""What makes environments, and its folders."""

TICKS = os.sysconf("SC_CLK_TCK")


def pss_mib(pids: Iterable[int]) -> float:
    """Proportional set size of processes, MiB. Source: proc(5), smaps_rollup."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def cpu_percent(pids: Iterable[int], seconds: float) -> float:
    """Of one core, over that time."""
    known = list(pids)
    before, began = sum(map(cpu_seconds, known)), time.perf_counter()
    time.sleep(seconds)
    return 100 * (sum(map(cpu_seconds, known)) - before) / (time.perf_counter() - began)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process. Source: proc(5), stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def installed(environment: Path) -> tuple[int, float]:
    """Distributions of a virtual environment and their size with bytecode, MiB; what every such environment has is left out."""
    folder = environment / Path(sysconfig.get_path("purelib")).relative_to(sysconfig.get_config_var("base"))
    names = {one.name for one in metadata.distributions(path=[str(folder)])} - INSTALLERS.keys()
    left_out = {name for some in INSTALLERS.values() for name in some}
    files = (file for file in folder.rglob("*") if file.is_file() and file.relative_to(folder).parts[0] not in left_out)
    return len(names), sum(file.stat().st_size for file in files) / MIB
