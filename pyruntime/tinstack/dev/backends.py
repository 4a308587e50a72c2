"""A private MariaDB and RabbitMQ from Debian's packages: no daemon of the machine is touched, all is gone afterwards.

The packages' daemons are never started by the package manager: MariaDB comes as ``mariadb-server-core``, RabbitMQ is unpacked
into the cache; only Erlang's parts are installed.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tinstack.core.bus import topology
from tinstack.core.config import ConfigError
from tinstack.dev import debian
from tinstack.dev.cache import cache

MARIADB = ["mariadb-server-core", "mariadb-client-core"]
ERLANG_PARTS = "base crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl"
ERLANG = [f"erlang-{part}" for part in ERLANG_PARTS.split()]
START_SECONDS = 60.0


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


def install() -> Path:
    """Install what is missing (root); the folder of RabbitMQ's programs. Raises PackageError."""
    debian.install((*MARIADB, *ERLANG))
    folder = cache() / "rabbitmq"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        debian.apt("download", "rabbitmq-server", cwd=folder)
        package = next(folder.glob("rabbitmq-server_*.deb"))
        debian.run(["dpkg-deb", "-x", str(package), str(folder)])
        package.unlink()
        (folder / ".ready").touch()
    return next((folder / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")) / "sbin"


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
        while time.monotonic() < end:
            if self.child.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        tail = self.log.read_text(errors="replace")[-800:]
        raise BackendError(f"{self.name} did not start: {tail}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


class Backends:
    """``folder``: data and logs. ``databases``: name → users; ``users``: bus user → password; ``hosts``: names of hosts."""

    def __init__(
        self,
        folder: Path,
        databases: Mapping[str, list[str]],
        password: str,
        users: Mapping[str, str],
        hosts: list[str],
    ) -> None:
        self.folder, self.databases, self.password, self.users, self.hosts = folder, databases, password, users, hosts
        self.watch: Callable[[int], None] = lambda pid: None
        self.database_port, self.bus_port, self._epmd_port = _ports(folder)
        self._processes: list[Process] = []
        self._sbin = Path()

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

    def start(self, *, database: bool = True, bus: bool = True) -> None:
        """Both, or one, on the data that there are. Raises BackendError."""
        if not (database or bus):
            return
        self._sbin = install()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            if bus:
                self.start_rabbitmq(wait=False)
            if database:
                self.start_mariadb()
            if bus:
                self._processes[0].wait_for(self.bus_port)
        except BaseException:
            self.stop()
            raise

    def start_mariadb(self) -> None:
        """A data directory, the server, databases and users."""
        data, sock = self.folder / "mariadb", self.folder / "mariadb.sock"
        own = (
            ["--no-defaults", f"--datadir={data}", "--user=root"]
            if os.geteuid() == 0
            else ["--no-defaults", f"--datadir={data}"]
        )
        fresh = not data.exists()
        if fresh:
            debian.run(["mariadb-install-db", *own, "--auth-root-authentication-method=normal", "--skip-test-db"])
        server = Process(
            "MariaDB",
            [
                "mariadbd",
                *own,
                f"--socket={sock}",
                f"--port={self.database_port}",
                "--bind-address=127.0.0.1",
                f"--pid-file={self.folder / 'mariadb.pid'}",
                "--skip-name-resolve",
                "--innodb-buffer-pool-size=64M",
                "--performance-schema=OFF",
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_bin",
                "--max-connections=300",
            ],
            os.environ,
            self.folder / "mariadb.log",
        )
        self._processes.append(server)
        self.watch(server.child.pid)
        server.wait_for(self.database_port)
        if fresh:
            self._make_databases(sock)

    def _make_databases(self, sock: Path) -> None:
        import pymysql  # type: ignore[import-untyped]

        with pymysql.connect(unix_socket=str(sock), user="root") as connection, connection.cursor() as cursor:
            for name, users in self.databases.items():
                cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
                for user in users:
                    cursor.execute(f"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY %s", (self.password,))
                    cursor.execute(f"GRANT ALL ON `{name}`.* TO '{user}'@'127.0.0.1'")
            connection.commit()

    def stop_one(self, name: str) -> None:
        """End ``MariaDB`` or ``RabbitMQ`` alone; its data stay."""
        for process in [one for one in self._processes if one.name == name]:
            self._processes.remove(process)
            process.stop()

    def start_rabbitmq(self, *, wait: bool = True) -> None:
        """A lean node whose everything comes from the definitions document."""
        folder = self.folder / "rabbitmq"
        folder.mkdir(exist_ok=True)
        definitions = folder / "definitions.json"
        definitions.write_bytes(msgspec.json.encode(topology.definitions(self.users, self.hosts)))
        definitions.chmod(0o600)
        memory = 400 + len(self.users) // 2  # MiB; a connection of each host's agents takes some hundred KiB
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.bus_port}\nload_definitions = {definitions}\nlog.console = true\n"
            f"log.console.level = warning\nlog.file = false\nvm_memory_high_watermark.absolute = {memory}MiB\n"
            "disk_free_limit.absolute = 50MB\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        server = Process(
            "RabbitMQ",
            [str(self._sbin / "rabbitmq-server")],
            self._rabbit_environment(folder),
            self.folder / "rabbitmq.log",
        )
        self._processes.insert(0, server)
        self.watch(server.child.pid)
        if wait:
            server.wait_for(self.bus_port)

    def _rabbit_environment(self, folder: Path) -> dict[str, str]:
        cookie = folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)
        return {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tinstack{self.bus_port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +SDcpu 1:1 +SDio 1 +A 1 +sbwt none",
        }

    def stop(self) -> None:
        """End both and the name daemon that Erlang started."""
        while self._processes:
            self._processes.pop().stop()
        if not self._sbin.name:
            return
        with contextlib.suppress(OSError):
            environment = {**os.environ, "ERL_EPMD_PORT": str(self._epmd_port)}
            subprocess.run(["epmd", "-kill"], env=environment, capture_output=True, timeout=10)
