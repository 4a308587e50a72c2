"""What a host tells of itself (`onhost.secure`), typed."""

import msgspec


class Socket(msgspec.Struct, frozen=True):
    """One that others reach. ``tls``: the version that it speaks, None in the clear; ``old``: an outdated one that it takes too;
    ``doubt``: why its certificate is not believed."""

    kind: str
    address: str
    port: int
    program: str
    unit: str
    tls: str | None = None
    old: str | None = None
    doubt: str | None = None

    @property
    def everywhere(self) -> bool:
        return self.address in ("0.0.0.0", "*", "::", "")


class File(msgspec.Struct, frozen=True):
    """``mode``: octal digits."""

    path: str
    kind: str
    owner: str
    group: str
    mode: str

    @property
    def bits(self) -> int:
        return int(self.mode, 8)


class Seen(msgspec.Struct, frozen=True):
    """One host. ``units``: exposure by unit, from 0 to 10; ``certificates``: their ends, in seconds since the epoch."""

    sockets: list[Socket]
    files: list[File]
    units: dict[str, float]
    certificates: dict[str, int]
    accounts: list[str]
