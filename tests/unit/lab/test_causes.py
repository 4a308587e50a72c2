"""Why things do not work though units run: what a host tells, and the sentences that follow."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tinstack.lab.onhost import causes as onhost
from tinstack.lab.onhost import firewall
from tinstack.lab.status import findings
from tinstack.lab.status.causes import Causes, Certificate, Folder, Process, between, of_host
from tinstack.lab.status.hosts import Looked

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
        end = time.monotonic() + 60
        while not onhost.halted(child.pid):
            assert time.monotonic() < end
        child.kill()


def test_folders_that_are_named_and_missing(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    backends = [{"name": "x", "directory": str(there)}, {"name": "y"}, {"name": "z", "driver": "fake"}]
    config = {
        "image": {"store_dir": str(there)},
        "compute": {"instances_dir": str(tmp_path / "gone")},
        "volume": {"state_dir": str(tmp_path), "backends": backends},
    }
    found = onhost.folders(config)
    assert [one["path"] for one in found] == [str(tmp_path / "gone"), str(tmp_path / "volumes" / "y")]


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
    assert onhost.nameless({"localhost": "by-a-name.example"}) == [], "where the inventory has no address any will do"


def a_chain(family: str, table: str, name: str, **more: object) -> dict[str, object]:
    return {"chain": {"family": family, "table": table, "name": name, **more}}


def a_rule(table: str, chain: str, handle: int, *expr: object, family: str = "inet") -> dict[str, object]:
    return {"rule": {"family": family, "table": table, "chain": chain, "handle": handle, "expr": list(expr)}}


def on(name: str, key: str = "iifname") -> dict[str, object]:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": name}}


DROP: dict[str, object] = {"drop": None}
FORWARD = a_chain("inet", "strange", "fwd", hook="forward", policy="accept")


def found(monkeypatch: pytest.MonkeyPatch, *ruleset: dict[str, object], text: str = "tcp dport 22 drop") -> list[str]:
    def told(*command: str) -> str:
        if "ruleset" in command:
            return json.dumps({"nftables": [{"metainfo": {}}, *ruleset]})
        return f"table inet strange {{\n  chain fwd {{\n    {text} # handle 4\n  }}\n}}\n"

    monkeypatch.setattr(firewall, "output", told)
    return firewall.foreign()


def test_rules_of_others_that_drop_what_is_forwarded_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["a rule in the chain inet strange fwd drops: tcp dport 22 drop"]
    accepts = a_rule("strange", "fwd", 5, {"accept": None})
    assert found(monkeypatch, FORWARD, a_rule("strange", "fwd", 4, DROP), accepts) == said
    assert found(monkeypatch, FORWARD, a_rule("strange", "fwd", 4, on("tap1"), DROP)) == said
    assert found(monkeypatch, FORWARD, a_rule("strange", "fwd", 4, on("docker0"), DROP)) == [], "not our interface"
    jumped = a_rule("strange", "fwd", 9, {"jump": {"target": "more"}}), a_rule("strange", "more", 4, DROP)
    assert len(found(monkeypatch, FORWARD, a_chain("inet", "strange", "more"), *jumped)) == 1
    assert found(monkeypatch, a_chain("inet", "strange", "more"), jumped[1]) == [], "nobody calls it"


def test_a_policy_that_drops_what_is_forwarded_is_found_unless_our_bridges_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = a_chain("ip", "filter", "FORWARD", hook="forward", policy="drop")
    assert found(monkeypatch, closed) == ["the chain ip filter FORWARD drops whatever its rules do not accept"]
    opened = a_rule("filter", "FORWARD", 4, on("br*-*"), {"accept": None}, family="ip")
    assert found(monkeypatch, closed, opened) == []


def test_a_firewall_of_the_hosts_own_is_no_fault_but_where_it_drops_tunnels(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = a_chain("inet", "strange", "fwd", hook="input", policy="drop")
    rule = a_rule("strange", "fwd", 4, DROP)
    assert found(monkeypatch, closed, rule) == []
    assert len(found(monkeypatch, closed, rule, text="udp dport 4789 drop")) == 1


def test_our_own_tables_and_libvirts_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (
        a_chain("bridge", "tinstack", "x", hook="forward", policy="drop"),
        a_rule("tinstack", "x", 4, DROP, family="bridge"),
    )
    theirs = (
        a_chain("ip", "filter", "LIBVIRT_FWI", hook="forward"),
        a_rule("filter", "LIBVIRT_FWI", 4, {"reject": None}, family="ip"),
    )
    assert found(monkeypatch, *ours, *theirs) == []


@pytest.mark.parametrize(("name", "serves"), [("tinstack-x.service", "x"), ("tinstack-controller.service", "w x y")])
def test_files_newer_than_the_process_that_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, serves: str
) -> None:
    old, new = tmp_path / "x.toml", tmp_path / "credentials" / "x" / "bus"
    new.parent.mkdir(parents=True)
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 1000,) * 2)
    monkeypatch.setattr(onhost, "CONFIG", str(tmp_path))
    began = int((time.clock_gettime(time.CLOCK_MONOTONIC) - 100) * 1e6)
    shown = f"Id={name}\nMainPID={os.getpid()}\nExecMainStartTimestampMonotonic={began}\n{exec_start(serves)}"
    monkeypatch.setattr(onhost, "output", lambda *command: shown)
    (found,) = onhost.processes(onhost.shown([name]))
    assert found == {"unit": name, "halted": False, "newer": [str(new)]}


def exec_start(services: str) -> str:
    """As systemd shows it."""
    program = "/opt/tinstack/venv/bin/tinstack"
    return f"ExecStart={{ path={program} ; argv[]={program} serve {services} ; ignore_errors=no ; start_time=[n/a] }}\n"


def test_a_port_that_another_holds_is_the_unit_s_that_serves_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*command: str) -> str:
        if command[0] == "ss":
            return 'LISTEN 0 5 127.0.0.1:9292 0.0.0.0:* users:(("python3",pid=4711,fd=3))\n'
        return f"Id=tinstack-controller.service\nMainPID=0\n{exec_start('identity image')}"

    monkeypatch.setattr(onhost, "output", said)
    monkeypatch.setattr(onhost, "cgroup", lambda pid: "0::/system.slice/squatter.service")
    units = onhost.shown(["tinstack-controller.service"])
    held = {"tinstack-controller.service": "python3 (process 4711) at port 9292"}
    assert onhost.holders({"image": {"http": {"port": 9292}}}, units) == held


SLOW = """
import sys, time
from tinstack.lab.onhost import look
look.SECONDS, look.disks, look.units = 0.3, lambda: time.sleep(60), lambda: []
look.causes, look.foreign, look.stores = (lambda *_: {"nameless": ["x"]}), (lambda: ["y"]), dict
sys.argv = ["look", "{}"]
look.main()
"""


def test_what_takes_too_long_is_named_and_left_out() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, timeout=30, check=True)
    said = json.loads(done.stdout)
    assert said["late"] == ["disks"] and "disks" not in said
    assert (said["units"], said["causes"]) == ([], {"nameless": ["x"], "foreign": ["y"]})
    (found,) = findings.of_host(
        "ctl", msgspec.convert({**said, "causes": {}, "memory": {"total_mib": 1, "available_mib": 1}}, Looked)
    )
    assert found.startswith("ctl is too busy to tell about its disks in time (load ")
