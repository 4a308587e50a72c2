"""All hosts of a lab at once, over SSH by fabric (this machine itself without): looks that change nothing. What changes a host is a play.

Needs the tools' environment. Hosts' keys are checked against the files that the inventory names, as ssh itself would.
"""

import base64
import importlib
import importlib.util
import inspect
import os
import re
import select
import shlex
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import msgspec

from tinstack.lab import hosts, labs
from tinstack.lab.labs import Lab
from tinstack.lab.words import LabError

CONNECT_SECONDS = 4.0
"""How long a host may take to let us in."""

AT_ONCE = 20
"""Connections that are made at the same time."""

AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n "$@"; fi'
"""Whoever the inventory signs in as: root, or a user with sudo."""

NEEDED = re.compile(r"^from (tinstack\.lab\.onhost\.\w+) import", re.MULTILINE)
"""What a program takes from others of its kind; they travel with it."""

Result = TypeVar("Result")


class HostError(LabError):
    """One host can't be asked, for the reason that the sentence says."""


@dataclass(slots=True)
class Answers(Generic[Result]):
    """What hosts answered, by host, and why the others did not."""

    found: dict[str, Result]
    failed: dict[str, str]


class Fleet:
    """The hosts of one lab."""

    def __init__(self, lab: Lab) -> None:
        if importlib.util.find_spec("fabric") is None:
            raise LabError("Asking hosts needs the tools that `./lab up` installs: run it first.")
        self.lab = lab
        self.hosts = known(lab)

    def names(self, only: Sequence[str] = ()) -> list[str]:
        """The hosts' names, or those among them that are asked for. An error where one is none of them."""
        if unknown := sorted(set(only) - self.hosts.keys()):
            raise LabError(
                f"The lab '{self.lab.name}' has no host {', '.join(unknown)}; it has: {', '.join(self.hosts)}."
            )
        return sorted(only or self.hosts)

    def each(self, work: Callable[["Host"], Result], only: Sequence[str] = ()) -> Answers[Result]:
        """Do something with every host at the same time; one that fails is said, and does not hold up the others."""
        answers: Answers[Result] = Answers({}, {})

        def one(name: str) -> None:
            try:
                with self.host(name) as host:
                    answers.found[name] = work(host)
            except HostError as error:
                answers.failed[name] = error.message

        names = self.names(only)
        with ThreadPoolExecutor(max_workers=max(1, min(AT_ONCE, len(names)))) as pool:
            list(pool.map(one, names))
        return answers

    def ask(self, program: ModuleType, arguments: object, seconds: float, only: Sequence[str] = ()) -> Answers[Any]:
        """The JSON that a program of `onhost` prints on each host."""

        def asked(host: "Host") -> Any:
            said = b"".join(host.run(program, arguments, seconds))
            try:
                return msgspec.json.decode(said)
            except msgspec.DecodeError:
                raise HostError(f"{host.name} answered what is no JSON: {said[:200]!r}.") from None

        return self.each(asked, only)

    def host(self, name: str) -> "Host":
        return (LocalHost if self.hosts[name].get("local") else Host)(name, self.hosts[name])


class Host:
    """One host, connected when it is entered."""

    def __init__(self, name: str, known_as: dict[str, Any]) -> None:
        import fabric
        import paramiko

        self.name = name
        settings = paramiko.SSHConfig.from_text(hosts.stanza(name, known_as))
        self._connection = fabric.Connection(
            name, config=fabric.Config(ssh_config=settings), connect_timeout=int(CONNECT_SECONDS)
        )
        self._connection.connect_kwargs.setdefault("banner_timeout", CONNECT_SECONDS)
        self._connection.connect_kwargs.setdefault("auth_timeout", CONNECT_SECONDS)
        check_keys(self._connection.client, settings.lookup(name))

    def __enter__(self) -> "Host":
        import paramiko

        try:
            self._connection.open()
        except paramiko.AuthenticationException:
            raise HostError(f"{self.name} does not let us in: it refused the key of {self._connection.user}.") from None
        except paramiko.BadHostKeyException:
            raise HostError(f"{self.name} shows another host key than the one that is known of it.") from None
        except TimeoutError:
            raise HostError(
                f"{self.name} does not answer at {self._connection.host} within {CONNECT_SECONDS:g} s."
            ) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise HostError(f"{self.name} can't be reached at {self._connection.host}: {error}.") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self, program: ModuleType, arguments: object, seconds: float | None) -> Iterator[bytes]:
        """Run a program as root and give what it writes as it comes. No more than `seconds` pass between two pieces; None: any."""
        import paramiko

        command = shlex.join(["sh", "-c", AS_ROOT, "sh", *line(program, arguments)])
        try:
            _, out, err = self._connection.client.exec_command(command, timeout=seconds)
            complaints: list[bytes] = []
            listener = threading.Thread(target=hear, args=(err, complaints), daemon=True)
            listener.start()
            while piece := out.channel.recv(1 << 16):
                yield piece
            code = out.channel.recv_exit_status()
        except TimeoutError:
            raise HostError(f"{self.name} did not answer within {seconds:g} s.") from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise HostError(f"The connection to {self.name} broke: {error or 'closed'}.") from None
        raise_for(self.name, code, listener, complaints)


