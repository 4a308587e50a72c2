"""`backup` and `restore` around their plays: what is asked for, what is said, and what is refused before anything changes."""

import pytest

from tinstack.lab import backups, changing, labs, plays, ready
from tinstack.lab.labs import Lab
from tinstack.lab.plays import Options, Outcome
from tinstack.lab.words import LabError

MANIFEST = {"made": "2026-11-21T20:00:00Z", "images": 2, "volumes": 1, "data": ["images"], "left_out": ["var/a.qcow2"]}
HOST = {"address": "192.0.2.11", "user": "", "port": 22, "key": "", "arguments": "", "groups": ["api", "compute"]}
READY = ready.Ready("http://192.0.2.11/v3", "RegionOne", [], {}, ["ctl"])


@pytest.fixture
def lab(tmp_path, cloud, monkeypatch):
    """One on hosts, that is ready."""
    monkeypatch.setattr(labs, "ROOT", tmp_path)
    (tmp_path / "inventories" / "rack").mkdir(parents=True)
    made = Lab(tmp_path / ".lab" / "rack", tmp_path / "inventories" / "rack")
    made.state.mkdir(parents=True)
    (made.state / "secrets.yml").write_text("{}")
    cloud.write_clouds(made.clouds)
    ready.write(made.ready, READY)
    monkeypatch.setattr(plays, "ask", lambda *_: {"ctl": HOST})
    return made


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Plays and their variables; the archive's module has said what is in it."""
    done = []
    (tmp_path / "a.tar.gz").write_bytes(b"packed" * 1000)

    def change(_lab, stages, options):
        [(stage, variables)] = stages
        done.append((stage.playbook, variables, options.check))
        said = {"file": str(tmp_path / "a.tar.gz"), "manifest": {} if options.check else MANIFEST, "encrypted": False}
        return Outcome(
            succeeded=True,
            results={"backup_archive": said | ({"manifest": MANIFEST} if stage is backups.RESTORE else {})},
        )

    monkeypatch.setattr(changing, "change", change)
    return done


def test_a_backup_says_what_is_in_it_what_is_not_and_that_it_is_secret(lab, ran, tmp_path, capsys):
    (tmp_path / "pass").write_text("correct horse\n")
    backups.backup(lab, tmp_path / "b.tar.gz", ("images",), tmp_path / "pass", Options())
    wanted = {"backup_data": ["images"], "backup_file": str(tmp_path / "b.tar.gz")}
    assert ran == [("backup", wanted | {"backup_passphrase_file": str(tmp_path / "pass")}, False)]
    said = capsys.readouterr()
    assert (
        "a.tar.gz (5 KiB): rows, secrets, a catalogue of 2 files of images and 1 of volumes, with the bytes of images."
        in said.out
    )
    assert "1 volumes are being written" in said.err and "is not encrypted" in said.err


def test_a_backup_replaces_no_file_and_a_dry_run_needs_no_archive(lab, ran, tmp_path, capsys):
    with pytest.raises(LabError, match="is there already: choose another name"):
        backups.backup(lab, tmp_path / "a.tar.gz", (), None, Options())
    assert ran == []
    backups.backup(lab, None, (), None, Options(check=True))
    assert ran == [("backup", {"backup_data": []}, True)]
    assert "Nothing would change." in capsys.readouterr().out


def test_a_restored_lab_is_ready_and_the_one_that_is_meant(lab, ran, tmp_path, capsys):
    lab.ready.unlink()
    backups.restore(lab, tmp_path / "a.tar.gz", None, overwrite=True, options=Options())
    assert ran == [("restore", {"backup_file": str(tmp_path / "a.tar.gz"), "backup_overwrite": True}, False)]
    assert ready.read(lab.ready).hosts == ["ctl"]
    assert "Host ctl" in lab.ssh_config.read_text()
    assert labs.to_look_at(None, None).state == lab.state
    said = capsys.readouterr().out
    assert "The backup of 2026-11-21T20:00:00Z" in said
    assert "become ERROR once these report; `./lab verify` names bytes that the backup has not." in said


def test_a_backup_that_is_not_there_leaves_nothing_behind(lab, ran, tmp_path):
    fresh = Lab(tmp_path / ".lab" / "fresh", lab.inventory)
    with pytest.raises(LabError, match=r"There is no file .*/nonexist to restore from"):
        backups.restore(fresh, tmp_path / "nonexist", None, overwrite=False, options=Options())
    assert ran == [] and not fresh.state.exists()


def test_a_restore_that_is_refused_or_tried_leaves_the_lab_as_it_was(lab, ran, tmp_path, monkeypatch):
    backups.restore(lab, tmp_path / "a.tar.gz", None, overwrite=False, options=Options(check=True))
    assert ran[0][2] and ready.read(lab.ready) == READY

    def refused(*_):
        raise LabError("ctl has databases of a lab already")

    monkeypatch.setattr(changing, "change", refused)
    with pytest.raises(LabError, match="databases of a lab"):
        backups.restore(lab, tmp_path / "a.tar.gz", None, overwrite=False, options=Options())
    assert ready.read(lab.ready) == READY
