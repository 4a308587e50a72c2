"""Token texts."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from tinstack.core.config import ConfigError
from tinstack.core.context import LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.identity.fernet import METHODS, Codec, Token, new_audit_id
from tinstack.identity.snapshot import Scope

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
CODEC = Codec(NEW)

ids = st.one_of(
    st.uuids().map(lambda one: one.hex),
    st.uuids().map(str),
    st.sampled_from(["default", "all", ""]),
    st.text(max_size=40),
)
claims = st.builds(
    LaunchClaims,
    host=st.text(min_size=1, max_size=20),
    server=ids,
    image=st.none() | ids,
    ports=st.lists(ids, max_size=3).map(tuple),
    volumes=st.lists(ids, max_size=3).map(tuple),
)
tokens = st.builds(
    Token,
    user_id=ids,
    methods=st.lists(st.sampled_from(METHODS), min_size=1, unique=True).map(
        lambda some: tuple(sorted(some, key=METHODS.index))
    ),
    scope=st.builds(Scope, st.sampled_from(["", "project", "domain", "system"]), ids),
    issued_at=st.integers(0, 1 << 60),
    expires_at=st.integers(0, 1 << 60),
    audit_ids=st.lists(st.builds(new_audit_id), min_size=1, max_size=2).map(tuple),
    application_credential_id=st.none() | ids,
    launch=st.none() | claims,
)


@given(tokens)
def test_what_is_sealed_is_what_is_opened(token: Token) -> None:
    assert CODEC.open(CODEC.seal(token)) == token


def _token() -> Token:
    return Token(
        user_id="0" * 31 + "1",
        methods=("password",),
        scope=Scope("project", "0" * 32),
        issued_at=1,
        expires_at=2,
        audit_ids=(new_audit_id(),),
    )


def test_a_token_is_short_enough_for_every_header() -> None:
    assert len(CODEC.seal(_token())) < 256


def test_an_older_key_still_opens_and_a_removed_one_does_not() -> None:
    text = Codec(OLD).seal(_token())
    assert Codec(f"{NEW}\n{OLD}").open(text) == _token_of(text)
    with pytest.raises(Unauthorized):
        Codec(NEW).open(text)


def _token_of(text: str) -> Token:
    return Codec(OLD).open(text)


@pytest.mark.parametrize("text", ["", "gAAAA", "é", "x" * 5000, "=" * 10])
def test_what_we_did_not_make_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        CODEC.open(text)


def test_a_changed_token_is_refused() -> None:
    text = CODEC.seal(_token())
    with pytest.raises(Unauthorized):
        CODEC.open(text[:30] + ("A" if text[30] != "A" else "B") + text[31:])


@pytest.mark.parametrize("keys", ["", "\n", "short", f"{NEW}\nshort"])
def test_bad_keys_are_named_as_such_without_showing_them(keys: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Codec(keys)
    assert "fernet_keys" in caught.value.text
    assert NEW not in caught.value.text
