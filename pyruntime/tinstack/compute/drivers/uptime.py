"""How long this machine runs, as ``uptime`` prints it. Source: uptime(1), proc(5), utmp(5)."""

import os
import time
from pathlib import Path

RECORD, USER_PROCESS = 384, 7
"""A record of utmp in bytes; the type of one who is signed in."""


def line(utmp: Path = Path("/run/utmp")) -> str:
    """`` 12:00:00 up 5 days,  3:12,  1 user,  load average: 0.10, 0.20, 0.30``."""
    minutes = int(time.clock_gettime(time.CLOCK_BOOTTIME)) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    long = f"{days} day{'' if days == 1 else 's'}, " if days else ""
    users = _users(utmp)
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    now = time.strftime("%H:%M:%S")
    return f" {now} up {long}{hours:2d}:{minutes:02d},  {users} user{'' if users == 1 else 's'},  load average: {load}"


def _users(utmp: Path) -> int:
    try:
        data = utmp.read_bytes()
    except OSError:
        return 0
    kinds = (int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data) - RECORD + 1, RECORD))
    return sum(kind == USER_PROCESS for kind in kinds)
