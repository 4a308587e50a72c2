"""A slash behind a collection's path: the collection at identity and network, the item of the empty id elsewhere."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    "service, path, status",
    [
        ("identity", "/OS-TRUST/trusts/", 200),
        ("identity", "/users/", 200),
        ("network", "/v2.0/networks/", 200),
        ("compute", "/servers/", 404),
        ("image", "/v2/images/", 404),
        ("block-storage", "/volumes/", 404),
    ],
)
def test_a_slash_behind_a_collection(cloud: Any, service: str, path: str, status: int) -> None:
    assert cloud.admin.get(service, path).status == status
