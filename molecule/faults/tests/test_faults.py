"""Each fault is made, one command names component, host and cause in one sentence within a minute, and it is mended again.

A fault is a row: where, how it is made, the command, what its sentence says, how it is mended. Words in braces are the lab's
(`Lab.words`). An agent that would mend the fault itself is halted meanwhile; systemd's watchdog would start it again after 30 s.
Hosts share this machine's clock, so one that is off is off for the programs of that host's Python alone.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

testinfra_hosts = ["local://"]

MINUTE = 60.0
HALT_AGENT = "kill -STOP $(systemctl show --value -p MainPID tinstack-network-agent)\n"
FREE_AGENT = "\nsystemctl restart tinstack-network-agent"

EXPIRED = """/opt/tinstack/venv/bin/python - <<'EOF'
from datetime import UTC, datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
now = datetime.now(UTC)
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
made = made.not_valid_before(now - timedelta(days=9)).not_valid_after(now - timedelta(days=2)).sign(key, hashes.SHA256())
open("/etc/tinstack/tls/host.pem", "wb").write(made.public_bytes(serialization.Encoding.PEM))
EOF"""

SQUATTER = """systemctl stop tinstack-image
address=$(python3 -c 'import tomllib; print(tomllib.load(open("/etc/tinstack/image.toml", "rb"))["http"]["host"])')
systemd-run --quiet --unit=squatter python3 -m http.server 9292 --bind $address
for n in $(seq 50); do ss -Hltn sport = :9292 | grep -q . && break; sleep 0.1; done
systemctl start --no-block tinstack-image
for n in $(seq 100); do [ $(systemctl show --value -p NRestarts tinstack-image) -gt 0 ] && break; sleep 0.2; done"""


@dataclass(frozen=True)
class Fault:
    """``said``: a regular expression that one line of the command's answer must fit."""

    name: str
    host: str
    breaks: str
    verb: str
    said: str
    mends: str


