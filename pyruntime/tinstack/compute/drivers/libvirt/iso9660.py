"""A small ISO 9660 writer with Joliet names: what a config drive is. Source: ECMA-119, and Joliet's specification.

Both trees (plain and Joliet) lead to the same file contents. Names stay as they are, with lower case and dashes, which every
system that reads config drives accepts.
"""

import time
from collections.abc import Mapping

import msgspec

SECTOR = 2048
SYSTEM_SECTORS = 16
FILE, FOLDER = 0, 2


class _Node(msgspec.Struct, kw_only=True):
    """A folder or a file; ``data`` is None for a folder."""

    name: str
    data: bytes | None = None
    children: dict[str, "_Node"] = {}
    parent: "_Node | None" = None
    number: int = 1
    extents: dict[bool, int] = {}
    sizes: dict[bool, int] = {}


def image(files: Mapping[str, bytes], label: str) -> bytes:
    """The image: ``files`` by path with slashes. ``label``: 16 characters at most. Raises ValueError."""
    if not label.isascii() or len(label) > 16:
        raise ValueError(f"'{label}' is no label of 16 ASCII characters at most")
    for name in {part for path in files for part in path.split("/")}:
        if not name or not name.isascii() or len(name) > 62:
            raise ValueError(f"'{name}' is no name of 1 to 62 ASCII characters")
    root = _tree(files)
    folders, leaves = _folders(root), _leaves(root)
    tables = {joliet: _path_table(folders, joliet, "little") for joliet in (False, True)}
    table_sectors = {joliet: _sectors(len(table)) for joliet, table in tables.items()}
    at = SYSTEM_SECTORS + 3
    places: dict[tuple[bool, str], int] = {}
    for joliet in (False, True):
        for order in ("little", "big"):
            places[joliet, order] = at
            at += table_sectors[joliet]
    for joliet in (False, True):
        for folder in folders:
            folder.sizes[joliet] = _sectors(_listing_size(folder, joliet)) * SECTOR
            folder.extents[joliet] = at
            at += folder.sizes[joliet] // SECTOR
    for leaf in leaves:
        data = leaf.data or b""
        leaf.extents = {False: at, True: at}
        leaf.sizes = {False: len(data), True: len(data)}
        at += _sectors(len(data))
    out = bytearray(SYSTEM_SECTORS * SECTOR)
    for joliet in (False, True):
        out += _descriptor(label, root, at, len(tables[joliet]), places, joliet)
    out += _padded(b"\xffCD001\x01")
    for joliet in (False, True):
        for order in ("little", "big"):
            out += _padded(_path_table(folders, joliet, order))
    for joliet in (False, True):
        for folder in folders:
            out += _padded(_listing(folder, joliet))
    for leaf in leaves:
        out += _padded(leaf.data or b"")
    return bytes(out)


def _tree(files: Mapping[str, bytes]) -> _Node:
    root = _Node(name="")
    root.parent = root
    for path, data in sorted(files.items()):
        here = root
        *folders, name = path.split("/")
        for folder in folders:
            if folder not in here.children:
                here.children[folder] = _Node(name=folder, parent=here)
            here = here.children[folder]
        here.children[name] = _Node(name=name, data=data, parent=here)
    return root


def _folders(root: _Node) -> list[_Node]:
    """By level, as path tables want them, numbered from 1."""
    found, level = [root], [root]
    while level:
        level = [child for one in level for child in one.children.values() if child.data is None]
        found += level
    for number, folder in enumerate(found, 1):
        folder.number = number
    return found


def _leaves(node: _Node) -> list[_Node]:
    found: list[_Node] = []
    for child in node.children.values():
        found += _leaves(child) if child.data is None else [child]
    return found


def _sectors(size: int) -> int:
    return -(-size // SECTOR)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)


def _both(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little") + value.to_bytes(size, "big")


def _identifier(node: _Node, joliet: bool) -> bytes:
    name = node.name if node.data is None else f"{node.name};1"
    return name.encode("utf-16-be") if joliet else name.encode("ascii", "replace")


def _record(node: _Node, joliet: bool, identifier: bytes) -> bytes:
    when = time.gmtime()
    stamp = bytes((when.tm_year - 1900, when.tm_mon, when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec, 0))
    body = (
        b"\0"
        + _both(node.extents.get(joliet, 0), 4)
        + _both(node.sizes.get(joliet, 0), 4)
        + stamp
        + bytes((FOLDER if node.data is None else FILE, 0, 0))
        + _both(1, 2)
        + bytes((len(identifier),))
        + identifier
        + bytes(1 - len(identifier) % 2)
    )
    return bytes((len(body) + 1,)) + body


def _listing(folder: _Node, joliet: bool) -> bytes:
    """A folder's records; none crosses the end of a sector."""
    assert folder.parent
    records = [_record(folder, joliet, b"\0"), _record(folder.parent, joliet, b"\1")]
    children = sorted(folder.children.values(), key=lambda child: _identifier(child, joliet))
    records += [_record(child, joliet, _identifier(child, joliet)) for child in children]
    out = bytearray()
    for record in records:
        if len(out) % SECTOR + len(record) > SECTOR:
            out += bytes(-len(out) % SECTOR)
        out += record
    return bytes(out)


def _listing_size(folder: _Node, joliet: bool) -> int:
    return len(_listing(folder, joliet))


def _path_table(folders: list[_Node], joliet: bool, order: str) -> bytes:
    out = bytearray()
    for folder in folders:
        name = _identifier(folder, joliet) if folder.name else b"\0"
        assert folder.parent
        out += bytes((len(name), 0))
        out += folder.extents.get(joliet, 0).to_bytes(4, "little" if order == "little" else "big")
        out += folder.parent.number.to_bytes(2, "little" if order == "little" else "big")
        out += name + bytes(len(name) % 2)
    return bytes(out)


def _text(value: str, size: int, joliet: bool) -> bytes:
    if not joliet:
        return value.encode("ascii", "replace")[:size].ljust(size)
    wide = value.encode("utf-16-be")[: size - size % 2]
    return (wide + b"\0 " * size)[:size]


def _descriptor(
    label: str, root: _Node, sectors: int, table: int, places: dict[tuple[bool, str], int], joliet: bool
) -> bytes:
    """The primary volume descriptor, or the supplementary one that makes it Joliet."""
    now = time.strftime("%Y%m%d%H%M%S00", time.gmtime()).encode() + b"\0"
    never = b"0" * 16 + b"\0"
    out = bytearray()
    out += bytes((2 if joliet else 1,)) + b"CD001\x01\0"
    out += _text("LINUX", 32, joliet)
    out += _text(label, 32, joliet)
    out += bytes(8)
    out += _both(sectors, 4)
    out += b"%/E".ljust(32, b"\0") if joliet else bytes(32)
    out += _both(1, 2) + _both(1, 2) + _both(SECTOR, 2)
    out += _both(table, 4)
    out += places[joliet, "little"].to_bytes(4, "little") + bytes(4)
    out += places[joliet, "big"].to_bytes(4, "big") + bytes(4)
    out += _record(root, joliet, b"\0")
    out += _text("", 128, joliet) * 2
    out += _text("tinstack", 128, joliet)
    out += _text("tinstack", 128, joliet)
    out += _text("", 37, joliet) * 3
    out += now + now + never + now
    out += b"\x01\0"
    return _padded(bytes(out))
