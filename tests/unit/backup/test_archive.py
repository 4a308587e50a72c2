"""The archive of a backup: whole, private, checked before anything is put back, encrypted where that is asked for."""

import importlib.util
import io
import json
import tarfile
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "roles" / "backup" / "library"


def load(name):
    spec = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


archive = load("backup_archive")
catalogue = load("backup_catalogue")


@pytest.fixture
def wanted(tmp_path):
    """A lab with a dump, a catalogue and secrets."""
    state, staging = tmp_path / "lab", tmp_path / "lab" / "backup"
    (staging / "catalogue").mkdir(parents=True)
    (state / "ca" / "hosts").mkdir(parents=True)
    (staging / "databases.sql").write_text("create database tinstack_identity;")
    files = [
        {"kind": "volumes", "path": "var/a.qcow2", "open": True},
        {"kind": "images", "path": "var/b", "open": False},
    ]
    (staging / "catalogue" / "ctl.json").write_text(json.dumps(files))
    (state / "secrets.yml").write_text("bus: {api: s3cret}")
    (state / "ca" / "hosts" / "ctl.key").write_text("key")
    return {
        "file": str(tmp_path / "out" / "b.tar.gz"),
        "staging": str(staging),
        "state_dir": str(state),
        "state_files": ["secrets.yml", "ca", "demo_key"],
        "inventory": None,
        "data": ["volumes"],
        "passphrase_file": None,
        "overwrite": False,
    }


def onto(wanted, tmp_path, **more):
    """The same for another, empty state."""
    return {**wanted, "state_dir": str(tmp_path / "fresh"), "staging": str(tmp_path / "fresh" / "backup"), **more}


def test_what_is_packed_comes_back(wanted, tmp_path):
    manifest = archive.pack(wanted)
    assert (manifest["images"], manifest["volumes"], manifest["left_out"]) == (1, 1, ["var/a.qcow2"])
    assert Path(wanted["file"]).stat().st_mode & 0o077 == 0
    assert not Path(wanted["staging"]).exists(), "no second copy of the rows stays"
    fresh = onto(wanted, tmp_path)
    _, changed = archive.unpack(fresh, check=False)
    assert changed
    assert (tmp_path / "fresh" / "secrets.yml").read_text() == "bus: {api: s3cret}"
    assert (tmp_path / "fresh" / "ca" / "hosts" / "ctl.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "fresh" / "backup" / "databases.sql").read_text().startswith("create database")
    assert archive.unpack(fresh, check=False)[1] is False


def test_an_inventory_of_links_is_packed_with_what_they_lead_to(wanted, tmp_path):
    kept, inventory = tmp_path / "kept", tmp_path / "inventory"
    (kept / "group_vars").mkdir(parents=True)
    inventory.mkdir()
    (kept / "hosts.yml").write_text("all: {}")
    (kept / "group_vars" / "all.yml").write_text("region: here")
    (inventory / "hosts").symlink_to(kept / "hosts.yml")
    (inventory / "group_vars").symlink_to(kept / "group_vars")
    (kept / "group_vars" / "again").symlink_to(inventory)
    manifest = archive.pack({**wanted, "inventory": str(inventory)})
    names = {name for name in manifest["sha256"] if name.startswith("inventory/")}
    assert names == {"inventory/hosts", "inventory/group_vars/all.yml"}
    assert archive.unpack(onto(wanted, tmp_path), check=False)[1] is True


def test_a_dry_run_changes_nothing(wanted, tmp_path):
    archive.pack(wanted)
    assert archive.unpack(onto(wanted, tmp_path), check=True)[1] is True
    assert not list((tmp_path / "fresh").rglob("*"))


def test_other_secrets_are_replaced_only_where_that_is_asked_for(wanted, tmp_path):
    archive.pack(wanted)
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / "secrets.yml").write_text("bus: {api: another}")
    with pytest.raises(archive.Refused, match=r"has other contents of secrets\.yml"):
        archive.unpack(onto(wanted, tmp_path), check=False)
    assert (tmp_path / "fresh" / "secrets.yml").read_text() == "bus: {api: another}"
    archive.unpack(onto(wanted, tmp_path, overwrite=True), check=False)
    assert "s3cret" in (tmp_path / "fresh" / "secrets.yml").read_text()


def test_a_passphrase_encrypts(wanted, tmp_path):
    (tmp_path / "pass").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("battery\n")
    archive.pack({**wanted, "passphrase_file": str(tmp_path / "pass")})
    assert b"s3cret" not in Path(wanted["file"]).read_bytes()
    with pytest.raises(archive.Refused, match="is encrypted"):
        archive.unpack(onto(wanted, tmp_path), check=False)
    with pytest.raises(archive.Refused, match="passphrase is wrong or it is damaged"):
        archive.unpack(onto(wanted, tmp_path, passphrase_file=str(tmp_path / "wrong")), check=False)
    archive.unpack(onto(wanted, tmp_path, passphrase_file=str(tmp_path / "pass")), check=False)
    assert (tmp_path / "fresh" / "secrets.yml").exists()


@pytest.mark.parametrize("text", ["", "\n", "\nsecond line\n"])
def test_an_empty_passphrase_is_none(wanted, tmp_path, text):
    (tmp_path / "pass").write_text(text)
    with pytest.raises(archive.Refused, match=r"first line of .*/pass, which is the passphrase, is empty"):
        archive.pack({**wanted, "passphrase_file": str(tmp_path / "pass")})
    assert not Path(wanted["file"]).exists()
    assert (Path(wanted["staging"]) / "databases.sql").exists()


def pack_raw(path, **files):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as made:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            made.addfile(entry, io.BytesIO(text.encode()))


@pytest.mark.parametrize(
    "files, words",
    [
        ({"x": "y"}, "it has no manifest"),
        ({"manifest.json": '{"format": 9}'}, "has the format 9"),
        (
            {"manifest.json": '{"format": 1, "sha256": {"state/secrets.yml": "00"}}', "state/secrets.yml": "x"},
            "is damaged",
        ),
        ({"../outside": "x"}, "has no place in one"),
    ],
)
def test_what_is_no_backup_is_refused_and_nothing_is_written(wanted, tmp_path, files, words):
    pack_raw(Path(wanted["file"]), **files)
    with pytest.raises(archive.Refused, match=words):
        archive.unpack(onto(wanted, tmp_path), check=False)
    assert not list((tmp_path / "fresh").rglob("*")) and not (tmp_path / "outside").exists()


def test_a_truncated_archive_is_refused(wanted, tmp_path):
    archive.pack(wanted)
    whole = Path(wanted["file"]).read_bytes()
    Path(wanted["file"]).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(archive.Refused, match="is damaged"):
        archive.unpack(onto(wanted, tmp_path), check=False)


def test_the_catalogue_lists_files_and_leaves_out_what_is_half_made(tmp_path):
    (tmp_path / "lab1").mkdir()
    (tmp_path / "lab1" / "volume-1.qcow2").write_bytes(b"x" * 10)
    (tmp_path / "lab1" / "volume-2.part").write_bytes(b"x")
    (one,) = catalogue.files("images", str(tmp_path))
    assert (one["path"], one["bytes"], one["open"]) == (f"{tmp_path}/lab1/volume-1.qcow2".lstrip("/"), 10, False)
