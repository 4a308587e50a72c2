"""A writer of small ISO 9660 images whose names are kept twice: by Rock Ridge and by Joliet.

Guests on Linux read the first, others the second; both show names as they are, long and in lower case. All in memory:
it is for config drives. Sources: ECMA-119 (clauses 6, 8 and 9), IEEE P1281 (SUSP), IEEE P1282 (Rock Ridge), Joliet.
"""

import struct
import time

SECTOR = 2048
LONGEST_NAME = 64
"""Characters of a name, by Joliet."""


class Node:
    """A file (``data``), or a directory (``children``). ``alias``: its 8.3 name."""

    def __init__(self, name: str, parent: "Node | None", data: bytes | None = None) -> None:
        self.name, self.data = name, data
        self.parent = parent or self
        self.children: dict[str, Node] = {}
        self.alias = b""

    def ordered(self) -> list["Node"]:
        """The children by name."""
        return [child for _, child in sorted(self.children.items())]


class Tree:
    """One of the two directory trees over the same files: the primary one, with Rock Ridge in its system use fields.

    ``extents``: where a node's first sector is, and its size in bytes.
    """

    descriptor, escape = 1, b""

    def __init__(self, directories: list[Node], moment: time.struct_time) -> None:
        self.directories, self.moment = directories, moment
        self.extents: dict[Node, tuple[int, int]] = {}
        self.tables = 0

    def text(self, value: str, size: int) -> bytes:
        """``value`` in a field of ``size`` bytes of a volume descriptor."""
        return value.encode("ascii", "replace")[:size].ljust(size)

    def name(self, node: Node) -> bytes:
        """The name in a directory record."""
        return node.alias

    def system_use(self, node: Node, name: bytes) -> bytes:
        """SP and ER say in the root that there is Rock Ridge, NM is the name, PX the mode (read only)."""
        mode, links = (0o100444, 1) if node.data is not None else (0o040555, 2)
        px = b"PX\x24\x01" + b"".join(_both32(value) for value in (mode, links, 0, 0))
        if name == b"\x00" and node.parent is node:
            return b"SP\x07\x01\xbe\xef\x00" + px + b"ER\x12\x01\x0a\x00\x00\x01RRIP_1991A"
        if len(name) == 1:
            return px
        true = node.name.encode()
        return b"NM" + bytes((5 + len(true), 1, 0)) + true + px

    def place(self, at: int) -> int:
        """Give path tables and directories their sectors from ``at`` on; the first free one after them."""
        self.tables = at
        at += 2 * _sectors(len(self.table("<")))
        for node in self.directories:
            self.extents[node] = at, len(self.directory(node))
            at += self.extents[node][1] // SECTOR
        return at

    def directory(self, node: Node) -> bytes:
        """A directory's records; none crosses the end of a sector (6.8.1.1)."""
        named = [(node, b"\x00"), (node.parent, b"\x01"), *((child, self.name(child)) for child in node.ordered())]
        packed = b""
        for each, name in named:
            record = self._record(each, name, self.system_use(each, name))
            room = -len(packed) % SECTOR
            packed += (bytes(room) if len(record) > room else b"") + record
        return _padded(packed)

    def _record(self, node: Node, name: bytes, use: bytes = b"") -> bytes:
        """9.1."""
        place, size = self.extents.get(node, (0, 0))
        now = self.moment
        written = bytes((now.tm_year - 1900, now.tm_mon, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec, 0))
        flags = 2 if node.data is None else 0
        head = b"\0" + _both32(place) + _both32(size) + written + bytes((flags, 0, 0)) + _both16(1)
        body = head + bytes((len(name),)) + name
        body += bytes(1 - len(body) % 2) + use
        body += bytes(1 - len(body) % 2)
        return bytes((1 + len(body),)) + body

    def table(self, order: str) -> bytes:
        """9.4, the path table; ``order`` as in struct."""
        number = {node: index for index, node in enumerate(self.directories, 1)}
        table = b""
        for node in self.directories:
            name = b"\x00" if node.parent is node else self.name(node)
            head = struct.pack(f"{order}BBIH", len(name), 0, self.extents.get(node, (0, 0))[0], number[node.parent])
            table += head + name + bytes(len(name) % 2)
        return table

    def volume(self, label: str, sectors: int) -> bytes:
        """8.4 and 8.5, the descriptor."""
        size = len(self.table("<"))
        now, never = time.strftime("%Y%m%d%H%M%S00", self.moment).encode() + b"\0", b"0" * 16 + b"\0"
        fields = [
            bytes((self.descriptor,)) + b"CD001\x01\0" + self.text("", 32) + self.text(label, 32) + bytes(8),
            _both32(sectors) + self.escape.ljust(32, b"\0") + _both16(1) * 2 + _both16(SECTOR) + _both32(size),
            struct.pack("<II", self.tables, 0) + struct.pack(">II", self.tables + _sectors(size), 0),
            self._record(self.directories[0], b"\x00"),
            self.text("", 128) * 3 + self.text("tinstack", 128) + self.text("", 37) * 3,
            now + now + never + never + b"\x01\0",
        ]
        return _padded(b"".join(fields))


class JolietTree(Tree):
    """The supplementary tree: names in UCS-2, no system use."""

    descriptor, escape = 2, b"%/E"

    def text(self, value: str, size: int) -> bytes:
        return value.ljust(size)[: size // 2].encode("utf-16-be").ljust(size, b"\0")

    def name(self, node: Node) -> bytes:
        return node.name.encode("utf-16-be")

    def system_use(self, node: Node, name: bytes) -> bytes:
        return b""


def image(files: dict[str, bytes], label: str, moment: time.struct_time | None = None) -> bytes:
    """An image with these files (path → content) and this volume label. Raises ValueError for a name that can't be."""
    directories, moment = _directories(files), moment or time.gmtime()
    trees = Tree(directories, moment), JolietTree(directories, moment)
    at = 19  # sixteen unused sectors, two volume descriptors and their terminator
    for tree in trees:
        at = tree.place(at)
    contents = [(node, node.data) for folder in directories for node in folder.ordered() if node.data is not None]
    for node, data in contents:
        for tree in trees:
            tree.extents[node] = at, len(data)
        at += _sectors(len(data))
    parts = [bytes(16 * SECTOR), *(tree.volume(label, at) for tree in trees), _padded(b"\xffCD001\x01")]
    for tree in trees:
        parts += [_padded(tree.table("<")), _padded(tree.table(">"))]
        parts += [tree.directory(node) for node in directories]
    parts += [_padded(data) for _, data in contents]
    return b"".join(parts)


def _directories(files: dict[str, bytes]) -> list[Node]:
    """All directories, the root first, in the order of a path table (6.9.1)."""
    root = Node("", None)
    for path, data in files.items():
        *folders, name = path.split("/")
        node = root
        for folder in folders:
            node = node.children.setdefault(folder, Node(folder, node))
        node.children[name] = Node(name, node, data)
    found = [root]
    for node in found:
        for number, child in enumerate(node.ordered()):
            if not 0 < len(child.name) <= LONGEST_NAME or not child.name.isascii():
                raise ValueError(f"the name '{child.name}' is not one of 1 to {LONGEST_NAME} ASCII characters")
            child.alias = b"N%07d" % number + (b"" if child.data is None else b".;1")
        found += [child for child in node.ordered() if child.data is None]
    return found


def _both16(value: int) -> bytes:
    return struct.pack("<H", value) + struct.pack(">H", value)


def _both32(value: int) -> bytes:
    return struct.pack("<I", value) + struct.pack(">I", value)


def _sectors(size: int) -> int:
    return -(-size // SECTOR)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)
