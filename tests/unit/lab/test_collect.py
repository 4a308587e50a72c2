"""`collect`: no secret is in the archive, wherever it was; what helps is."""

import json
import tarfile

import pytest

from tinstack.lab import collect, fleet, labs, status
from tinstack.lab.onhost import gather

SECRET = "pl4nted-S3cret/value"


@pytest.fixture
def lab(tmp_path, cloud, monkeypatch):
    made = labs.Lab(tmp_path / "lab")
    made.logs.mkdir(parents=True)
    cloud.write_clouds(made.clouds)
    monkeypatch.setattr(status, "fetch", lambda _lab: {"problems": [f"{SECRET} is in a sentence"]})
    return made


def content(path):
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read().decode() for one in archive}


def test_an_archive_has_no_planted_secret(lab, tmp_path, capsys):
    generated = "0123456789abcdef0123456789abcdef"
    (lab.state / labs.DEV_SECRETS).write_text(json.dumps({"bus": generated, "tokens": "k" * 43 + "=", "other": SECRET}))
    (lab.logs / "site.log").write_text(f"the bus said {generated}, OS_TOKEN={SECRET}, then {'k' * 43}= and s3cret\n")
    (lab.state / "ready.json").write_text('{"region": "RegionOne"}')
    (lab.state / "instances" / "compute1").mkdir(parents=True)
    (lab.state / "instances" / "compute1" / "guest.json").write_text('{"console": ["login:"]}')
    collect.collect(lab, tmp_path / "out.tar.gz", 60)
    found = content(tmp_path / "out.tar.gz")
    assert found["deployer/ready.json"] == '{"region": "RegionOne"}'
    assert "the bus said" in found["deployer/logs/site.log"]
    assert not {"deployer/clouds.yaml", f"deployer/{labs.DEV_SECRETS}"} & found.keys()
    assert not [name for name in found if "instances" in name]
    for text in found.values():
        assert generated not in text and "k" * 43 not in text and "s3cret" not in text
    assert (tmp_path / "out.tar.gz").stat().st_mode & 0o077 == 0
    assert "Secrets are removed" in capsys.readouterr().out
    with pytest.raises(collect.LabError, match="is there already"):
        collect.collect(lab, tmp_path / "out.tar.gz", 60)


def test_of_an_inventory_go_hosts_and_variables_and_no_file_of_secrets(lab, tmp_path):
    top = tmp_path / "inventory"
    secret = [
        ".vault_pass", "vault_pass", "vault.yml", "passwords.ini", "key", "group_vars/all/Vault.yml", "group_vars/.all.yml.swp",
        "host_vars/.old/web.yml", "secrets.yaml", "id_rsa.pub",
    ]  # fmt: skip
    told = ["hosts", "hosts.yml", "group_vars/all.yml", "host_vars/all.yaml", "more.ini"]
    for name in (*secret, *told):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"said: in {name}\n" if name in told else SECRET)
    lab.made_with.write_text(f"{top}\n")
    collect.collect(lab, tmp_path / "out.tar.gz", 60)
    found = {
        name: text for name, text in content(tmp_path / "out.tar.gz").items() if name.startswith("deployer/inventory/")
    }
    assert found == {f"deployer/inventory/{name}": f"said: in {name}\n" for name in told}


def test_the_program_on_hosts_knows_what_their_credentials_are(tmp_path, monkeypatch):
    monkeypatch.setattr(gather, "CONFIGURATION", (str(tmp_path),))
    monkeypatch.setattr(gather, "ENVIRONMENT", ())
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "bus").write_text(SECRET)
    (tmp_path / "host.key").write_text(SECRET)
    (tmp_path / "api.toml").write_text('password = "credential:bus"\n')
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert dict(gather.configuration()) == {f"config{tmp_path}/api.toml": 'password = "credential:bus"\n'}


def test_a_program_travels_with_the_modules_that_it_needs():
    command = fleet.line(gather, {"seconds": 0})
    there: dict[str, object] = {"__name__": "sent"}
    exec(command[2], there)
    assert there["redact"] and there["main"], "all of it is in one piece, and nothing of ours is imported"
    assert command[:2] == ["/usr/bin/python3", "-c"]
    assert len(command[2]) < 100_000, "one argument of a command line has 128 KiB at the most"
