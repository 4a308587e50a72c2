"""A private MariaDB and RabbitMQ from Debian's packages: no daemon of the machine is touched, all is gone afterwards.

The packages' daemons are never started by the package manager: MariaDB comes as ``mariadb-server-core``; RabbitMQ: see ``broker``.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tinstack.core.config import ConfigError
from tinstack.dev import broker, debian
from tinstack.dev.cache import cache
from tinstack.dev.secrets import write_private

MARIADB = ["mariadb-server-core", "mariadb-client-core"]
DATA = "mariadb-data"
"""What the names of data directories in the cache begin with."""
KEPT_SECONDS = 7 * 86400.0
START_SECONDS = 60.0
STOP_SECONDS = 0.8
"""Both keep what they have said that they have, however they end."""


class BackendError(ConfigError):
    """A backend could not be started; the message ends with what it said."""

    code = "dev.backend"


def free_port() -> int:
    """A TCP port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ports(folder: Path) -> list[int]:
    """Three ports: the same again where they are free, as the broker's data goes by its port."""
    file = folder / "ports.json"
    before: list[int] = msgspec.json.decode(file.read_bytes(), type=list[int]) if file.exists() else []
    if before and all(_is_free(port) for port in before):
        return before
    folder.mkdir(parents=True, exist_ok=True)
    found = [free_port() for _ in range(3)]
    file.write_bytes(msgspec.json.encode(found))
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _empty_data() -> Path:
    """What ``mariadb-install-db`` makes, once for each version of the server. Raises PackageError."""
    server = Path(shutil.which("mariadbd", path="/usr/sbin:/usr/bin") or "mariadbd").stat()

    def install(folder: Path) -> None:
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        debian.run(["mariadb-install-db", *_own_options(folder), *options])

    return _made_once(f"{DATA}-{os.geteuid()}-{server.st_size}-{server.st_mtime_ns}", install)


