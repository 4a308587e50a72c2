"""Policy: the rule language and the file (``policy.yaml``) that OpenStack's operators know.

A rule is text: ``role:NAME``, ``rule:NAME``, ``NAME:%(KEY)s`` (a credential equals a key of the target), ``'text':%(KEY)s``,
``@`` (always), ``!`` (never), joined by ``and``, ``or``, ``not`` and parentheses. Source: oslo.policy's documentation of the
language. Role names compare without case; implied roles are already in the context. Our services with the role
``service`` and launch tokens are credentials ``service:True`` and ``launch:True``.
"""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from tinstack.core.config import ConfigError
from tinstack.core.context import Context
from tinstack.core.errors import PolicyForbidden

Target = Mapping[str, Any]
Check = Callable[[Context, Target, "Policy"], bool]

BASE = {
    "admin_required": "role:admin",
    "service_role": "service:True",
    "admin_or_service": "rule:admin_required or rule:service_role",
    "project_admin": "role:admin and project_id:%(project_id)s",
    "project_manager": "role:manager and project_id:%(project_id)s",
    "project_member": "role:member and project_id:%(project_id)s",
    "project_reader": "role:reader and project_id:%(project_id)s",
    "project_manager_or_admin": "rule:project_manager or rule:admin_required",
    "project_member_or_admin": "rule:project_member or rule:admin_required",
    "project_reader_or_admin": "rule:project_reader or rule:admin_required",
    "project_member_or_service": "rule:project_member_or_admin or rule:service_role",
    "project_reader_or_service": "rule:project_reader_or_admin or rule:service_role",
}
"""Personas that every service's defaults may name: admin, manager, member, reader, service."""

_TOKEN = re.compile(r"""\(|\)|(?:'[^']*'|"[^"]*"|%\([^)]*\)s|[^\s()'"%]|%)+""")


class Policy:
    """The rules of one service: its defaults, overridden by the operator's file.

    ``scopes``: for rules that not every token may use, the kinds of scope that may (``system``, ``domain``, ``project``).
    """

    def __init__(
        self,
        defaults: Mapping[str, str],
        overrides: Mapping[str, str] | None = None,
        scopes: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._scopes = scopes or {}
        self._texts = {**BASE, **defaults, **(overrides or {})}
        self._checks: dict[str, Check] = {}
        for name in self._texts:
            self._check(name)

    def allows(self, rule: str, context: Context, target: Target) -> bool:
        """Whether ``context`` may do ``rule`` to ``target``. Raises KeyError for a rule that is not there."""
        if (scopes := self._scopes.get(rule)) is not None and context.scope not in scopes:
            return False
        return self._check(rule)(context, target, self)

    def enforce(self, rule: str, context: Context, target: Target | None = None) -> None:
        """Raise PolicyForbidden (403) unless allowed. Without a target: one's own things."""
        if not self.allows(rule, context, context.own() if target is None else target):
            raise PolicyForbidden(rule=rule)

    def _check(self, name: str) -> Check:
        found = self._checks.get(name)
        if found is None:
            found = self._checks[name] = parse(self._texts[name])
        return found


def load(defaults: Mapping[str, str], file: str | None, scopes: Mapping[str, Collection[str]] | None = None) -> Policy:
    """Defaults with the operator's ``policy.yaml`` over them: lines of ``"rule": "text"``. Raises ConfigError."""
    if not file or not Path(file).exists():
        return Policy(defaults, scopes=scopes)
    overrides: dict[str, str] = {}
    for number, line in enumerate(Path(file).read_text().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"""\s*(["']?)([^"'\s]+?)\1\s*:(?:\s+(?:"(.*)"|'(.*)'|([^"'].*)))?\s*""", line)
        if not match:
            raise ConfigError(f'{file}, line {number}: expected "rule": "text".')
        overrides[match[2]] = next((group for group in match.groups()[2:] if group is not None), "").strip()
    for name, text in overrides.items():
        try:
            parse(text)
        except ValueError as error:
            raise ConfigError(f"{file}: the rule '{name}' can't be read: {error}.") from error
    return Policy(defaults, overrides, scopes)


def parse(text: str) -> Check:
    """A rule's text as a function. Raises ValueError."""
    tokens = [token for token in _TOKEN.findall(text) if token]
    if not tokens:
        return lambda context, target, policy: True
    check, rest = _or(tokens)
    if rest:
        raise ValueError(f"unexpected '{rest[0]}'")
    return check


def _or(tokens: list[str]) -> tuple[Check, list[str]]:
    parts, rest = _joined(tokens, "or", _and)
    if len(parts) == 1:
        return parts[0], rest
    return lambda context, target, policy: any(part(context, target, policy) for part in parts), rest


def _and(tokens: list[str]) -> tuple[Check, list[str]]:
    parts, rest = _joined(tokens, "and", _not)
    if len(parts) == 1:
        return parts[0], rest
    return lambda context, target, policy: all(part(context, target, policy) for part in parts), rest


def _joined(
    tokens: list[str], word: str, inner: Callable[[list[str]], tuple[Check, list[str]]]
) -> tuple[list[Check], list[str]]:
    check, rest = inner(tokens)
    parts = [check]
    while rest and rest[0].lower() == word:
        check, rest = inner(rest[1:])
        parts.append(check)
    return parts, rest


def _not(tokens: list[str]) -> tuple[Check, list[str]]:
    if not tokens:
        raise ValueError("the rule ends too early")
    head, rest = tokens[0], tokens[1:]
    if head.lower() == "not":
        check, rest = _not(rest)
        return lambda context, target, policy: not check(context, target, policy), rest
    if head == "(":
        check, rest = _or(rest)
        if not rest or rest[0] != ")":
            raise ValueError("a parenthesis is not closed")
        return check, rest[1:]
    return _leaf(head), rest


def _leaf(text: str) -> Check:
    if text == "@":
        return lambda context, target, policy: True
    if text == "!":
        return lambda context, target, policy: False
    kind, colon, match = text.partition(":")
    if not colon:
        raise ValueError(f"'{text}' is no check")
    if kind == "role":
        role = match.lower()
        return lambda context, target, policy: role in context.roles
    if kind == "rule":
        return lambda context, target, policy: policy.allows(match, context, target)
    return _comparison(kind, match)


def _comparison(kind: str, match: str) -> Check:
    wanted = re.fullmatch(r"%\(([^)]*)\)s", match)
    literal = kind[1:-1] if kind[:1] in "'\"" else None

    def check(context: Context, target: Target, policy: Policy) -> bool:
        left = literal if literal is not None else _credential(context, kind)
        right = _lookup(target, wanted[1]) if wanted else match
        return left is not None and right is not None and str(left) == str(right)

    return check


def _credential(context: Context, name: str) -> Any:
    if name == "system_scope":
        return "all" if context.system else None
    if name == "is_admin":
        return context.is_admin
    if name == "service":
        return context.is_service
    if name == "launch":
        return context.launch is not None
    if name == "tenant_id":
        return context.project_id
    return getattr(context, name, None)


def _lookup(target: Target, key: str) -> Any:
    if key in target:
        return target[key]
    value: Any = target
    for part in key.removeprefix("target.").split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value
