"""The console service, put together."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinstack.console import tokens
from tinstack.console.config import Config
from tinstack.console.pages import Pages
from tinstack.console.proxy import Proxy
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.service import Service

if TYPE_CHECKING:
    from tinstack.core.db import Database


def create(config: Config, bus: Bus, database: "Database | None") -> Service:
    """No database: what a token opens, the compute API says."""
    service = Service("console")
    session = Session(config.auth, config.region)
    proxy = Proxy(config, tokens.by_api(session), Pages(Path(config.novnc_dir)))
    service.on_start = [proxy.start]
    service.on_stop = [session.close, proxy.stop]
    return service