def _made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache; ``make`` fills it where it is not there."""
    folder = cache() / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=folder.parent))
        try:
            make(made)
            with contextlib.suppress(OSError):
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        _forget_old()
    os.utime(folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    """A folder's content (a third of what the standard library's way takes)."""
    target.mkdir(mode=0o700, exist_ok=True)
    debian.run(["cp", "-r", "--preserve=mode", f"{source}/.", str(target)])


def _forget_old() -> None:
    """What nobody has used for a week was of other versions."""
    for folder in cache().glob(f"{DATA}-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _own_options(data: Path) -> list[str]:
    return ["--no-defaults", f"--datadir={data}", *(["--user=root"] if os.geteuid() == 0 else [])]


def _mariadbd(data: Path, sock: Path, port: int, log: Path, first: Path | None = None) -> "Process":
    """A server on that data directory; ``first``: a file of statements, one in a line, that it runs before it answers."""
    options = [
        f"--socket={sock}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--pid-file={sock.with_suffix('.pid')}",
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=64M",
        "--performance-schema=OFF",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_bin",
        "--max-connections=300",
        *([f"--init-file={first}"] if first else []),
    ]
    return Process("MariaDB", ["mariadbd", *_own_options(data), *options], os.environ, log)


def _make_databases(sock: Path, names: Iterable[str]) -> None:
    with _root(sock) as cursor:
        for name in names:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")


@contextlib.contextmanager
def _root(sock: Path) -> Iterator[Any]:
    import pymysql  # type: ignore[import-untyped]

    with pymysql.connect(unix_socket=str(sock), user="root") as connection, connection.cursor() as cursor:
        yield cursor
        connection.commit()


class Process:
    """A child in a session of its own, ended by its own process group."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_for(self, port: int) -> None:
        """Until it listens. Raises BackendError with the end of its log."""
        end = time.monotonic() + START_SECONDS
        while not self.listens(port):
            if time.monotonic() > end:
                raise BackendError(f"{self.name} did not start within {START_SECONDS:g} s: {self._tail()}")
            time.sleep(0.02)

    def listens(self, port: int) -> bool:
        """Whether it does by now. Raises BackendError where it died."""
        if self.child.poll() is not None:
            raise BackendError(f"{self.name} did not start: {self._tail()}")
        return not _is_free(port)

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-800:]

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it and all that it started, within that time."""
        self.tell(signal.SIGTERM)
        self.wait_for_end(seconds)

    def tell(self, number: int) -> None:
        """A signal to it and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)

    def wait_for_end(self, seconds: float = STOP_SECONDS) -> None:
        """It has a moment for that."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(seconds)
        self.tell(signal.SIGKILL)
        self.child.wait()


@dataclass(frozen=True)
class Tables:
    """What databases hold from the start. ``version``: of their tables; ``make``: makes them on the server at a port of loopback, as
    root, in the databases that are there."""

    version: str
    make: Callable[[int], None]


class Backends:
    """``folder``: data and logs. ``databases``: name → users; ``users``: bus user → password; ``hosts``: names of hosts."""

    def __init__(
        self,
        folder: Path,
        databases: Mapping[str, list[str]],
        tables: Tables,
        password: str,
        users: Mapping[str, str],
        hosts: list[str],
    ) -> None:
        self.folder, self.databases, self.tables = folder, databases, tables
        self.password, self.users, self.hosts = password, users, hosts
        self.watch: Callable[[int], None] = lambda pid: None
        self.fresh = False
        """Whether the databases were made now, with the tables of this version."""
        self.database_port, self.bus_port, self._node_port = _ports(folder)
        self._processes: list[Process] = []

    @property
    def pids(self) -> list[int]:
        """Of the servers that run."""
        return [process.child.pid for process in self._processes]

    @property
    def database_url(self) -> str:
        """``mysql://127.0.0.1:PORT``."""
        return f"mysql://127.0.0.1:{self.database_port}"

    @property
    def bus_url(self) -> str:
        """``amqp://127.0.0.1:PORT``."""
        return f"amqp://127.0.0.1:{self.bus_port}"

    def start(self, *, database: bool = True, bus: bool = True, wait: bool = True) -> None:
        """Both, or one, on the data that there are; ``wait``: until the broker listens, too. Raises BackendError."""
        if not (database or bus):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            if bus:
                self.start_rabbitmq(wait=False)
            if database:
                self.start_mariadb()
            if bus and wait:
                self._processes[0].wait_for(self.bus_port)
        except BaseException:
            self.stop()
            raise

    def start_mariadb(self) -> None:
        """A data directory, the server, databases and users."""
        debian.install(MARIADB)
        data, sock = self.folder / "mariadb", self.folder / "mariadb.sock"
        self.fresh = not data.exists()
        if self.fresh:
            _copy(self._data_with_tables(), data)
        users = self.folder / "users.sql"
        if self.fresh:
            write_private(users, self._users().encode())
        server = _mariadbd(data, sock, self.database_port, self.folder / "mariadb.log", users if self.fresh else None)
        self._processes.append(server)
        self.watch(server.child.pid)
        server.wait_for(self.database_port)

    def _data_with_tables(self) -> Path:
        """What is copied where there are no data: databases with their tables, made once for each version of both."""
        empty = _empty_data()

        def make(folder: Path) -> None:
            _copy(empty, folder)
            sock, port = self.folder / "making.sock", free_port()
            server = _mariadbd(folder, sock, port, self.folder / "mariadb.log")
            self.watch(server.child.pid)
            try:
                server.wait_for(port)
                _make_databases(sock, self.databases)
                self.tables.make(port)
            finally:
                server.stop(START_SECONDS)

        return _made_once(f"{empty.name}-{self.tables.version}", make)

    def _users(self) -> str:
        """The statements that make them."""
        lines = []
        for name, users in self.databases.items():
            for user in users:
                lines.append(f"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY '{self.password}';")
                lines.append(f"GRANT ALL ON `{name}`.* TO '{user}'@'127.0.0.1';")
        return "\n".join(lines) + "\n"

    def stop_one(self, name: str) -> None:
        """End ``MariaDB`` or ``RabbitMQ`` alone; its data stay."""
        for process in [one for one in self._processes if one.name == name]:
            self._processes.remove(process)
            process.stop()

    def start_rabbitmq(self, *, wait: bool = True) -> None:
        """A lean node whose everything comes from the definitions document."""
        folder, ports = self.folder / "rabbitmq", broker.Ports(self.bus_port, self._node_port)
        applications = broker.install()
        broker.prepare(folder, applications, self.users, self.hosts, ports)
        environment = broker.environment(folder, applications, ports)
        server = Process("RabbitMQ", broker.command(folder, ports), environment, self.folder / "rabbitmq.log")
        self._processes.insert(0, server)
        self.watch(server.child.pid)
        if wait:
            server.wait_for(self.bus_port)

    def bus_listens(self) -> bool:
        """Whether the private broker does by now, or there is none. Raises BackendError where it died."""
        return all(process.listens(self.bus_port) for process in self._processes if process.name == "RabbitMQ")

    def stop(self) -> None:
        """End both, at the same time."""
        ending, self._processes = self._processes, []
        for process in ending:
            process.tell(signal.SIGTERM)
        for process in ending:
            process.wait_for_end()
