"""Hosts that come and go: what is refused, what is written into the inventory, what is deleted."""

import json

import pytest

from tinstack.lab import changing, fleet, members
from tinstack.lab.client import ApiError, Client
from tinstack.lab.labs import ADDED, Lab
from tinstack.lab.plays import Options, Outcome
from tinstack.lab.words import LabError

SERVICE = {"id": "s1", "host": "hv1", "binary": "nova-compute", "state": "up", "status": "enabled"}


@pytest.fixture
def lab(tmp_path, cloud, monkeypatch):
    inventory = tmp_path / "rack"
    inventory.mkdir()
    (inventory / "hosts.yml").write_text("all: {}")
    made = Lab(tmp_path / "state", inventory)
    made.state.mkdir()
    cloud.write_clouds(made.clouds)
    known = {
        "hv1": {"address": "192.0.2.21", "groups": ["compute"]},
        "ctl": {"address": "192.0.2.11", "groups": ["api"]},
    }
    monkeypatch.setattr(fleet, "known", lambda _lab: known)
    monkeypatch.setattr(members.hosts, "write_ssh_config", lambda *_: None)
    cloud.has("/compute/os-services", {"services": [SERVICE]})
    cloud.has("/compute/servers/detail", {"servers": []})
    cloud.has("/network/v2.0/agents", {"agents": [{"id": "a1", "alive": True}]})
    cloud.has("/placement/resource_providers", {"resource_providers": []})
    return made


@pytest.fixture
def ran(monkeypatch):
    """The plays that were run, and the requests that would have changed something."""
    done = []
    monkeypatch.setattr(
        changing, "change", lambda _lab, stages, _options: done.extend(stages) or Outcome(succeeded=True)
    )
    monkeypatch.setattr(
        Client,
        "send",
        lambda self, method, service, path, *_, **__: (
            done.append(f"{method} {service}{path.split('?')[0]}") or self_get(self, method, service, path)
        ),
    )
    return done


def self_get(client, method, service, path):
    """GETs still reach the fake cloud."""
    if method != "GET":
        return None
    token = client._authenticate()
    return client._exchange(service, "GET", client._endpoint(service) + path, {"X-Auth-Token": token})[1]


def added(lab):
    file = lab.inventory / ADDED
    return sorted(json.loads(file.read_text())["all"]["hosts"]) if file.exists() else []


def test_a_new_host_is_written_beside_peoples_own_files_and_deployed(lab, ran, capsys):
    members.add_compute(lab, "hv2=192.0.2.22", Options())
    assert added(lab) == ["hv2"]
    assert json.loads((lab.inventory / "added.yml").read_text())["all"]["children"] == {
        "compute": {"hosts": {"hv2": {}}}
    }
    assert (lab.inventory / "hosts.yml").read_text() == "all: {}"
    assert (members.ADD, {"add_compute": ["hv2"]}) in ran
    assert "hv2 takes servers" in capsys.readouterr().out


def test_a_dry_run_leaves_the_inventory_as_it_was(lab, ran):
    members.add_compute(lab, "hv2=192.0.2.22", Options(check=True))
    assert added(lab) == []


def test_a_host_of_the_inventory_is_taken_as_it_stands(lab, ran):
    members.add_compute(lab, "hv1", Options())
    assert added(lab) == []
    with pytest.raises(LabError, match=r"with the address 192\.0\.2\.21, not 192\.0\.2\.9"):
        members.add_compute(lab, "hv1=192.0.2.9", Options())
    with pytest.raises(LabError, match="name its address too"):
        members.add_compute(lab, "hv9", Options())


def test_draining_disables_and_names_what_stays(lab, ran, cloud, monkeypatch, capsys):
    server = {"id": "v1", "name": "web", "status": "SHUTOFF", "OS-EXT-SRV-ATTR:host": "hv1"}
    cloud.has("/compute/servers/detail", {"servers": [server]})
    with pytest.raises(LabError, match="1 servers stay on hv1"):
        members.drain(lab, "hv1", undo=False, check=False)
    assert "PUT compute/os-services/s1" in ran
    assert "stays  web (v1, SHUTOFF): only running servers move" in capsys.readouterr().out


