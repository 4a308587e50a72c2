"""The file of secrets: made once, rotated with what must stay good, forgotten by name."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[3] / "roles" / "secrets" / "library" / "secrets_file.py"


def load():
    spec = importlib.util.spec_from_file_location("secrets_file", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


secrets_file = load()


@pytest.fixture
def there():
    found = {}
    groups = {
        "bus": ["api", "compute.hv1"],
        "database": ["tinstack_api"],
        "service": ["api"],
        "people": ["admin"],
        "metadata": ["secret"],
    }
    secrets_file.complete(found, {"passwords": groups, "keys": {"tokens": ["fernet", "credentials"]}})
    return found


def copy(there):
    return {group: dict(names) for group, names in there.items()}


def test_rotation_renews_machines_secrets_and_leaves_peoples(there):
    before = copy(there)
    made = secrets_file.rotate(there)
    assert there["people"] == before["people"]
    for group in ("bus", "database", "service"):
        assert all(there[group][name] != before[group][name] for name in there[group])
    assert there["previous_database"] == before["database"]
    assert "bus.compute.hv1" in made and "tokens.fernet" in made


def test_new_keys_come_first_and_old_ones_stay_as_long_as_they_must(there):
    first = copy(there)
    secrets_file.rotate(there)
    secrets_file.settle(there)
    assert there["tokens"]["fernet"].split()[1:] == [first["tokens"]["fernet"]]
    second = copy(there)
    secrets_file.rotate(there)
    assert there["tokens"]["fernet"].split()[1:] == second["tokens"]["fernet"].split()[:1], (
        "one old one, for the tokens of the last hour"
    )
    assert there["tokens"]["credentials"].split()[1:] == second["tokens"]["credentials"].split(), (
        "all that something is sealed with"
    )
    assert there["metadata"]["secret"].split()[1:] == [second["metadata"]["secret"]]


def test_an_interrupted_rotation_goes_on_with_what_it_has_made(there):
    secrets_file.rotate(there)
    made = copy(there)
    assert secrets_file.rotate(there) == []
    assert there == made


def test_settling_forgets_what_only_the_rotation_needed(there):
    assert secrets_file.settle(there) == []
    secrets_file.rotate(there)
    new = there["metadata"]["secret"].split()[0]
    assert "metadata.secret" in secrets_file.settle(there)
    assert there["metadata"]["secret"] == new and "previous_database" not in there


def test_a_host_is_forgotten_by_name(there):
    assert secrets_file.forget(there, {"bus": ["compute.hv1", "network.hv1"]}) == ["bus.compute.hv1"]
    assert list(there["bus"]) == ["api"]
