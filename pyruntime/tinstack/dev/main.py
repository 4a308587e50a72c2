"""``./lab dev``: a whole cloud in this process, in the foreground, until SIGTERM."""

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from tinstack.core import log as logs
from tinstack.core.config import LogConfig
from tinstack.core.errors import ApiError
from tinstack.dev import configs, content
from tinstack.dev.cloud import Cloud, clouds_yaml
from tinstack.dev.options import DevOptions
from tinstack.dev.secrets import write_private

log = logging.getLogger(__name__)


def run(options: DevOptions) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Prints ``ready`` with the time it took."""
    began = time.monotonic()
    os.umask(0o077)
    options.state.mkdir(parents=True, exist_ok=True)
    logs.setup({"dev": LogConfig(level="WARNING")})
    _log_to_file(options.state)
    try:
        if options.split:
            from tinstack.dev.split import run as run_split

            return run_split(options, began)
        uvloop.run(_run(options, began))
    except ApiError as error:
        print(f"lab: {error.text}", file=sys.stderr, flush=True)
        return 1
    return 0


def _log_to_file(state: Path) -> None:
    folder = state / "logs"
    folder.mkdir(exist_ok=True)
    handler = logging.FileHandler(folder / "dev.log")
    handler.setFormatter(logs.JsonFormatter("dev"))
    root = logging.getLogger()
    for noisy in root.handlers:
        noisy.setLevel(logging.ERROR)
    root.setLevel(logging.INFO)
    root.addHandler(handler)


async def _run(options: DevOptions, began: float) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    ready = options.state / "ready.json"
    ready.unlink(missing_ok=True)
    cloud = Cloud(options.state, configs.ports(options.port_base), options.hosts, metrics=options.metrics)
    starting = asyncio.create_task(_start(cloud, options))
    ending = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            write_private(ready, ready_document(cloud))
            print(f"ready in {time.monotonic() - began:.1f} s", flush=True)
            await ending
    finally:
        ready.unlink(missing_ok=True)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await cloud.stop()


async def _start(cloud: Cloud, options: DevOptions) -> None:
    """The cloud and, the first time, what it holds: what users changed or removed since stays so."""
    await cloud.start()
    filled = options.state / "filled"
    if not (options.empty or filled.exists()):
        async with content.signed_in(cloud.auth_url, cloud.secrets.admin) as admin:
            await content.fill(admin, cloud.secrets.demo)
        filled.touch()
    demo = cloud.secrets.demo if filled.exists() else None
    write_private(options.state / "clouds.yaml", clouds_yaml(cloud.auth_url, cloud.secrets.admin, demo))


def ready_document(cloud: Cloud) -> bytes:
    """``ready.json``: what outside programs need; all else is in the catalog."""
    document = {
        "auth_url": cloud.auth_url,
        "region": configs.REGION,
        "pids": [os.getpid()],
        "services": configs.public_urls(cloud.ports),
        "hosts": cloud.hosts,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
