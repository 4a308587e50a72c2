"""An empty compute database, and servers to put into it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Asked
from tinstack.computedb.tables import metadata
from tinstack.conductor.rpc import FlavorDetails
from tinstack.core import db as databases
from tinstack.core.config import DatabaseConfig
from tinstack.core.db import Database

FLAVOR = FlavorDetails(name="t1.nano", vcpus=2, ram_mib=128, root_gib=1)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/compute.db"
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    database = databases.connect(DatabaseConfig(url=url))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def asked() -> Asked:
    return Asked(request_id=f"req-{uuid4()}", user_id="u", project_id="p", owner="api@controller/1")


@pytest.fixture
def make() -> Callable[..., Instance]:
    def instance(**changes: Any) -> Instance:
        columns: dict[str, Any] = {
            "id": str(uuid4()),
            "project_id": "p",
            "user_id": "u",
            "name": "one",
            "hostname": "one",
            "vm_state": "building",
            "task_state": "scheduling",
            "image_id": None,
            "flavor_id": "42",
            "flavor": FLAVOR,
            "reservation_id": "r-1",
            "created_at": 1,
            "updated_at": 1,
        }
        return Instance(**{**columns, **changes})

    return instance
