"""One request: an operation, somebody, and everything else drawn by chance."""

import json
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlencode

from .operations import Operation
from .people import Pool
from .templates import KEYS
from .templates import body as template
from .values import HOSTILE_TEXTS, WORDS, Values, written

PEOPLE = ("admin",) * 6 + ("demo",) * 6 + ("mallory",) * 3 + ("reader",) * 2 + ("system", "unscoped", "", "nonsense")
KEPT_WORDS = {"default", "public"}
"""Names of what the cloud itself lives by; no path names them."""
QUERY_NAMES = (
    "limit", "marker", "sort_key", "sort_dir", "sort", "name", "status", "id", "fields", "all_tenants", "changes-since",
    "page_reverse", "offset", "tags", "not-tags", "project_id", "tenant_id", "created_at", "updated_at", "size_min", "image",
    "flavor", "ip", "deleted", "resources", "required", "member_of", "in_tree", "start", "end", "detailed", "metadata", "type",
    "visibility", "owner", "tag", "enabled", "domain_id", "with_count", "fixed_ips", "network_id", "device_id", "host", "minRam",
    "user_id", "effective", "include_names", "scope.system", "effective", "binary", "locked", "power_state", "reverse",
)  # fmt: skip
CONTENT_TYPES = (
    b"application/json", b"application/json; charset=utf-8", b"application/json; charset=latin-1", b"text/plain", b"application/xml",
    b"application/x-www-form-urlencoded", b"application/openstack-images-v2.1-json-patch", b"application/octet-stream", b"", b";",
    b"multipart/form-data; boundary=x", b"application/\xff",
)  # fmt: skip


class Sent(NamedTuple):
    """What goes over the wire. ``person``: whose token it carries."""

    person: str
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes | None


