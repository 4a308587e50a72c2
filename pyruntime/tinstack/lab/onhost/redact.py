"""Text without its secrets: values that are known, and whatever stands where secrets stand or looks like one.

In doubt it is removed: what is lost is a word of a log, what is kept goes to other people.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MARK = "***removed***"

SHORTEST = 6
"""Known values that are shorter would be found in innocent words."""

_NAMES = (
    r"(?<!com)(?<!by)pass(?!ed|es|ing|ive|thr|port|age)(?:word|wd|phrase)?|(?<![a-z])pw(?![a-z])|pwd|psk|hmac|secret|token|credentials?|cookie"
    r"|(?:api|access|private|pre[_-]?shared|auth|encryption|signing|master|shared|session)[_-]?key|fernet|authorization"
    r"|user[_-]?data|signature"
)
_VALUE = r"""(?!\*{3}removed)(?:\\+(?P<q>["']).*?\\+(?P=q)|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)"""
_TO_VALUE = r"""(?:\\*["'],?)?[ \t]+"""
"""Between an option and its value on a command line, or in the list that one was made from."""

PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # PEM blocks of private keys, also where a formatter has escaped their newlines or the end is cut off.
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY-----|[\w+/=\s\\:,-]*)",
            re.DOTALL,
        ),
        MARK,
    ),
    (re.compile(r"\$ANSIBLE_VAULT;[^\n]*(?:\n[ \t]*[0-9a-f]+[ \t]*(?=\n|$))*"), MARK),
    # scheme://user:password@host, the password with any signs in it; scheme://token@host
    (re.compile(r"""(://[^\s:/@"']*:)(?!\d{1,5}[/?#"'])(?:(?!://)[^\s"<>])+(?=@)"""), rf"\1{MARK}"),
    (re.compile(r"(://)[\w-]{20,}(?=@)"), rf"\1{MARK}"),
    (re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{MARK}"),
    # --password VALUE; -pVALUE and -p VALUE; -u NAME:VALUE
    (
        re.compile(
            rf"((?<![\w-])--?[\w-]*(?:{_NAMES})(?![\w-]*(?:file|path|dir|fd|url)\b)[\w-]*{_TO_VALUE})(?!-){_VALUE}",
            re.IGNORECASE,
        ),
        rf"\1{MARK}",
    ),
    (
        re.compile(
            rf"""(\b(?:(?:mysql|mariadb)(?:-?dump|-?admin)?|sshpass)(?=[\s"'])[^\n;|]{{0,200}}?[\s"']-p(?:{_TO_VALUE})?){_VALUE}"""
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"""(\bcurl\b[^\n;|]{0,200}?\s(?:-u|--user)[ =]?\\*["']?[^\s:"']+:)[^\s"']+"""), rf"\1{MARK}"),
    # HAProxy and netrc
    (re.compile(r"(\bstats\s+auth\s+[^\s:]+:)\S+"), rf"\1{MARK}"),
    (re.compile(r"(\b(?:insecure-password|(?:user|login)\s+\S+\s+password)\s+)\S+"), rf"\1{MARK}"),
    # A line of two words, as in Redis' configuration; what people write
    (
        re.compile(
            r"(^[ \t]*(?:set[ \t]+)?[\w-]*(?:pass(?:word|wd|phrase)?|secret|token)[ \t]+)\S+(?=[ \t]*$)",
            re.IGNORECASE | re.MULTILINE,
        ),
        rf"\1{MARK}",
    ),
    (
        re.compile(
            r"(\b(?:password|passphrase)\s+(?:is|for\s+\S+\s*(?::|is))\s+)"
            r"(?!(?:not?|too|wrong|refused|missing|required|set|empty|over)\b)\S+",
            re.IGNORECASE,
        ),
        rf"\1{MARK}",
    ),
    (
        re.compile(
            rf"""(\b(?:change_password|add_user|authenticate_user){_TO_VALUE}\\*["']?[\w.-]+{_TO_VALUE}){_VALUE}"""
        ),
        rf"\1{MARK}",
    ),
    # SQL and XML
    (re.compile(r"""(\bIDENTIFIED\s+(?:WITH|VIA)\b[^\n;'"]{0,80}["'])[^"'\\]+""", re.IGNORECASE), rf"\1{MARK}"),
    (re.compile(rf"(\bIDENTIFIED\s+BY\s+(?:PASSWORD\s+)?|\bPASSWORD\s*\(\s*){_VALUE}", re.IGNORECASE), rf"\1{MARK}"),
    (re.compile(rf"(<[\w:.-]*(?:{_NAMES})[\w.-]*(?:\s[^<>]*)?>)\s*[^<\s][^<]*(?=</)", re.IGNORECASE), rf"\1{MARK}"),
    # Fernet tokens and keys, keys of Ceph, JSON web tokens
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{20,}"), MARK),
    (re.compile(r"(?<![\w/+-])[\w-]{43}=(?!\w)"), MARK),
    (re.compile(r"(?<![\w/+])AQ[\w/+]{36}=="), MARK),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*"), MARK),
    # Hashes of passwords
    (re.compile(r"\$(?:argon2\w*|2[aby]|[1567]|g?y|apr1|scrypt|pbkdf2[\w-]*)\$[^\s\"',:]+"), MARK),
    (re.compile(r"'?\*[0-9A-F]{40}'?"), MARK),
)
ASSIGNED = re.compile(
    rf"""(?P<word>{_NAMES})(?P<tail>[\w.-]*)(?:(?P<close>\\*["'])\s*)?\]?[ \t]*(?P<sign>:=|=>|->|=(?!=)|:)[ \t]*""",
    re.IGNORECASE,
)
"""NAME = VALUE, NAME: VALUE, NAME=VALUE of configuration, JSON, YAML, environments and headers, up to the value."""

