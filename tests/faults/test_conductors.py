"""One of two conductors (or schedulers) stands still past its lease in the middle of its work, and goes on when another has done it:
what was made since stays."""

import pytest

from faults import checks


@pytest.fixture(autouse=True)
def _clean(several):
    yield
    several.delete_all()


def overtaken(rig, service, id):
    """The process that stood still has seen that it is late."""
    logs = [file.read_text() for file in (rig.state / "logs").glob(f"{service}*.log")]
    return any(id in line and "held by another owner" in line for log in logs for line in log.splitlines())


def claimed(rig, id):
    """Of which providers the server holds something."""
    return set(checks.read(rig.admin, "placement", f"/allocations/{id}")["allocations"])


def bound(rig, id):
    """Where its ports are."""
    ports = checks.read(rig.admin, "network", f"/v2.0/ports?device_id={id}")["ports"]
    return {one["binding:host_id"] for one in ports} if len(ports) == 2 else set()


@pytest.mark.parametrize("place,what", [("clear-ports", bound), ("clear-claim", claimed)])
def test_an_undo_that_goes_on_late_leaves_what_the_next_attempt_has(several, place, what):
    given = several.demo.post("network", "/v2.0/ports", {"port": {"network_id": several.network}}).json["port"]["id"]
    wanted = {"networks": [{"uuid": several.network}, {"port": given}], "metadata": {"tinstack:fault": "28:1"}}
    with several.stopping("conductor", f"before-{place}") as marker:
        id = several.boot(f"late-{place}", **wanted)
        checks.until(marker.exists, 20, "a conductor stands still")
        first = what(several, id)
        checks.until(lambda: len(what(several, id) - first) == 1, 60, "the next attempt has what it needs")
    checks.until(lambda: overtaken(several, "conductor", id), 10, "the late one is told so")
    (server,) = several.until_settled([id], 100)
    assert server["status"] == "ACTIVE", server.get("fault")
    assert checks.left_over(several.admin, several.state) == []
    assert bound(several, id) == {server["OS-EXT-SRV-ATTR:host"]}
    several.delete_all()
    assert several.demo.delete("network", f"/v2.0/ports/{given}").status == 204
