"""What handlers work with: the parts of the running compute API."""

import logging
from uuid import uuid4

from tinstack.api.config import Config
from tinstack.core.background import Background
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.core.trace import Tracer

log = logging.getLogger(__name__)


class Compute:
    """``owner``: how this process signs operations that it drives."""

    def __init__(self, config: Config, db: Database, bus: Bus, session: Session, tracer: Tracer) -> None:
        self.config, self.db, self.bus, self.session, self.tracer = config, db, bus, session, tracer
        self.owner = f"api@{config.host}/{uuid4().hex[:12]}"
        self.default_quotas: dict[str, int] = {
            name: getattr(config.quotas, name) for name in config.quotas.__struct_fields__
        }
        self.background = Background()
