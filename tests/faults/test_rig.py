"""The rig itself: killed, it leaves no process; started again, it goes on with what it had."""

import os
import threading
import time


def test_a_rig_that_is_killed_leaves_no_process_and_goes_on_with_its_data(rig):
    rig.boot("lasting")
    (server,) = rig.ended("lasting")
    pids, ready = rig.pids().values(), rig.state / "ready.json"
    rig.process.kill()
    rig.process.wait()
    end = time.monotonic() + 10
    while left := [path for path in [*(f"/proc/{pid}" for pid in pids), ready] if os.path.exists(path)]:
        assert time.monotonic() < end, left
        threading.Event().wait(0.1)
    rig.start()
    assert [one["id"] for one in rig.named("lasting")] == [server["id"]]
    rig.delete_all()
