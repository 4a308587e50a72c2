"""Projects of their own for random operations, and many operations at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

AT_ONCE = 8


@pytest.fixture(scope="session")
def fresh(cloud: Any) -> Callable[[], Any]:
    """Makes a project with the administrator in it, without limits in network; its client."""
    roles = cloud.admin.get("identity", "/roles?name=admin").json["roles"]

    def make() -> Any:
        name = f"model-{uuid4().hex[:8]}"
        made = cloud.admin.post("identity", "/projects", {"project": {"name": name, "domain_id": "default"}})
        id = made.json["project"]["id"]
        path = f"/projects/{id}/users/{cloud.admin.user_id}/roles/{roles[0]['id']}"
        assert cloud.admin.put("identity", path).status == 204
        limits = {"quota": {"network": -1, "subnet": -1, "port": -1}}
        assert cloud.admin.put("network", f"/v2.0/quotas/{id}", json=limits).status == 200
        return type(cloud.admin)(cloud.auth_url, "admin", cloud.cloud.secrets.admin, name)

    return make


@pytest.fixture(scope="session")
def at_once() -> Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]:
    """``at_once(do, operations)``: what each gave, in their order; skips where the database serves one at a time."""
    if os.environ.get("TINSTACK_TEST_BACKENDS") != "real":
        pytest.skip("many at once need a real MariaDB: TINSTACK_TEST_BACKENDS=real")

    def run(do: Callable[[Any], Any], operations: Sequence[Any]) -> list[Any]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(do, operations))

    return run
