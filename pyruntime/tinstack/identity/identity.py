"""What the handlers are given: the parts of this service."""

from dataclasses import dataclass

from tinstack.identity.authentication import Authentication
from tinstack.identity.config import Config
from tinstack.identity.oauth1 import OAuth1
from tinstack.identity.passwords import Hashing
from tinstack.identity.revocation import Revoker
from tinstack.identity.sealing import Sealer
from tinstack.identity.snapshot import Directory, Snapshot
from tinstack.identity.store import Store
from tinstack.identity.tokens import Tokens


@dataclass(frozen=True)
class Identity:
    """The identity service's parts, put together by ``service.create``."""

    config: Config
    store: Store
    directory: Directory
    tokens: Tokens
    authentication: Authentication
    revoker: Revoker
    hashing: Hashing
    sealer: Sealer
    oauth1: OAuth1

    async def now(self) -> Snapshot:
        """The current state."""
        return await self.directory.current()
