"""One split cloud on a private MariaDB and RabbitMQ for all fault tests, with short leases; docs/rig.md."""

import contextlib
import socket
from collections.abc import Iterator

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


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Every crash point is armed, and held back by its marker until a test takes that away."""
    state = tmp_path_factory.mktemp("rig")
    (state / "tuning.toml").write_text(TUNING)
    for service in crash.STEPS:
        folder = state / "crashed" / service
        folder.mkdir(parents=True)
        for point in crash.points(service):
            (folder / point).touch()
    cloud = Cloud(state, configs.ports(_free_base()), hosts=2)
    with make_backends(state / "backends", cloud, [STOLEN]) as backends:
        made = Rig(state, cloud, backends)
        made.start()
        try:
            yield made
        finally:
            made.stop()
