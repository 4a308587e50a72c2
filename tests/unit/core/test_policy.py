"""The rule language of policy files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinstack.core.config import ConfigError
from tinstack.core.context import Context, LaunchClaims
from tinstack.core.errors import PolicyForbidden
from tinstack.core.policy import Policy, load, parse

READER = Context(user_id="u", project_id="p", roles=frozenset({"reader"}))
ADMIN = Context(user_id="a", project_id="q", roles=frozenset({"admin", "manager", "member", "reader"}))
HOST = Context(user_id="s", project_id="p", roles=frozenset({"service"}), launch=LaunchClaims(host="h", server="s"))
SERVICE = Context(user_id="s", project_id="p", roles=frozenset({"service"}))


def allows(rule: str, context: Context, target: dict[str, str] | None = None) -> bool:
    return Policy({"r": rule}).allows("r", context, context.own() if target is None else target)


@pytest.mark.parametrize(
    "rule, context, target, expected",
    [
        ("", READER, {}, True),
        ("@", READER, {}, True),
        ("!", ADMIN, {}, False),
        ("role:READER", READER, {}, True),
        ("role:admin", READER, {}, False),
        ("not role:admin", READER, {}, True),
        ("role:admin or role:reader and project_id:%(project_id)s", READER, {"project_id": "p"}, True),
        ("role:reader and project_id:%(project_id)s", READER, {"project_id": "other"}, False),
        ("(role:admin or role:reader) and not project_id:%(project_id)s", READER, {"project_id": "p"}, False),
        ("user_id:%(target.user.id)s", READER, {"user": {"id": "u"}}, True),
        ("'p':%(project_id)s", READER, {"project_id": "p"}, True),
        ("rule:project_reader_or_admin", ADMIN, {"project_id": "p"}, True),
        ("system_scope:all", READER, {}, False),
        ("rule:service_role", SERVICE, {}, True),
        ("rule:service_role", HOST, {}, False),
    ],
)
def test_a_rule_decides(rule: str, context: Context, target: dict[str, str], expected: bool) -> None:
    assert allows(rule, context, target) is expected


@pytest.mark.parametrize("rule", ["role:admin and", "(role:admin", "admin", "role:admin role:reader", ")"])
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(rule)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ValueError:
        return


def test_enforcing_names_the_rule() -> None:
    with pytest.raises(PolicyForbidden, match="os:do"):
        Policy({"os:do": "role:admin"}).enforce("os:do", READER)


def test_the_operators_file_overrides_the_default(tmp_path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('# ours\n"os:do": "role:reader"\nos:other: role:admin\n')
    policy = load({"os:do": "role:admin", "os:other": "@"}, str(file))
    assert policy.allows("os:do", READER, {})
    assert not policy.allows("os:other", READER, {})


def test_a_broken_line_in_the_operators_file_is_named(tmp_path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('"os:do": "role:reader"\nnonsense\n')
    with pytest.raises(ConfigError, match="line 2"):
        load({}, str(file))