class Requests:
    """Draws them; ``tokens``: name → token."""

    def __init__(self, random: Random, pool: Pool, tokens: dict[str, str]) -> None:
        self._random, self._pool, self._tokens = random, pool, tokens
        self._values = Values(random, pool.known)

    def draw(self, operation: Operation) -> Sent:
        """One request for that operation."""
        random = self._random
        ruled = operation.service.key in ("identity", "placement") and random.random() < 0.5
        person = "admin" if ruled else random.choice(PEOPLE)
        target = self._path(operation) + self._query(operation)
        method = (
            operation.method
            if random.random() < 0.97
            else random.choice(("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"))
        )
        headers = [*self._identity(person, operation), *self._version(operation)]
        body = self._body(operation) if method in ("POST", "PUT", "PATCH") or random.random() < 0.05 else None
        if body is not None:
            common = random.random() < 0.93
            kind = CONTENT_TYPES[0] if common else random.choice(CONTENT_TYPES)
            if operation.path == "/v2/images/{image_id}" and method == "PATCH" and common:
                kind = b"application/openstack-images-v2.1-json-patch"
            if operation.route.stream:
                kind = b"application/octet-stream"
            headers.append((b"Content-Type", kind))
        if random.random() < 0.1:
            headers.append(self._odd_header())
        return Sent(person, method, target, headers, body)

    def _identity(self, person: str, operation: Operation) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        if person == "nonsense":
            found.append(
                (
                    b"X-Auth-Token",
                    self._random.choice((b"x", b"gAAAA" + b"A" * 200, b"\xff\xfe", b"x" * 9000, b"a b", b"==")),
                )
            )
        elif person:
            found.append((b"X-Auth-Token", self._tokens[person].encode()))
        if operation.path == "/v3/auth/tokens":
            subject = self._random.choice((b"", b"x", b"gAAAA" + b"B" * 180, b"\xe9", b"y" * 5000))
            found.append((b"X-Subject-Token", subject))
        return found

    def _version(self, operation: Operation) -> list[tuple[bytes, bytes]]:
        service, random = operation.service, self._random
        if service.newest is None or service.oldest is None or random.random() < 0.3:
            return []
        text = f"{service.newest.major}.{random.randint(0, service.newest.minor)}"
        if operation.route.first and random.random() < 0.6:
            text = str(operation.route.first)
        if random.random() < 0.08:
            text = random.choice(
                (
                    "latest",
                    "9.99",
                    "2",
                    "2.x",
                    "",
                    "-1.-1",
                    "2.1.1",
                    "２.１",
                    "2.999999999999",
                    "\xff",
                    "1e9",
                    "2.00001",
                )
            )
        name = "volume" if service.key == "volume" else service.type
        value = (
            f"{name} {text}"
            if random.random() < 0.95
            else random.choice((text, f"{name}{text}", f"other 1.1, {name} {text}"))
        )
        return [(b"OpenStack-API-Version", value.encode("latin-1", "replace"))]

    def _odd_header(self) -> tuple[bytes, bytes]:
        return self._random.choice(
            (
                (b"X-OpenStack-Request-Id", b"req-nonsense"),
                (b"X-Forwarded-Host", b"evil.example:99999"),
                (b"X-Forwarded-Proto", b"gopher"),
                (b"X-Forwarded-Prefix", b"/\xff"),
                (b"If-Match", b"revision_number=x"),
                (b"If-Match", b"revision_number=" + b"9" * 40),
                (b"Range", b"bytes=9-1"),
                (b"Range", b"bytes=-99999999999999999999"),
                (b"Content-Range", b"bytes 0-1/x"),
                (b"Accept", b"text/\xff"),
                (b"Accept-Language", b"x" * 3000),
                (b"X-Instance-ID", b"../x"),
                (b"x-image-meta-store", b"none"),
                (b"Cookie", b"\x80=\x81"),
                (b"Expect", b"200-maybe"),
            )
        )

    # --- path and query ---------------------------------------------------------------------------

    def _path(self, operation: Operation) -> bytes:
        parts = operation.path.split("/")
        made = []
        for place, part in enumerate(parts):
            made.append(self._element(part[1:-1], parts[place - 1]) if part.startswith("{") else part.encode())
        if self._random.random() < 0.02:
            made.insert(
                self._random.randrange(1, len(made) + 1),
                self._random.choice((b"", b"..", b"%2e%2e", b"x", b"%ff", b"%00")),
            )
        return b"/".join(made) or b"/"

    def _element(self, name: str, before: str) -> bytes:
        random = self._random
        kind = name if name not in ("id", "name", "key", "tag") else before.replace("-", "_").removeprefix("os_")
        kind = {"os_quota_sets": "project", "quotas": "project", "quota_sets": "project", "images": "image"}.get(
            kind, kind
        )
        if name in ("key", "tag") and random.random() < 0.7:
            return random.choice(KEYS).encode()
        ids = self._pool.known(kind) or self._pool.known(f"{kind.removesuffix('s')}_id")
        chance = random.random()
        if ids and chance < 0.75:
            return quote(random.choice(ids), safe="").encode()
        if chance < 0.88:
            word = random.choice([one for one in WORDS if one not in KEPT_WORDS])
            return quote(word if random.random() < 0.7 else str(self._values.scalar("id")), safe="").encode()
        text = random.choice(HOSTILE_TEXTS)[:3000]
        return quote(text.encode("utf-8", "surrogatepass"), safe="").encode() or b"%20"

    def _query(self, operation: Operation) -> bytes:
        random = self._random
        if random.random() > (0.6 if operation.method == "GET" else 0.08):
            return b""
        pairs: list[tuple[str, str | bytes]] = []
        for _ in range(random.choice((1, 1, 2, 3, 40))):
            name = random.choice(QUERY_NAMES) if random.random() < 0.95 else random.choice(HOSTILE_TEXTS)[:100]
            value = (
                self._values.scalar(name)
                if random.random() < 0.5
                else random.choice((*HOSTILE_TEXTS, "in:a,b", "gte:1", "asc", "name:asc"))
            )
            pairs.append((_bytes(name), _bytes(str(value)[:2000])))
        if random.random() < 0.05:
            return b"?" + random.choice(
                (b"&&&=", b"a&b&c", b"limit=1&limit=x", b"%zz=%", b"x" * 5000, b"%ff%fe=%00", b"limit")
            )
        return b"?" + urlencode(pairs).encode()

    # --- bodies -----------------------------------------------------------------------------------

    def _body(self, operation: Operation) -> bytes | None:
        random = self._random
        if operation.route.stream:
            return random.choice((b"", b"x" * 1024, b"QFI\xfb" + b"\0" * 600, b"\0" * 4096))
        chance = random.random()
        if chance < 0.08:
            return self._raw()
        value = template(operation.name, random, self._pool.known) if random.random() < 0.6 else None
        if value is not None:
            pass
        elif operation.schemas:
            value = self._values.fitting(random.choice(operation.schemas))
        else:
            value = {operation.route.action: None} if operation.route.action else {}
        if chance > 0.45:
            for _ in range(random.choice((1, 1, 1, 2, 4))):
                value = self._values.mutated(value)
        text = written(value)
        if chance > 0.97 and text.startswith("{") and len(text) > 2:
            text = text[:-1] + "," + text[1:]
        return text.encode("utf-8", "surrogatepass")

    def _raw(self) -> bytes:
        return self._random.choice(
            (
                b"", b"{", b"null", b"[]", b'"x"', b"0", b"{}", b"\xff\xfe{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"{'a': 1}",
                b"[" * 100_000, b'{"a":' * 50_000, b'{"a": "\xff"}', b'{"server": NaN}', b'{"\\ud800": 1}', b"a=b&c=d",
                b'{"a": ' + b"9" * 100_000 + b"}", json.dumps({"server": {"name": "x" * 900_000}}).encode(), b" " * 1000,
                b"{}" * 2, b"\x00", b'{"a": 1, "a": 2}', b"\x1f\x8b\x08\x00", b"x" * 1_200_000,
            )
        )  # fmt: skip


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