FAULTS = (
    Fault(
        "a service was stopped",
        "ctl",
        "systemctl stop tinstack-scheduler",
        "status",
        r"tinstack-scheduler on {ctl} is inactive since .*: it was stopped\.",
        "systemctl start tinstack-scheduler",
    ),
    Fault(
        "a consumer of a queue is deaf",
        "ctl",
        "kill -STOP $(systemctl show --value -p MainPID tinstack-conductor)",
        "status",
        r"tinstack-conductor on {ctl} is deaf: its process is halted by a signal",
        "systemctl restart tinstack-conductor",
    ),
    Fault(
        "a disk is full",
        "ctl",
        "mount -t tmpfs -o size=4m none /var/lib/tinstack/image/store && head -c 4194304 /dev/zero >/var/lib/tinstack/image/store/full",
        "status",
        r"The disk with /var/lib/tinstack/image/store on {ctl} is full: 0 B of 4 MiB are free\.",
        "umount /var/lib/tinstack/image/store",
    ),
    Fault(
        "a clock is off",
        "hv",
        "cp -p /etc/python3.11/sitecustomize.py /root/; echo 'import time; true = time.time; time.time = lambda: true() + 300' "
        ">>/etc/python3.11/sitecustomize.py",
        "status",
        r"The clock of {hv} is (299|300)(\.\d)? s ahead of this machine's",
        "cp -p /root/sitecustomize.py /etc/python3.11/; rm /root/sitecustomize.py",
    ),
    Fault(
        "a port's MTU is wrong",
        "hv",
        HALT_AGENT + "ip link set {tap} mtu 1300",
        "network show hello",
        r"The MTU of {tap} on {hv} is 1300, not 1450: larger packets are dropped\.",
        "ip link set {tap} mtu 1450" + FREE_AGENT,
    ),
    Fault(
        "DHCP is dead",
        "ctl",
        HALT_AGENT + "systemctl stop tinstack-dhcp@{net}",
        "network show hello",
        r"The DHCP server of the network on {ctl} is inactive: the guest gets no address\.",
        "systemctl start tinstack-dhcp@{net}" + FREE_AGENT,
    ),
    Fault(
        "the token key is stale",
        "ctl",
        "cd /etc/tinstack/credentials/identity; cp -p fernet /root/fernet; head -c 32 /dev/urandom | base64 | tr +/ -_ >fernet",
        "status",
        r"tinstack-identity on {ctl} runs with what was there before /etc/tinstack/credentials/identity/fernet changed",
        "cp -p /root/fernet /etc/tinstack/credentials/identity/fernet; rm /root/fernet",
    ),
    Fault(
        "a certificate has expired",
        "hv",
        "cp -p /etc/tinstack/tls/host.pem /root/host.pem\n" + EXPIRED,
        "status",
        r"The certificate /etc/tinstack/tls/host.pem on {hv} has expired 2 days ago\.",
        "cat /root/host.pem >/etc/tinstack/tls/host.pem; cp -p /root/host.pem /etc/tinstack/tls/host.pem; rm /root/host.pem",
    ),
    Fault(
        "an image is corrupt on disk",
        "ctl",
        "cd /var/lib/tinstack/image/store; cp -p {image} /root/image; printf x | dd of={image} bs=1 seek=70000 conv=notrunc status=none",
        "verify",
        r"The image tiny on {ctl} is corrupt: its sha512 is not the one of the upload: /var/lib/tinstack/image/store/{image}\.",
        "cp -p /root/image /var/lib/tinstack/image/store/{image}; rm /root/image",
    ),
    Fault(
        "a host is out of memory",
        "hv",
        "sed 's/^MemAvailable:.*/MemAvailable:     102400 kB/' /proc/meminfo >/run/meminfo; mount --bind /run/meminfo /proc/meminfo",
        "status",
        r"{hv} is out of memory: 100 of \d+ MiB are available\.",
        "umount /proc/meminfo",
    ),
    Fault(
        "a port is in use",
        "ctl",
        SQUATTER,
        "status",
        r"tinstack-image on {ctl} can't have its port: python3 \(process \d+\) at port 9292 holds it\.",
        "systemctl stop squatter; systemctl restart tinstack-image",
    ),
    Fault(
        "the database is read-only",
        "ctl",
        "mariadb -e 'SET GLOBAL read_only = 1'",
        "status",
        r"The database on {ctl} is read-only: `SET GLOBAL read_only = 0` there makes it writable\.",
        "mariadb -e 'SET GLOBAL read_only = 0'",
    ),
    Fault(
        "a strange firewall drops packets",
        "hv",
        "nft add table inet strange; nft 'add chain inet strange in {{ type filter hook input priority 0; }}'; "
        "nft add rule inet strange in udp dport 4789 drop",
        "network show hello",
        r"A firewall on {hv} that is not ours may drop its packets: a rule in the chain inet strange in drops: udp dport 4789 drop\.",
        "nft delete table inet strange",
    ),
    Fault(
        "a strange firewall forwards nothing",
        "hv",
        "nft add table inet strange; nft 'add chain inet strange forward {{ type filter hook forward priority 0; policy drop; }}'",
        "status",
        r"A firewall on {hv} that is not ours may drop packets: the chain inet strange forward drops whatever its rules do not accept\.",
        "nft delete table inet strange",
    ),
    Fault(
        "the rules of a port are gone",
        "hv",
        HALT_AGENT + "nft delete element bridge tinstack to {{ '{tap}' }}",
        "network show hello",
        r"{hv} has no rules for {tap}: its agent has not set them, or another hand removed them\.",
        FREE_AGENT,
    ),
    Fault(
        "RabbitMQ is down",
        "ctl",
        "systemctl stop rabbitmq-server",
        "status",
        r"rabbitmq-server on {ctl} is inactive since .*: it was stopped\.",
        "systemctl start rabbitmq-server",
    ),
    Fault(
        "MariaDB is down",
        "ctl",
        "systemctl stop mariadb",
        "status",
        r"mariadb on {ctl} is inactive since .*: it was stopped\.",
        "systemctl start mariadb",
    ),
    Fault(
        "libvirt is down",
        "hv",
        "systemctl stop 'libvirtd*.socket' libvirtd.service",
        "status",
        r"libvirtd on {hv} is inactive since .*: it was stopped\.",
        "systemctl start libvirtd.socket libvirtd-ro.socket libvirtd.service",
    ),
    Fault(
        "an agent's configuration is wrong",
        "hv",
        "cp -p /etc/tinstack/compute.toml /root/; sed -i '1i nonsense = 1' /etc/tinstack/compute.toml; "
        "systemctl restart --no-block tinstack-compute; "
        "for n in $(seq 100); do [ $(systemctl show --value -p NRestarts tinstack-compute) -gt 0 ] && break; sleep 0.2; done",
        "status",
        r"tinstack-compute on {hv} keeps failing.*/etc/tinstack/compute\.toml: .*nonsense",
        "cp -p /root/compute.toml /etc/tinstack/; rm /root/compute.toml; systemctl restart tinstack-compute",
    ),
    Fault(
        "the folder of the volumes is gone",
        "ctl",
        "mv /var/lib/tinstack/volume/volumes /var/lib/tinstack/volume/.away",
        "status",
        r"The folder /var/lib/tinstack/volume/volumes/lab1 of volume on {ctl} is missing",
        "rm -rf /var/lib/tinstack/volume/volumes; mv /var/lib/tinstack/volume/.away /var/lib/tinstack/volume/volumes",
    ),
    Fault(
        "a VXLAN link was deleted",
        "hv",
        HALT_AGENT + "ip link delete {vx}",
        "network show hello",
        r"The interface {vx} is missing on {hv}\.",
        FREE_AGENT,
    ),
    Fault(
        "a forwarding entry is missing",
        "ctl",
        HALT_AGENT + "bridge fdb show dev {vx} | grep '^00:00:00:00:00:00 dst' | "
        "while read -r mac word peer rest; do bridge fdb delete $mac dev {vx} dst $peer; done",
        "network show hello",
        r"{vx} on {ctl} has no forwarding entry \(FDB\) for {hv} \([\d.]+\), so nothing reaches it\.",
        FREE_AGENT,
    ),
    Fault(
        "a host's name is missing",
        "hv",
        "cp -p /etc/hosts /root/hosts; sed '/{ctl}/d' /root/hosts >/etc/hosts",
        "status",
        r"{hv} does not find the host {ctl} \({ctl_address}\) by its name: see its /etc/hosts\.",
        "cat /root/hosts >/etc/hosts; rm /root/hosts",
    ),
    Fault(
        "an interface is down",
        "hv",
        HALT_AGENT + "ip link set {tap} down",
        "network show hello",
        r"The interface {tap} on {hv} is down\.",
        "ip link set {tap} up" + FREE_AGENT,
    ),
)