class LocalHost(Host):
    """The machine that this runs on, where the inventory has it (`ansible_connection: local`)."""

    def __init__(self, name: str, known_as: dict[str, Any]) -> None:
        self.name = name

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def run(self, program: ModuleType, arguments: object, seconds: float | None) -> Iterator[bytes]:
        command = ["sh", "-c", AS_ROOT, "sh", *line(program, arguments)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as child:
            assert child.stdout is not None
            complaints: list[bytes] = []
            listener = threading.Thread(target=hear, args=(child.stderr, complaints), daemon=True)
            listener.start()
            try:
                while True:
                    if not select.select([child.stdout], [], [], seconds)[0]:
                        raise HostError(f"{self.name} did not answer within {seconds:g} s.")
                    if not (piece := os.read(child.stdout.fileno(), 1 << 16)):
                        break
                    yield piece
                code = child.wait()
            finally:
                with suppress(PermissionError):
                    child.kill()
        raise_for(self.name, code, listener, complaints)


def raise_for(name: str, code: int, listener: threading.Thread, complaints: list[bytes]) -> None:
    """Raises HostError with what a program last said, where it failed."""
    if code:
        listener.join(1)
        said = b"".join(complaints).decode(errors="replace").strip().splitlines()
        raise HostError(f"{name}: {said[-1] if said else f'the program ended with {code}'}")


def hear(err: Any, complaints: list[bytes]) -> None:
    """Keep what a program says on standard error; one that says nothing in time is its other reader's business."""
    with suppress(OSError):
        complaints.append(err.read())


def check_keys(client: Any, settings: Any) -> None:
    """Believe only host keys that are known, unless the inventory says otherwise."""
    import paramiko

    lenient = str(settings.get("stricthostkeychecking", "yes")).lower() in ("no", "off", "accept-new")
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy() if lenient else paramiko.RejectPolicy())
    default = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
    for path in str(settings.get("userknownhostsfile", default)).split():
        if (file := Path(path).expanduser()).is_file():
            client.load_host_keys(str(file))
    client.load_system_host_keys("/etc/ssh/ssh_known_hosts" if Path("/etc/ssh/ssh_known_hosts").exists() else None)


def line(program: ModuleType, arguments: object) -> list[str]:
    """The command that runs a program of `onhost`, packed into its own words: nothing is left on the host."""
    source = NEEDED.sub("pass  #", "\n".join(sources(program).values()))
    packed = base64.b64encode(zlib.compress(source.encode(), 9)).decode()
    unpack = (
        f"import base64,zlib;exec(compile(zlib.decompress(base64.b64decode('{packed}')),'{program.__name__}','exec'))"
    )
    return ["/usr/bin/python3", "-c", unpack, msgspec.json.encode(arguments).decode()]


def sources(program: ModuleType) -> dict[str, str]:
    """Of a program and, before it, of what it needs, each once."""
    own = inspect.getsource(program)
    needed = [sources(importlib.import_module(name)) for name in NEEDED.findall(own)]
    return {name: source for found in needed for name, source in found.items()} | {program.__name__: own}


def known(lab: Lab) -> dict[str, dict[str, Any]]:
    """The hosts as the inventory tells them. Kept with the lab's state, and asked anew when the inventory has changed."""
    lab = labs.with_inventory(lab)
    assert lab.inventory is not None
    kept = lab.state / "hosts.json"
    files = [lab.inventory, *lab.inventory.rglob("*")] if lab.inventory.is_dir() else [lab.inventory]
    newest = max(file.stat().st_mtime for file in files if file.exists())
    if kept.exists() and kept.stat().st_mtime > newest:
        return dict(msgspec.json.decode(kept.read_bytes()))
    found = hosts.inquire(lab)
    if not found:
        raise LabError(
            f"The inventory {lab.inventory} can't be read: `ansible-inventory -i {lab.inventory} --list` says why."
        )
    labs.replace(kept, msgspec.json.encode(found).decode())
    return found
