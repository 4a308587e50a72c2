"""How a private RabbitMQ is started: Erlang itself, with no more of Debian's package than the broker needs, and without ``epmd``.

The package's script looks through every plug-in, translates its configuration by their schemas and starts a second Erlang to
start the name daemon: more than half of the time until the broker listens. Of the rest, two fifths went into loading every module
of all applications that the broker depends on, as it looks through those that are listed for what they declare; only its own do.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tinstack.core.bus import topology
from tinstack.dev import debian
from tinstack.dev.cache import cache

ERLANG_PARTS = "base crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl"
ERLANG = [f"erlang-{part}" for part in ERLANG_PARTS.split()]

APPLICATIONS = re.compile(r"\{applications,\s*\[([^\]]*)\]")
"""Of an application's ``.app`` file: what must be there for it."""

MODULES = re.compile(r"\{\s*modules\s*,\s*\[[^\]]*\]\s*\}")
"""Of the same: what the broker loads to look through it."""
DECLARING = {"rabbit", "rabbit_common"}
"""The applications whose modules declare something: steps of the boot, feature flags, upgrades."""

SCHEDULERS = "+S 1:1 +SDcpu 1:1 +SDio 1 +A 1 +sbwt none"
MEMORY = "+MBas ageffcbf +MHas ageffcbf +MBlmbcs 512 +MHlmbcs 512 +MMmcs 30"
"""As RabbitMQ's own script has it."""


class Ports(NamedTuple):
    """``bus``: where clients connect; ``node``: where other Erlang nodes would, were there any."""

    bus: int
    node: int


def install() -> Path:
    """Unpack Debian's package into the cache (root, once); the folder of the broker's applications. Raises PackageError."""
    debian.install(ERLANG)
    folder = cache() / "rabbitmq"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        debian.apt("download", "rabbitmq-server", cwd=folder)
        package = next(folder.glob("rabbitmq-server_*.deb"))
        debian.run(["dpkg-deb", "-x", str(package), str(folder)])
        package.unlink()
        (folder / ".ready").touch()
    return next((folder / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")) / "plugins"


def prepare(folder: Path, everything: Path, users: Mapping[str, str], hosts: list[str], ports: Ports) -> None:
    """What the broker reads at its start: configuration, definitions, cookie, and links to the applications that it needs."""
    folder.mkdir(exist_ok=True)
    definitions = folder / "definitions.json"
    definitions.write_bytes(msgspec.json.encode(topology.definitions(users, hosts)))
    definitions.chmod(0o600)
    memory = 400 + len(users) // 2  # MiB; a connection of each host's agents takes some hundred KiB
    (folder / "rabbitmq.config").write_text(
        f"""[{{rabbit, [
  {{tcp_listeners, [{{"127.0.0.1", {ports.bus}}}]}},
  {{load_definitions, "{definitions}"}},
  {{vm_memory_high_watermark, {{absolute, "{memory}MiB"}}}},
  {{disk_free_limit, 50000000}},
  {{log, [{{console, [{{enabled, true}}, {{level, warning}}]}}, {{file, [{{file, false}}]}}]}}
]}}].
"""
    )
    (folder / "enabled_plugins").write_text("[].\n")
    cookie = folder / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(secrets.token_hex(20))
        cookie.chmod(0o400)
    applications = needed(everything)
    _link(folder / "applications", applications)
    _link(folder / "plugins", [application for application in applications if _name(application) == "rabbit"])
    specify(folder / "specifications", [*applications, *_erlang().iterdir()])


def _erlang() -> Path:
    """The folder of Erlang's own applications."""
    return Path(shutil.which("erl") or "/usr/lib/erlang/bin/erl").resolve().parent.parent / "lib"


def _name(application: Path) -> str:
    """Without its version."""
    return application.name.rpartition("-")[0]


def _link(folder: Path, applications: Iterable[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for application in applications:
        (folder / application.name).symlink_to(application)


def specify(folder: Path, applications: Iterable[Path]) -> None:
    """Write an ``.app`` file for each that declares nothing: its own with no module listed, so that those are loaded when they are used."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for application in applications:
        own = application / "ebin" / f"{_name(application)}.app"
        if own.exists() and _name(application) not in DECLARING:
            (folder / own.name).write_text(MODULES.sub("{modules, []}", own.read_text()))


def needed(everything: Path) -> list[Path]:
    """The applications that ``rabbit`` depends on, itself first; what comes with Erlang is not among them."""
    there = {_name(folder): folder for folder in everything.iterdir()}
    found: dict[str, Path] = {}
    waiting = ["rabbit"]
    while waiting:
        name = waiting.pop()
        if name in found or name not in there:
            continue
        found[name] = there[name]
        listed = APPLICATIONS.search((there[name] / "ebin" / f"{name}.app").read_text())
        waiting += re.findall(r"\w+", listed[1]) if listed else []
    return list(found.values())


def command(folder: Path, ports: Ports) -> list[str]:
    """Of a folder that is prepared. Distribution is on, as the broker needs its node's name, and looks for no name daemon."""
    rabbit = next((folder / "applications").glob("rabbit-*"))
    node = f"-sname {node_name(ports)} -start_epmd false -erl_epmd_port {ports.node}"
    kernel = (
        f"-kernel inet_dist_listen_min {ports.node} inet_dist_listen_max {ports.node} "
        "inet_dist_use_interface {127,0,0,1} prevent_overlapping_partitions false"
    )
    start = f"erl -pa {rabbit}/ebin -pa {folder}/specifications -noinput -s rabbit boot -boot start_sasl +W w"
    rest = "-syslog logger [] -syslog syslog_error_logger false"
    return f"{start} {MEMORY} {SCHEDULERS} {node} {kernel} {rest}".split()


def node_name(ports: Ports) -> str:
    """The data of a broker go by it."""
    return f"tinstack{ports.bus}@localhost"


def environment(folder: Path, everything: Path, ports: Ports) -> dict[str, str]:
    """What the script would set."""
    return {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_LIBS": str(folder / "applications"),
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "SYS_PREFIX": "",
        "RABBITMQ_HOME": str(everything.parent),
        "RABBITMQ_PLUGINS_DIR": str(folder / "plugins"),
        "RABBITMQ_NODENAME": node_name(ports),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_DIST_PORT": str(ports.node),
    }
