"""Values for bodies: what a schema allows, what it nearly allows, and what nobody should send."""

import json
import re
import string
from random import Random
from typing import Any

Json = dict[str, Any]

WORDS = (
    "a", "abc", "x" * 255, "1", "0", "-1", "2", "true", "none", "default", "public", "tcp", "icmp", "IPv4", "ingress",
    "egress", "nova", "10.9.0.0/24", "10.9.0.7", "2001:db8:9::/64", "2001:db8:9::7", "fa:16:3e:00:11:22", "8.8.8.8",
    "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000000Z", "http://127.0.0.1:1/x", "CUSTOM_X", "VCPU", "HW_CPU_X86_AVX",
    "raw", "bare", "qcow2", "SOFT", "active", "available", "YWJj", "ssh-rsa AAAA", "member", "auto", "in-use", "pc",
    "00000000000000000000000000000000", "11111111-2222-4333-8444-555555555555", "key=value", "/var", "hw:cpu_policy",
)  # fmt: skip
HOSTILE_TEXTS = (
    "", " ", "\0", "\x00abc", "\u202e", "\ud800", "é" * 200, "x" * 300, "x" * 70000, "'; DROP TABLE instances; --", "../../etc",
    "%00", "%2f", "{{7*7}}", "${jndi}", "\r\nX-Injected: 1", "\x1b[2J", "\u0000", "１２", "٣", "1e999", "NaN", "0x10", "null",
    "9" * 400, "-9223372036854775809", "18446744073709551616", "1.5", "http://[::1", "::ffff:1.2.3.4%eth0", "0.0.0.0/0",
    "1.2.3.4/99", "10.0.0.0/8/8", "fe80::1%lo", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "re[", "(a+)+$", "*", "\\", "a,b;c:d", "\U0001f600", "ÿ", "\x7f", "\x85",
)  # fmt: skip
HOSTILE = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1.5, -0.0, 1e308, 5e-324, [], {}, [[]], [None], {"": None},
    {"a": {"b": {"c": []}}}, [1, "a", None, {}], {"id": 1},
)  # fmt: skip


class Raw(str):
    """Text that stands in the JSON document as it is."""


NUMBERS = tuple(
    Raw(one) for one in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "0.1e-9999", "01", "+1")
)


class Values:
    """Draws values. ``known``: (a property's name) → ids that such a property could hold."""

    def __init__(self, random: Random, known: Any) -> None:
        self.random, self._known = random, known

    def fitting(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Something that the schema (probably) allows."""
        if not isinstance(schema, dict) or depth > 8:
            return self.scalar(name)
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self.fitting(self.random.choice(schema[several]), name, depth + 1)
        if "allOf" in schema:
            schema = {key: value for one in schema["allOf"] for key, value in one.items()} | schema
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kinds = schema.get("type", "object" if "properties" in schema else None)
        kind = self.random.choice(kinds) if isinstance(kinds, list) else kinds
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            least = int(schema.get("minimum", 0))
            return self.random.choice((least, least + 1, min(int(schema.get("maximum", 2**31 - 1)), 2**31 - 1), 3))
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "null":
            return None
        if kind == "string":
            return self._text(schema, name)
        return self.scalar(name)

    def _object(self, schema: Json, depth: int) -> Json:
        properties: Json = schema.get("properties", {})
        wanted = set(schema.get("required", ()))
        share = self.random.choice((0.1, 0.4, 0.8))
        names = [name for name in properties if name in wanted or self.random.random() < share]
        made = {name: self.fitting(properties[name], name, depth + 1) for name in names}
        for inner in schema.get("patternProperties", {}).values():
            made[self.random.choice(("a", "hw:x", "VCPU", "k1"))] = self.fitting(inner, "", depth + 1)
        if not properties and isinstance(schema.get("additionalProperties"), dict):
            made[self.scalar("id")] = self.fitting(schema["additionalProperties"], "", depth + 1)
        return made

    def _array(self, schema: Json, name: str, depth: int) -> list[Any]:
        items = schema.get("items", {})
        count = max(int(schema.get("minItems", 0)), self.random.choice((0, 1, 1, 2)))
        if isinstance(items, list):
            return [self.fitting(one, name, depth + 1) for one in items]
        return [self.fitting(items, name.removesuffix("s"), depth + 1) for _ in range(min(count, 5))]

    def _text(self, schema: Json, name: str) -> str:
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", 255))
        for _ in range(12):
            text = str(self.scalar(name))[:most]
            if len(text) >= least and ("pattern" not in schema or _fits(schema["pattern"], text)):
                return text
        return "a" * max(1, least)

    def scalar(self, name: str) -> Any:
        """By a property's name: an id that is known, a name of its own, or a word."""
        ids = self._known(name)
        if ids and self.random.random() < 0.75:
            return self.random.choice(ids)
        if self.random.random() < 0.3:
            return "".join(self.random.choices(string.ascii_lowercase + string.digits, k=8))
        return self.random.choice(WORDS)

    def hostile(self) -> Any:
        """What nobody should send."""
        kind = self.random.random()
        if kind < 0.45:
            return self.random.choice(HOSTILE_TEXTS)
        if kind < 0.85:
            return self.random.choice(HOSTILE)
        if kind < 0.93:
            return self.random.choice(NUMBERS)
        return self.nested(self.random.choice((3, 50, 400, 5000)))

    def nested(self, depth: int) -> Raw:
        """A value so deep."""
        made = [self.random.choice((("[", "]"), ('{"a":', "}"))) for _ in range(depth)]
        return Raw("".join(begin for begin, _ in made) + "1" + "".join(end for _, end in reversed(made)))

    def mutated(self, value: Any) -> Any:
        """The value with one place of it spoiled."""
        if isinstance(value, dict) and value and self.random.random() < 0.85:
            key = self.random.choice(list(value))
            how = self.random.random()
            if how < 0.65:
                return {**value, key: self.mutated(value[key])}
            if how < 0.75:
                return {name: one for name, one in value.items() if name != key}
            if how < 0.85:
                return {**value, str(self.random.choice(HOSTILE_TEXTS)): self.hostile()}
            return {**value, key: self.hostile()}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            place = self.random.randrange(len(value))
            if self.random.random() < 0.2:
                return value * self.random.choice((2, 50))
            return [*value[:place], self.mutated(value[place]), *value[place + 1 :]]
        return self.hostile()


def written(value: Any) -> str:
    """As JSON, with what Python's own writer would refuse."""
    if isinstance(value, Raw):
        return str.__str__(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(one) for one in value) + "]"
    return json.dumps(value)


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True
