"""`collect`: no secret is in the archive, wherever it was; what helps is."""

import json
import tarfile

import pytest

from tinstack.lab import collect, fleet, labs, status
from tinstack.lab.onhost import gather
from tinstack.lab.onhost.redact import MARK, redact

SECRET = "pl4nted-S3cret/value"


@pytest.mark.parametrize(
    "text",
    [
        f"password = {SECRET}",
        f'password = "{SECRET}"',
        f"'db_password': '{SECRET}'",
        f'{{"adminPass": "{SECRET}", "name": "web"}}',
        f"OS_PASSWORD={SECRET}",
        f'Environment="BACKUP_SECRET={SECRET}"',
        f"X-Auth-Token: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"amqp://api:{SECRET.replace('/', '')}@10.0.0.1:5672/tinstack",
        f"mysqldump --password={SECRET} --all",
        f"api_key: {SECRET}",
        f'"user_data": "{SECRET}"',
        f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----",
        f"{{'token': '{SECRET}', 'x': 1}}",
    ],
)
def test_what_stands_where_secrets_stand_is_removed(text):
    said = redact(text)
    assert SECRET not in said and SECRET.replace("/", "") not in said and MARK in said


def test_tokens_and_hashes_are_removed_wherever_they_stand():
    token = "gAAAAABm" + "x" * 60
    kept = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA"
    said = redact(f"a token {token} and {kept.split(',')[0]} and *{'A1' * 20}")
    assert token not in said and "argon2id" not in said and "A1A1" not in said


def test_known_values_are_removed_whole_and_the_longest_first():
    assert redact("x 0123456789abcdef y", ["0123456", "0123456789abcdef"]) == f"x {MARK} y"


@pytest.mark.parametrize(
    "text",
    [
        'password = "credential:bus"',
        "identity_token_seconds: 3600",
        "LoadCredential=bus:/etc/tinstack/credentials/api/bus",
        "the token was refused",
        "tap4a16d96c-2f mtu 1450",
        "req-e310ae12-2a18-4f6e-afea-37d22dcde2b8",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


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
