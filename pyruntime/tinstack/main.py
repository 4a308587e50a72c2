"""The command ``tinstack`` on hosts: what units and plays run. Operators use ``./lab``."""

import argparse
import sys
from pathlib import Path

from tinstack.core.config import ConfigError
from tinstack.core.errors import ApiError

CONFIG_DIR = Path("/etc/tinstack")


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 fine, 1 failed (reason on standard error), 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="tinstack", description="The runtime of a tinstack cloud.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="run services in this process")
    serve.add_argument("services", nargs="+")
    serve.add_argument("--config-dir", type=Path, default=CONFIG_DIR)
    config = verbs.add_parser("config", help="check a configuration file")
    config.add_argument("action", choices=["check"])
    config.add_argument("service")
    config.add_argument("file", type=Path)
    config.add_argument("--credentials", type=Path)
    database = verbs.add_parser("db", help="bring a service's database to this version")
    database.add_argument("action", choices=["upgrade"])
    database.add_argument("service")
    identity = verbs.add_parser("identity", help="first users, roles, services and endpoints (JSON on standard input)")
    identity.add_argument("action", choices=["bootstrap"])
    for verb in (database, identity):
        verb.add_argument("--config-dir", type=Path, default=CONFIG_DIR)
        verb.add_argument("--credentials", type=Path)
    things = verbs.add_parser("things", help="list what of the cloud is on this host (JSON)")
    things.add_argument("--config-dir", type=Path, default=CONFIG_DIR)
    things.add_argument("--remove", action="store_true", help="first remove the things that standard input lists")
    given = parser.parse_args(arguments)
    try:
        return int(_run(given))
    except ApiError as error:
        print(error.text, file=sys.stderr)
        return 1


def _run(given: argparse.Namespace) -> int:
    from tinstack import running

    if given.verb == "things":
        from tinstack import things

        things.run(given.config_dir, remove=given.remove)
        return 0
    for name in getattr(given, "services", None) or [getattr(given, "service", "identity")]:
        if name not in running.PACKAGES:
            print(f"There is no service '{name}'; there are: {', '.join(running.PACKAGES)}.", file=sys.stderr)
            return 2
    if given.verb == "serve":
        return running.serve(given.services, given.config_dir)
    if given.verb == "config":
        return _check(given)
    if given.verb == "db":
        from tinstack.core.migrate import upgrade

        config = running.read_config(given.service, given.config_dir, given.credentials)
        print("changed" if upgrade(given.service, config) else "unchanged")
        return 0
    from tinstack.identity.bootstrap import run

    print(
        "changed"
        if run(running.read_config("identity", given.config_dir, given.credentials), sys.stdin.read())
        else "unchanged"
    )
    return 0


def _check(given: argparse.Namespace) -> int:
    """With ``--credentials`` every named credential must be there; without, only the file's form is checked."""
    from tinstack import running
    from tinstack.core import config as configs

    if given.credentials is None:
        import tomllib

        import msgspec

        try:
            msgspec.convert(tomllib.loads(given.file.read_text()), running.config_class(given.service))
        except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise ConfigError(f"{given.file}: {error}.") from error
    else:
        configs.load(running.config_class(given.service), given.file, given.credentials)
    return 0


if __name__ == "__main__":
    sys.exit(main())