def filled(text: str, words: dict[str, str], escape: Callable[[str], str] = str) -> str:
    """With the lab's words; braces of regular expressions and scripts that name none of them stay."""
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", escape(value))
    return text.replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_one_command_names_the_fault(
    lab: Any, words: dict[str, str], sh: Callable[[str, str], str], fault: Fault
) -> None:
    host, sentence = words[fault.host], filled(fault.said, words, re.escape)
    try:
        sh(host, filled(fault.breaks, words))
        began = time.monotonic()
        said = asked_for_a_minute(lab, fault.verb, sentence)
        took = time.monotonic() - began
    finally:
        sh(host, filled(fault.mends, words))
        lab.well()
    assert said.code == 1, said.text
    assert names(sentence, said.text), f"{sentence}\n\n{said.text}"
    assert took < MINUTE, f"{took:.0f} s"


def asked_for_a_minute(lab: Any, verb: str, sentence: str) -> Any:
    """The answer with the sentence, or the last one: on a busy machine what was broken may take some seconds to be so."""
    end = time.monotonic() + MINUTE
    while True:
        said = lab.say(verb)
        if names(sentence, said.text) or time.monotonic() + said.seconds > end:
            return said


def names(sentence: str, text: str) -> bool:
    """Whether one line says it."""
    return any(re.search(sentence, line) for line in text.splitlines())
