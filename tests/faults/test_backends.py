"""RabbitMQ wiped, MariaDB restarted, a process that stands still, in the middle of a burst: every server ends, none is lost."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from faults import checks

BURST, SOME = 50, 6


def burst(rig, name, count, meanwhile):
    """Boot many at once, and do something when some of them are under way; how many are ACTIVE."""
    with ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(rig.boot, name, 60.0) for _ in range(count)]
        asked[2].result()
        meanwhile()
        ids = [one.result() for one in asked]
    servers = rig.until_settled(ids, 60.0)
    left = checks.left_over(rig.admin, rig.state)
    assert len(set(ids)) == count and not left, left
    rig.delete_all()
    print(
        [server["fault"]["message"] for server in servers if server["status"] == "ERROR"]
    )  # shown where fewer were expected
    return [server["status"] for server in servers].count("ACTIVE")


def test_rabbitmq_is_stopped_and_wiped(rig):
    def wipe():
        rig.backends.stop_one("RabbitMQ")
        shutil.rmtree(rig.backends.folder / "rabbitmq" / "data")
        rig.backends.start_rabbitmq()

    assert burst(rig, "wiped", BURST, wipe)


@pytest.mark.short
def test_mariadb_is_restarted(rig):
    def restart():
        rig.backends.stop_one("MariaDB")
        rig.backends.start_mariadb()

    assert burst(rig, "restarted", BURST, restart)


@pytest.mark.parametrize(
    "process,seconds",
    [
        ("api", 3),
        ("scheduler", 5),
        ("conductor", 4),
        ("compute-1", 6),
        ("network-agent", 6),
        ("network", 5),
        ("placement", 5),
    ],
)
def test_a_process_stands_still_past_its_lease(rig, process, seconds):
    """Its messages wait, those that it would answer are past their deadline, and others have gone on with what it held."""

    def freeze():
        with rig.frozen(process):
            threading.Event().wait(seconds)

    assert burst(rig, f"frozen-{process}", SOME, freeze) == SOME


@pytest.mark.parametrize("process,seconds", [("conductor", 4), ("compute-1", 6)])
def test_a_process_stands_still_while_servers_are_deleted(rig, process, seconds):
    ids = [rig.boot(f"deleted-{number}") for number in range(SOME)]
    rig.until_settled(ids)
    with rig.frozen(process):
        for id in ids:
            assert rig.delete(id) == 204
        threading.Event().wait(seconds)
    checks.until(lambda: not set(ids) & {one["id"] for one in rig.servers()}, 30, "all deleted")
    checks.owned_by_someone(rig.admin, rig.state)