def test_draining_by_name_of_nobody(lab, ran):
    with pytest.raises(LabError, match="no compute host 'hv9', only: hv1"):
        members.drain(lab, "hv9", undo=False, check=False)


def test_a_dry_drain_sends_nothing(lab, ran):
    members.drain(lab, "hv1", undo=False, check=True)
    assert not [one for one in ran if one[:3] in ("PUT", "POS")]


def test_a_host_with_servers_is_not_removed(lab, ran, cloud):
    cloud.has("/compute/servers/detail", {"servers": [{"id": "v1", "name": "web"}]})
    with pytest.raises(LabError, match=r"1 servers are on hv1 \(web\)"):
        members.remove(lab, "hv1", force=False, options=Options())
    assert not [one for one in ran if not str(one).startswith("GET")]


def test_a_host_is_removed_with_its_rows(lab, ran, capsys):
    members.write_added(lab, lambda _: {"hv1": {"ansible_host": "192.0.2.21"}})
    members.remove(lab, "hv1", force=False, options=Options())
    assert (members.REMOVE, {"remove_host": "hv1", "remove_force": False}) in ran
    assert "DELETE network/v2.0/agents/a1" in ran and "DELETE compute/os-services/s1" in ran
    assert added(lab) == [] and not (lab.inventory / ADDED).exists()
    assert "hv1 is out of the lab" in capsys.readouterr().out


@pytest.mark.parametrize("status", ["enabled", "disabled"])
def test_a_host_whose_removal_is_refused_is_as_it_was(lab, ran, cloud, monkeypatch, status):
    cloud.has("/compute/os-services", {"services": [SERVICE | {"status": status}]})
    said = []
    monkeypatch.setattr(members, "switch", lambda _admin, service, to, *, check: said.append((service["status"], to)))

    def refused(*_):
        raise LabError("hv1 is in api as well")

    monkeypatch.setattr(changing, "change", refused)
    with pytest.raises(LabError, match=r"^hv1 is in api as well$"):
        members.remove(lab, "hv1", force=False, options=Options())
    back = [("disabled", "enabled")] if status == "enabled" else []
    assert said == [(status, "disabled"), *back]


def test_a_host_that_can_not_be_switched_back_is_named_with_the_way_to_do_it(lab, ran, monkeypatch):
    sent = []

    send = Client.send

    def refusing(self, method, service, path, body=None, **more):
        if method == "GET":
            return send(self, method, service, path, body, **more)
        sent.append(body["status"])
        if body["status"] == "enabled":
            raise ApiError(503, "Not now.")
        return None

    def refused(*_):
        raise LabError("It is refused.")

    monkeypatch.setattr(Client, "send", refusing)
    monkeypatch.setattr(changing, "change", refused)
    with pytest.raises(LabError, match=r"It is refused\.\nhv1 takes no new servers: `./lab drain hv1 --undo`"):
        members.remove(lab, "hv1", force=False, options=Options())
    assert sent == ["disabled", "enabled"]


def test_an_agent_that_reported_lately_is_deleted_when_that_is_old(lab, ran, monkeypatch, capsys):
    refusals = [ApiError(409, "The agent on hv1 is alive; stop it before it is removed.")] * 2
    send = Client.send

    def refusing(self, method, service, path, *more, **others):
        if path.startswith("/v2.0/agents/") and refusals:
            raise refusals.pop()
        return send(self, method, service, path, *more, **others)

    monkeypatch.setattr(Client, "send", refusing)
    monkeypatch.setattr(members.time, "sleep", lambda _seconds: None)
    members.remove(lab, "hv1", force=False, options=Options())
    assert "DELETE network/v2.0/agents/a1" in ran and "DELETE compute/os-services/s1" in ran
    assert "counts as alive until its last report is old" in capsys.readouterr().out


def test_by_force_the_record_stays_for_the_servers_that_name_it(lab, ran, cloud, capsys):
    cloud.has("/compute/servers/detail", {"servers": [{"id": "v1", "name": "web"}]})
    members.remove(lab, "hv1", force=True, options=Options())
    assert "DELETE network/v2.0/agents/a1" in ran and "DELETE compute/os-services/s1" not in ran
    said = capsys.readouterr().out
    assert "stays, disabled" in said and "the next `up` would bring it back" in said
