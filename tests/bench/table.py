"""The table: what is measured, what real OpenStack did on a machine of the same kind, what it may cost here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """``most``/``least``: the budget, in the unit; ``digits`` after the point."""

    key: str
    title: str
    unit: str
    openstack: str
    least: float | None = None
    most: float | None = None
    digits: int = 0


ROWS = (
    Row("token_issue", "issue a token, 2 at once", "/s", "2.4–3 /s", least=12),
    Row("token_validate", "validate a token at identity, 16 at once", "/s", "57–70 /s", least=3000),
    Row("flavor_list", "flavor list", "/s", "48–81 /s", least=2000),
    Row("image_list", "image list", "/s", "69–96 /s", least=2000),
    Row("network_list", "network list", "/s", "17 /s", least=2000),
    Row("detail_0", "`servers/detail` with no server", "/s", "22 /s", least=2000),
    Row("detail_100", "`servers/detail` with 100 servers", "/s", "1 /s", least=150),
    Row("detail_500", "`servers/detail` with 500 servers", "/s", "0.23 /s", least=30),
    Row("page_500", "a page of 100 of 500 servers", "/s", ""),
    Row("page_5000", "a page of 100 of 5,000 servers", "/s", ""),
    Row("all_5000", "`servers/detail` of 5,000 servers, in pages of 1,000, by one client", "s", "", digits=1),
    Row("boot_answer", "one boot: the answer to POST", "ms", ""),
    Row("boot", "one boot: POST to ACTIVE", "ms", "2,400–2,900 ms", most=60),
    Row(
        "boot_cpu",
        "one boot and its deletion, asked for every 20 ms: CPU of our services",
        "ms",
        "4,400 ms (boot alone)",
        most=40,
    ),
    Row("burst_50", "50 boots at once", "/s", ""),
    Row("burst_200", "200 boots at once", "/s", "did not finish in 330 s", least=30),
    Row("burst_1000", "1,000 boots at once", "/s", ""),
    Row("delete_100", "delete of 100 servers, till all are gone", "s", "", most=3, digits=1),
    Row("decisions", "decisions of the scheduler with 1,000 hosts", "/s", "", least=200),
    Row("heartbeats", "heartbeats of 1,000 hosts: CPU of our services", "% of a core", "", most=10, digits=1),
    Row("upload", "image upload", "MiB/s", "", least=150),
    Row("download", "image download", "MiB/s", "", least=1200),
    Row("start", "start to first `server list`, backends included", "s", "45.7 s", most=3, digits=1),
    Row("pss", "controllers' services, idle, each a process", "MiB", "1,727 MiB", most=420),
    Row("cpu", "controllers' services, idle CPU", "% of a core", "", most=1, digits=2),
    Row("distributions", "distributions installed for the runtime", "", "185", most=40),
    Row("installed", "their size with bytecode", "MiB", "702 MiB", most=160),
    Row("domain", "sandbox: POST to running domain beyond `virsh create`", "ms", "", most=150),
)


def lines(results: Mapping[str, float]) -> Iterator[str]:
    """The table in Markdown: what was measured of ROWS."""
    yield "| what | measured | budget | real OpenStack |"
    yield "|---|---:|---:|---:|"
    for row in ROWS:
        if row.key in results:
            value = results[row.key]
            budget = _budget(row)
            verdict = f"{budget}{'' if not budget or met(row, value) else ' **missed**'}"
            yield f"| {row.title} | {_text(value, row)} | {verdict} | {row.openstack} |"


def met(row: Row, value: float) -> bool:
    """Whether the budget holds."""
    return (row.least is None or value >= row.least) and (row.most is None or value <= row.most)


def _budget(row: Row) -> str:
    if row.least is not None:
        return f"≥ {_text(row.least, row)}"
    return "" if row.most is None else f"≤ {_text(row.most, row)}"


def _text(value: float, row: Row) -> str:
    return f"{value:,.{row.digits if value % 1 else 0}f} {row.unit}".strip()


def write(page: Path, results: Mapping[str, float], about: str) -> None:
    """Put the table and the sentence about the machine between the page's two marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text("\n".join([f"{before}{BEGIN}", about, "", *lines(results), f"{END}{after}"]))