LEADS = re.compile(r"""[\s#;+*>\[({?-]*(?:export\s+|declare\s+-x\s+|set\s+)?\\*["']?""")
"""What may stand before a name with which a line begins."""

TASK = re.compile(r"(?:TASK|HANDLER|PLAY) \[[^\]]*$")
"""A role's name is none of a value."""

LITERAL = re.compile(
    r"(?:-?\d[\d.]*|true|false|null|none|\*{3}removed\*{3})(?=\s*(?:[,}\])]|$))", re.IGNORECASE | re.MULTILINE
)
HARMLESS = re.compile(
    rf"(?:credential:[\w.-]+|true|false|none|null|yes|no|on|off|{re.escape(MARK)}|\{{\{{[\w .()|-]*\}}\}}|\[\]|\{{\}})?",
    re.IGNORECASE,
)
"""Values that say where a secret is, or none."""

NUMBER = re.compile(r"\d{1,5}")
PATH = re.compile(r"[\w.~@%{} -]*(?:/[\w.~@%{} -]+)+")
HARMLESS_NAMES = re.compile(
    r"(?:(?:Load|Import)Credential\w*|_seconds|_attempts|_ttl|passwords_path|token_url|Error|Exception)$"
)
OF_PATHS = re.compile(r"(?:file|path|dir|pwd)$", re.IGNORECASE)


BRACKETS = re.compile(r"""\\+(["']).*?\\+\1|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\[{\]}]""")
"""And strings, in which they are none."""


def _closing(text: str, begin: int, quote_: str, limit: int) -> int | None:
    """Where the string ends that begins there. ``quote_``: with the backslashes before it, as in JSON inside JSON."""
    depth = len(quote_) - 1
    doubled = "''|" if quote_ == "'" else ""  # as YAML writes one inside
    for found in re.compile(rf"{doubled}(\\*){quote_[-1]}").finditer(text, begin, limit):
        if found[1] is None:
            continue
        slashes = len(found[1])
        if slashes <= depth if depth else slashes % 2 == 0:
            return found.start()
    return None


def _balanced(text: str, begin: int) -> int | None:
    """Behind the bracket that closes the one there."""
    depth = 0
    for found in BRACKETS.finditer(text, begin, begin + 20_000):
        if found[0] in "[{]}":
            depth += 1 if found[0] in "[{" else -1
            if not depth:
                return found.end()
    return None


def _line_end(text: str, begin: int) -> int:
    end = text.find("\n", begin)
    return len(text) if end < 0 else end


