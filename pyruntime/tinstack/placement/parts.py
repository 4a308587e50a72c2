"""What handlers are given."""

from dataclasses import dataclass

from tinstack.core.db import Database


@dataclass(frozen=True)
class Placement:
    """The service's parts."""

    database: Database
