"""Why things do not work though units run: halted processes, old configurations, certificates, names, folders, strangers."""

from collections.abc import Iterator, Mapping

import msgspec


class Process(msgspec.Struct, frozen=True):
    """A unit's. ``halted``: by a signal; ``newer``: files that changed after it had read them."""

    unit: str
    halted: bool
    newer: list[str]


class Folder(msgspec.Struct, frozen=True):
    """One that is missing."""

    service: str
    path: str


class Certificate(msgspec.Struct, frozen=True):
    """Seconds since the epoch."""

    path: str
    starts: float
    ends: float


class Causes(msgspec.Struct, frozen=True):
    """What a host tells. ``holders``: unit → who sits on its port; ``nameless``: hosts whose names lead elsewhere or nowhere;
    ``foreign``: rules of other firewalls that drop; ``token_keys``: a mark of them."""

    processes: list[Process] = []
    holders: dict[str, str] = {}
    folders: list[Folder] = []
    certificates: list[Certificate] = []
    nameless: list[str] = []
    foreign: list[str] = []
    token_keys: str = ""


SOON = 7 * 86400
"""A certificate is said to end that many seconds before it does."""


def of_host(host: str, said: Causes, now: float) -> Iterator[str]:
    """Each in one sentence."""
    for process in said.processes:
        name = process.unit.removesuffix(".service")
        if process.halted:
            yield f"{name} on {host} is deaf: its process is halted by a signal; `systemctl restart {name}` there ends that."
        if process.newer:
            files = ", ".join(process.newer)
            yield f"{name} on {host} runs with what was there before {files} changed: `systemctl restart {name}` there."
    for unit, holder in said.holders.items():
        yield f"{unit.removesuffix('.service')} on {host} can't have its port: {holder} holds it."
    for folder in said.folders:
        yield f"The folder {folder.path} of {folder.service} on {host} is missing: what it held is gone, or its disk is not mounted."
    for one in said.certificates:
        if one.ends < now:
            yield f"The certificate {one.path} on {host} has expired {days(now - one.ends)} ago."
        elif one.starts > now:
            yield f"The certificate {one.path} on {host} is not valid yet: the clock or the certificate is wrong."
        elif one.ends < now + SOON:
            yield f"The certificate {one.path} on {host} expires in {days(one.ends - now)}."
    for name in said.nameless:
        yield f"{host} does not find the host {name} by its name: see its /etc/hosts."
    for rule in said.foreign:
        yield f"A firewall on {host} that is not ours may drop packets: {rule}."


def days(seconds: float) -> str:
    number = int(seconds // 86400)
    return f"{number} days" if number != 1 else "a day"


def between(hosts: Mapping[str, Causes]) -> Iterator[str]:
    """What only a look at several hosts shows."""
    keys = {host: said.token_keys for host, said in hosts.items() if said.token_keys}
    if len(set(keys.values())) > 1:
        first, *others = keys
        other = next(host for host in others if keys[host] != keys[first])
        yield f"Identity on {other} has other token keys than on {first}: tokens of one are refused by the other."