def _block(text: str, end: int, column: int, sign: str, *, items: bool) -> int:
    """The end of the lines below that are indented further than the name. ``items``: also of a list that is not. ``sign``: with
    which the name's line begins; that of a diff stands before the lines below too.
    """
    at = end
    while at < len(text):
        following = _line_end(text, at + 1)
        line = text[at + 1 : following]
        if sign in ("+", "-") and (line == sign or line.startswith((f"{sign} ", f"{sign}\t"))):
            line = f" {line[1:]}"
        deep = len(line) - len(line.lstrip())
        if line.strip():
            if deep <= column and not (items and deep == column and line.lstrip().startswith("- ")):
                break
            end = following
        at = following
    return end


def _value(text: str, found: "re.Match[str]", name: int) -> tuple[int, int]:
    """Where the value begins and ends whose name begins at ``name``."""
    begin, end = found.end(), _line_end(text, found.end())
    line = max(text.rfind("\n", 0, name) + 1, name - 400)
    leads = LEADS.fullmatch(text, line, name) is not None
    if opened := re.compile(r"\\*[\"']").match(text, begin):
        closed = _closing(text, opened.end(), opened[0], len(text) if leads else end)
        return opened.end(), end if closed is None else closed
    brackets = text[begin : begin + 1] in ("[", "{") and not text.startswith("{{", begin)
    if brackets and (behind := _balanced(text, begin)):
        return begin, behind
    if found["close"] and (literal := LITERAL.match(text, begin, end)):
        return begin, literal.end()
    before = re.compile(r"\\*[\"']$").search(text, max(line, name - 8), name)
    if before and not found["close"] and (closed := _closing(text, begin, before[0], end)) is not None:
        return begin, closed
    if leads:
        # An item's name stands behind its dash; a quote belongs to the name.
        column = name - line - len(before[0] if before else "")
        return begin, _block(text, end, column, text[line], items=not text[begin:end].strip())
    if found["sign"] == "=" and not found[0].endswith((" ", "\t")):
        stop = re.compile(r"[\s\"&]|\\+[nr\"]").search(text, begin, end)
        return begin, stop.start() if stop else end
    inside = re.compile(r"\\*\"").search(text, begin, end)
    end = inside.start() if inside else end
    stop = re.compile(r"\\+[nr]").search(text, begin, end)
    one_line = stop is not None and text[begin : stop.start()].strip() not in ("", "|", ">", "|-", ">-")
    return begin, stop.start() if stop and one_line else end


def _bare(value: str) -> str:
    return re.sub(r"\s+#.*", "", value).strip().rstrip(",;)]").strip("\"' \t")


def _says_another_thing(name: str, tail: str, bare: str) -> bool:
    """Whether such a name with such a value is about a secret, and none."""
    if HARMLESS_NAMES.search(name):
        return True
    if NUMBER.fullmatch(bare):
        return re.fullmatch(r"[_.-]?\d*", tail) is None
    return OF_PATHS.search(name) is not None and PATH.fullmatch(bare) is not None


def _without_assigned(text: str) -> str:
    pieces, done, looked = [], 0, 0
    for found in ASSIGNED.finditer(text):
        if found.start() < looked:
            continue
        name = found.start()
        while name > max(done, found.start() - 64) and re.match(r"[\w.-]", text[name - 1]):
            name -= 1
        if TASK.search(text, max(0, name - 100), name):
            continue
        begin, end = _value(text, found, name)
        bare = _bare(text[begin:end])
        if HARMLESS.fullmatch(bare):
            looked = end
        elif not _says_another_thing(text[name : found.end("tail")], found["tail"], bare):
            pieces += [text[done:begin], MARK]
            done = looked = end
    return "".join([*pieces, text[done:]])


def redact(text: str, known: Iterable[str] = ()) -> str:
    """The text without them. ``known``: values that are secrets whatever they look like, also as URLs and JSON write them; the
    longest go first."""
    spelt = {way for one in known if len(one) >= SHORTEST for way in (one, quote(one, safe=""), json.dumps(one)[1:-1])}
    for value in sorted(spelt, key=len, reverse=True):
        text = text.replace(value, MARK)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return _without_assigned(text)
