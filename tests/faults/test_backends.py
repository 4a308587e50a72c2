"""RabbitMQ wiped and MariaDB restarted in the middle of a burst: every server ends, none is lost."""

import shutil
from concurrent.futures import ThreadPoolExecutor

BURST = 20


def burst(rig, name, meanwhile):
    """Boot many at once, and do something when some of them are under way."""
    with ThreadPoolExecutor(BURST) as pool:
        asked = [pool.submit(rig.boot, name, 60.0) for _ in range(BURST)]
        asked[2].result()
        meanwhile()
        ids = {one.result() for one in asked}
    servers = rig.ended(name)
    assert ids <= {server["id"] for server in servers}
    faults = [server["fault"]["message"] for server in servers if server["status"] == "ERROR"]
    assert all("tep" in fault for fault in faults), faults
    rig.delete_all()


def test_rabbitmq_is_stopped_and_wiped(rig):
    def wipe():
        rig.backends.stop_one("RabbitMQ")
        shutil.rmtree(rig.backends.folder / "rabbitmq" / "data")
        rig.backends.start_rabbitmq()

    burst(rig, "wiped", wipe)


def test_mariadb_is_restarted(rig):
    def restart():
        rig.backends.stop_one("MariaDB")
        rig.backends.start_mariadb()

    burst(rig, "restarted", restart)
