"""Why things do not work though units run: what a host tells, and the sentences that follow."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinstack.lab.onhost import causes as onhost
from tinstack.lab.onhost import firewall
from tinstack.lab.status.causes import Causes, Certificate, Folder, Process, between, of_host

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "said, sentence",
    [
        (
            Causes(processes=[Process("tinstack-network.service", True, [])]),
            "tinstack-network on ctl is deaf: its process is halted by a signal; `systemctl restart tinstack-network` there",
        ),
        (
            Causes(
                processes=[Process("tinstack-identity.service", False, ["/etc/tinstack/credentials/identity/fernet"])]
            ),
            "tinstack-identity on ctl runs with what was there before /etc/tinstack/credentials/identity/fernet changed",
        ),
        (
            Causes(holders={"tinstack-image.service": "python3 (process 7) at port 9292"}),
            "tinstack-image on ctl can't have its port: python3 (process 7) at port 9292 holds it.",
        ),
        (
            Causes(folders=[Folder("volume", "/var/lib/tinstack/volume/volumes")]),
            "The folder /var/lib/tinstack/volume/volumes of volume on ctl is missing",
        ),
        (
            Causes(certificates=[Certificate("/c.pem", 0, NOW - 90_000)]),
            "The certificate /c.pem on ctl has expired a day ago.",
        ),
        (
            Causes(certificates=[Certificate("/c.pem", NOW + 9, NOW * 2)]),
            "The certificate /c.pem on ctl is not valid yet",
        ),
        (
            Causes(certificates=[Certificate("/c.pem", 0, NOW + 3 * 86400)]),
            "The certificate /c.pem on ctl expires in 3 days.",
        ),
        (
            Causes(nameless=["hv1 (10.0.0.2)"]),
            "ctl does not find the host hv1 (10.0.0.2) by its name: see its /etc/hosts.",
        ),
        (Causes(foreign=["a rule drops: x"]), "A firewall on ctl that is not ours may drop packets: a rule drops: x."),
    ],
)
def test_each_cause_is_one_sentence(said: Causes, sentence: str) -> None:
    (found,) = of_host("ctl", said, NOW)
    assert found.startswith(sentence)
    assert found.endswith((".", "there."))


def test_a_host_without_causes_is_silent() -> None:
    assert list(of_host("ctl", Causes(certificates=[Certificate("/c.pem", 0, NOW * 2)]), NOW)) == []


def test_hosts_with_other_token_keys_are_told_apart() -> None:
    assert list(between({"a": Causes(token_keys="1"), "b": Causes(token_keys="1"), "c": Causes()})) == []
    (found,) = between({"a": Causes(token_keys="1"), "b": Causes(token_keys="2")})
    assert found.startswith("Identity on b has other token keys than on a")


def test_a_halted_process_is_seen() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert not onhost.halted(child.pid)
        child.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 5
        while not onhost.halted(child.pid):
            assert time.monotonic() < end
        child.kill()


def test_folders_that_are_named_and_missing(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    config = {
        "image": {"store_dir": str(there)},
        "compute": {"instances_dir": str(tmp_path / "gone")},
        "volume": {"state_dir": str(tmp_path), "backends": [{"name": "x", "directory": str(there)}]},
    }
    found = onhost.folders(config)
    assert [one["path"] for one in found] == [str(tmp_path / "gone"), str(tmp_path / "volumes")]


def test_when_a_certificate_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tls").mkdir()
    monkeypatch.setattr(onhost, "CONFIG", str(tmp_path))
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3",
    ]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "tls" / "host.pem"), "-subj", "/CN=x"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    (found,) = onhost.certificates()
    assert found["path"] == str(tmp_path / "tls" / "host.pem")
    assert float(str(found["ends"])) == pytest.approx(time.time() + 3 * 86400, abs=600)


def test_names_that_lead_nowhere_or_elsewhere() -> None:
    found = onhost.nameless({"localhost": "10.0.0.9", "no-such-host.invalid": "10.0.0.2"})
    assert found == ["no-such-host.invalid (10.0.0.2)"], "a host's own name may stand for itself"


RULESET = {
    "nftables": [
        {"chain": {"family": "inet", "table": "strange", "name": "in", "policy": "drop", "hook": "input"}},
        {"chain": {"family": "bridge", "table": "tinstack", "name": "x", "policy": "drop"}},
        {"rule": {"family": "inet", "table": "strange", "chain": "fwd", "handle": 4, "expr": [{"drop": None}]}},
        {"rule": {"family": "inet", "table": "strange", "chain": "fwd", "handle": 5, "expr": [{"accept": None}]}},
        {"rule": {"family": "inet", "table": "tinstack", "chain": "fwd", "handle": 4, "expr": [{"drop": None}]}},
        {"rule": {"family": "ip", "table": "filter", "chain": "LIBVIRT_FWI", "handle": 4, "expr": [{"reject": None}]}},
    ]
}


def test_rules_of_others_that_drop_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*command: str) -> str:
        if "ruleset" in command:
            return json.dumps(RULESET)
        return "table inet strange {\n  chain fwd {\n    udp dport 4789 drop # handle 4\n  }\n}\n"

    monkeypatch.setattr(firewall, "told", told)
    assert firewall.foreign() == [
        "the chain inet strange in drops whatever its rules do not accept",
        "a rule in the chain inet strange fwd drops: udp dport 4789 drop",
    ]


def test_files_newer_than_the_process_that_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "x.toml", tmp_path / "credentials" / "x" / "bus"
    new.parent.mkdir(parents=True)
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 1000,) * 2)
    monkeypatch.setattr(onhost, "CONFIG", str(tmp_path))
    began = int((time.clock_gettime(time.CLOCK_MONOTONIC) - 100) * 1e6)
    shown = f"Id=tinstack-x.service\nMainPID={os.getpid()}\nExecMainStartTimestampMonotonic={began}\n"
    monkeypatch.setattr(onhost, "said", lambda *command: shown)
    (found,) = onhost.processes(["tinstack-x.service"])
    assert found == {"unit": "tinstack-x.service", "halted": False, "newer": [str(new)]}
