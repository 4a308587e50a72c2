"""What is made once and copied: the data directories of private databases."""

import os
import time

import pytest

from tinstack.dev import backends


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "cache", lambda: tmp_path)


def test_it_is_made_once(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "ibdata1").write_bytes(b"x")

    names = [backends._made_once("mariadb-data-1", make) for _ in range(2)]
    assert names == [tmp_path / "mariadb-data-1"] * 2 and len(made) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["mariadb-data-1"], "nothing half made is left"


def test_what_could_not_be_made_leaves_nothing(tmp_path):
    def make(folder):
        raise backends.BackendError("The server did not start.")

    with pytest.raises(backends.BackendError):
        backends._made_once("mariadb-data-1", make)
    assert not list(tmp_path.iterdir())


def test_what_nobody_used_for_a_week_is_forgotten(tmp_path):
    for name in ("mariadb-data-old", "mariadb-data-used", "venv-old"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - 8 * 86400,) * 2)
    backends._made_once("mariadb-data-used", lambda folder: None)
    backends._made_once("mariadb-data-new", lambda folder: None)
    assert {one.name for one in tmp_path.iterdir()} == {"mariadb-data-used", "mariadb-data-new", "venv-old"}
