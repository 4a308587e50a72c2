"""Actions on servers: what they ask of the host, and when they are refused."""

from typing import Any

import pytest
from tests.unit.api.conftest import Lab

from tinstack.compute.rpc import Look
from tinstack.conductor.rpc import Drive


@pytest.mark.parametrize(
    "action, before, task",
    [
        ({"os-stop": None}, "active", "powering-off"),
        ({"os-start": None}, "stopped", "powering-on"),
        ({"reboot": {"type": "SOFT"}}, "active", "rebooting"),
        ({"reboot": {"type": "HARD"}}, "stopped", "rebooting_hard"),
        ({"pause": None}, "active", "pausing"),
        ({"unpause": None}, "paused", "unpausing"),
        ({"suspend": None}, "active", "suspending"),
        ({"resume": None}, "suspended", "resuming"),
        ({"forceDelete": None}, "active", "deleting"),
    ],
)
async def test_an_action_swaps_the_state_and_tells_the_host(lab: Lab, action: Any, before: str, task: str) -> None:
    id = await lab.up()
    await lab.set(id, vm_state=before)
    done = await lab("POST", f"/servers/{id}/action", action)
    assert (done.status_code, done.content) == (202, b"")
    assert (await lab.row(id)).task_state == task
    assert (await lab.told(Look)).server_id == id


async def test_an_action_in_the_wrong_state_is_a_conflict(lab: Lab) -> None:
    id = await lab.up()
    refused = await lab("POST", f"/servers/{id}/action", {"os-start": None})
    assert refused.status_code == 409
    assert "vm_state active" in refused.json["conflictingRequest"]["message"]
    assert (await lab("POST", f"/servers/{id}/action", {"os-stop": None})).status_code == 202
    assert (await lab("POST", f"/servers/{id}/action", {"os-stop": None})).status_code == 409


async def test_deleting_a_server_without_a_host_is_driven_by_the_conductor(lab: Lab) -> None:
    id = await lab.boot()
    gone = await lab("DELETE", f"/servers/{id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await lab.told(Drive)).generation == 2
    assert (await lab("DELETE", f"/servers/{id}")).status_code == 204


async def test_a_locked_server_is_left_alone(lab: Lab) -> None:
    id = await lab.up()
    path = f"/servers/{id}/action"
    assert (await lab("POST", path, {"lock": {"locked_reason": "mine"}}, version="2.73")).status_code == 202
    shown = (await lab("GET", f"/servers/{id}", version="2.73")).json["server"]
    assert (shown["locked"], shown["locked_reason"]) == (True, "mine")
    assert (await lab("POST", path, {"os-stop": None})).status_code == 409
    assert (await lab("DELETE", f"/servers/{id}")).status_code == 409
    assert (await lab("POST", path, {"unlock": None})).status_code == 202
    assert (await lab("POST", path, {"lock": None}, token="admin")).status_code == 202
    assert (await lab("POST", path, {"unlock": None})).status_code == 403
    assert (await lab("POST", path, {"os-stop": None}, token="admin")).status_code == 202


async def test_admin_resets_the_state(lab: Lab) -> None:
    id = await lab.boot()
    body = {"os-resetState": {"state": "error"}}
    assert (await lab("POST", f"/servers/{id}/action", body)).status_code == 403
    assert (await lab("POST", f"/servers/{id}/action", body, token="admin")).status_code == 202
    assert (await lab("GET", f"/servers/{id}")).json["server"]["status"] == "ERROR"


async def test_console_output_and_diagnostics_come_from_the_host(lab: Lab) -> None:
    id = await lab.up()
    path = f"/servers/{id}/action"
    assert (await lab("POST", path, {"os-getConsoleOutput": {"length": 10}})).json == {"output": "login: "}
    assert (await lab("POST", path, {"os-getConsoleOutput": {}})).status_code == 200
    assert (await lab("POST", path, {"os-getConsoleOutput": {"length": "x"}})).status_code == 400
    assert (await lab("GET", f"/servers/{id}/diagnostics", token="admin")).json == {"state": "running"}
    assert (await lab("GET", f"/servers/{id}/diagnostics")).status_code == 403
    waiting = await lab.boot()
    assert (await lab("POST", f"/servers/{waiting}/action", {"os-getConsoleOutput": {}})).status_code == 409


async def test_what_hosts_can_not_do_yet_says_so(lab: Lab) -> None:
    id = await lab.up()
    assert (await lab("POST", f"/servers/{id}/action", {"resize": {"flavorRef": "2"}})).status_code == 501
    assert (await lab("POST", f"/servers/{id}/action", {"fly": None})).status_code == 400
    assert (await lab("POST", f"/servers/{id}/action", {})).status_code == 400


async def test_floating_ip_actions_end_with_2_43(lab: Lab) -> None:
    id = await lab.up()
    body = {"addFloatingIp": {"address": "203.0.113.9"}}
    assert (await lab("POST", f"/servers/{id}/action", body, version="2.43")).status_code == 400
    assert (await lab("POST", f"/servers/{id}/action", body, version="2.44")).status_code == 404
