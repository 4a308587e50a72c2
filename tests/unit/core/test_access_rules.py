"""Access rules: which requests they permit."""

import pytest

from tinstack.core.access_rules import AccessRule, permits


@pytest.mark.parametrize(
    ("pattern", "path", "permitted"),
    [
        ("/v2.1/servers", "/v2.1/servers", True),
        ("/v2.1/servers", "/v2.1/servers/1", False),
        ("/v2.1/servers", "/v2x1/servers", False),
        ("/v2.1/servers/*", "/v2.1/servers/1", True),
        ("/v2.1/servers/*", "/v2.1/servers/1/ips", False),
        ("/v2.1/servers/{server_id}/ips", "/v2.1/servers/1/ips", True),
        ("/v2.1/servers/{server_id}/ips", "/v2.1/servers//ips", False),
        ("/v2.1/**", "/v2.1/servers/1/ips", True),
        ("/v3/*/volumes", "/v3/p/volumes", True),
    ],
)
def test_paths(pattern: str, path: str, permitted: bool) -> None:
    assert permits([AccessRule("compute", "GET", pattern)], ("compute",), "GET", path) is permitted


def test_method_and_service_count_and_no_rule_permits_nothing() -> None:
    rule = AccessRule("image", "GET", "/v2/images")
    assert permits([rule], ("image",), "GET", "/v2/images")
    assert not permits([rule], ("image",), "POST", "/v2/images")
    assert not permits([rule], ("compute",), "GET", "/v2/images")
    assert not permits([], ("image",), "GET", "/v2/images")
