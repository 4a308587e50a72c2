"""Text without its secrets: values that are known, and whatever stands where secrets stand or looks like one."""

import re
from collections.abc import Iterable

MARK = "***removed***"

SHORTEST = 6
"""Known values that are shorter would be found in innocent words."""

_NAMES = (
    r"pass(?:word|wd|phrase)?|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|fernet|cookie|adminpass"
    r"|authorization|user[_-]?data|signature"
)
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;'"}&]+)"""
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # PEM blocks of private keys, also where a formatter has escaped their newlines.
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), MARK),
    # scheme://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s@/\"']+(?=@)", re.IGNORECASE), rf"\1{MARK}"),
    (re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{MARK}"),
    (re.compile(r"(\bx-[a-z-]*token[\"']?\s*[:=]\s*[\"']?)[^\s\"',]+", re.IGNORECASE), rf"\1{MARK}"),
    # --password VALUE, and -pVALUE of MariaDB's client
    (re.compile(rf"(--[\w-]*(?:{_NAMES})[ =]){_VALUE}", re.IGNORECASE), rf"\1{MARK}"),
    # Fernet tokens, ours among them
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{20,}"), MARK),
    # Hashes of passwords
    (re.compile(r"\$(?:argon2\w*|2[aby]|6|5|y|scrypt)\$[^\s\"',:]+"), MARK),
    (re.compile(r"'?\*[0-9A-F]{40}'?"), MARK),
)
ASSIGNED = re.compile(
    rf"""(["']?\b[\w.-]*(?:{_NAMES})[\w.-]*["']?\s*[:=]\s*)({_VALUE})""",
    re.IGNORECASE,
)
"""NAME = VALUE, NAME: VALUE, NAME=VALUE of configuration, JSON, YAML and environments."""

HARMLESS = re.compile(
    r"""["']?(?:credential:[\w.-]+|true|false|none|null|yes|no|\d{1,5}|)["']?""",
    re.IGNORECASE,
)
"""Values that say where a secret is, or none: `"credential:bus"`, numbers of seconds."""

HARMLESS_NAMES = re.compile(
    r"(LoadCredential\w*|SetCredential|_seconds|_attempts|_ttl|passwords_path|token_url)\W*$", re.IGNORECASE
)


def _assigned(found: "re.Match[str]") -> str:
    name, value = found[1], found[2]
    if HARMLESS.fullmatch(value) or HARMLESS_NAMES.search(name):
        return found[0]
    quote = value[0] if value[:1] in "\"'" else ""
    return f"{name}{quote}{MARK}{quote}"


def redact(text: str, known: Iterable[str] = ()) -> str:
    """The text without them. ``known``: values that are secrets whatever they look like; the longest go first."""
    for value in sorted({one for one in known if len(one) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(value, MARK)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return ASSIGNED.sub(_assigned, text)
