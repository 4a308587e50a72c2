"""A process dies before or after the effect of a step: every server ends ACTIVE or in ERROR with a fault, and nothing is left."""

import re

import pytest

from tinstack.core import crash

POINTS = [
    (service, f"{when}-{step}")
    for service, steps in crash.STEPS.items()
    for step in steps
    for when in ("before", "after")
    if (service, step) != ("volume", 27)  # a server without volumes has no attachment to connect
]


SHORT = {
    ("api", "after-7"),
    ("scheduler", "after-11"),
    ("placement", "after-11"),
    ("conductor", "before-11"),
    ("compute", "after-22"),
    ("compute", "after-28"),
    ("conductor", "after-29"),
}
"""The claim, the port and the guest are there, and who made them is not."""

MARKED = [pytest.param(*one, id="-".join(one), marks=[pytest.mark.short] * (one in SHORT)) for one in POINTS]


@pytest.mark.parametrize("service,point", MARKED)
def test_a_boot_survives_the_death_of_a_process(rig, service, point):
    if service == "compute" and point.endswith("-19"):
        for image in rig.state.glob("image-cache/*/*"):
            image.unlink()  # so that it is fetched
    name = f"{service}-{point}"
    marker = rig.arm(service, point)
    rig.boot(name)
    servers = rig.ended(name)
    assert servers
    assert marker.exists(), "the process did not die"
    for server in servers:
        if server["status"] == "ERROR":
            fault = server["fault"]["message"]
            step = re.search(r"[Ss]tep (\d+)", fault)
            assert step and (int(step[1]) < 12 or "host" in fault), fault
        else:
            assert server["OS-EXT-STS:task_state"] is None
            assert server["addresses"], "its address is known"
    rig.delete_all()
