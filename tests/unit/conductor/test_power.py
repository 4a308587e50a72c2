"""What becomes of guests without anybody asking: halted, died, lost, gone, and those whose host was down."""

import pytest

from tinstack.compute.drivers.interface import CRASHED, RUNNING, SHUTDOWN
from tinstack.computedb import actions
from tinstack.computedb.rows import Instance
from tinstack.conductor import hosts, power
from tinstack.conductor.rpc import DIED, HOST_WENT_DOWN, LOST

from .conftest import Lab, eventually


async def told(lab: Lab, server: Instance) -> str | None:
    """What the newest action of the server says."""
    return (await actions.of_server(lab.db, server.id))[0].message


@pytest.mark.parametrize(
    "state, cause, words",
    [
        (SHUTDOWN, "", "powered itself off"),
        (CRASHED, DIED, "ended unexpectedly"),
        (SHUTDOWN, LOST, "does not know the guest"),
    ],
)
async def test_a_guest_that_is_off_is_shutoff_with_a_sentence(lab: Lab, state: int, cause: str, words: str) -> None:
    server = await lab.booted()
    assert server.host
    await lab.hosts[server.host].halt(server.id, state, cause)
    stopped = await lab.until(server.id, "stopped")
    assert stopped.power_state == state
    assert words in (await told(lab, server) or "")


async def test_a_guest_whose_host_was_down_runs_again_and_one_that_was_off_stays_off(lab: Lab) -> None:
    ran, was_off, paused = await lab.booted(), await lab.booted(), await lab.booted()
    await lab.act(was_off.id, "stop")
    await lab.until(was_off.id, "stopped")
    await lab.act(paused.id, "pause")
    await lab.until(paused.id, "paused")
    for server in (ran, was_off, paused):
        assert server.host
        await lab.hosts[server.host].halt(server.id, SHUTDOWN, HOST_WENT_DOWN)
    for server in (ran, paused):
        assert server.host
        guest = lab.hosts[server.host]._guests[server.id]
        await eventually(lambda guest=guest: guest.state == RUNNING)  # type: ignore[misc]
        assert (await lab.until(server.id, "active")).power_state == RUNNING
        newest = (await actions.of_server(lab.db, server.id))[0]
        assert (newest.action, newest.user_id) == ("start", None)
    still = await lab.server(was_off.id)
    assert (still.vm_state, still.power_state) == ("stopped", SHUTDOWN)


async def test_a_guest_that_is_not_there_at_all_is_an_error_with_a_sentence(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await lab.booted()
    assert server.host
    monkeypatch.setattr(power, "SETTLED", 0)
    monkeypatch.setattr(hosts, "LOOK_SECONDS", 0)
    await lab.hosts[server.host].remove(server.id)
    gone = await lab.until(server.id, "error")
    assert gone.fault and gone.fault.message == f"The guest and its disks are not on host {server.host} any more."
    assert gone.power_state == 0 and gone.host == server.host
