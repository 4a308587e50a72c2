"""One split cloud on a private MariaDB and RabbitMQ for all fault tests, with short leases; docs/rig.md."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.rigs import STOLEN, TUNING, Rig
from tinstack.core import crash
from tinstack.dev import configs
from tinstack.dev.cloud import Cloud
from tinstack.dev.rig import make_backends


def _free_base() -> int:
    for base in range(31200, 32700, 8):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + 8):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise RuntimeError("no eight free ports in a row")


@contextlib.contextmanager
def _started(state: Path, processes: str = "", tuning: str = TUNING) -> Iterator[Rig]:
    """Every crash point is armed, and held back by its marker until a test takes that away."""
    (state / "tuning.toml").write_text(tuning)
    for service in crash.STEPS:
        folder = state / "crashed" / service
        folder.mkdir(parents=True)
        for point in crash.points(service):
            (folder / point).touch()
    cloud = Cloud(state, configs.ports(_free_base()), hosts=2)
    with make_backends(state / "backends", cloud, [STOLEN]) as backends:
        made = Rig(state, cloud, backends)
        made.start(processes)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A process of each service."""
    with _started(tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two conductors. What the broker gives to one that stands still is asked for again, which takes its time."""
    tuning = TUNING.replace("boot_deadline_seconds = 20.0", "boot_deadline_seconds = 90.0")
    tuning = tuning.replace("service_down_seconds = 5.0", "service_down_seconds = 60.0")
    with _started(tmp_path_factory.mktemp("several"), "conductor=2", tuning) as made:
        yield made
