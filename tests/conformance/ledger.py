"""Write the ledger of API operations: what the route tables hold, beside what the API references have and we do not.

``python tests/conformance/ledger.py`` rewrites the tables in ``docs/compatibility.md``; a unit test fails when they are stale.
"""

import importlib
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
SERVICES = {
    "identity": ("Identity v3", "tinstack.identity.routes"),
    "compute": ("Compute v2.1", "tinstack.api.routes"),
    "placement": ("Placement", "tinstack.placement.routes"),
    "image": ("Image v2", "tinstack.image.routes"),
    "network": ("Network v2.0", "tinstack.network.server.routes"),
    "volume": ("Block Storage v3", "tinstack.volume.routes"),
}
BEGIN, END = "<!-- operations: {} -->", "<!-- end: {} -->"


def operations(module: str) -> list[tuple[str, str]]:
    """(path, methods and actions) of a route table, in its order."""
    found: dict[str, list[str]] = {}
    for name, table in vars(importlib.import_module(module)).items():
        if not name.isupper() or not isinstance(table, list):
            continue
        for route in table:
            if not hasattr(route, "handler") or route.handler.__name__ == "missing":
                continue
            said = f"`{route.action}`" if route.action else route.method
            since = f" ≥{route.first}" if route.first else ""
            until = f" ≤{route.last}" if route.last else ""
            words = found.setdefault(route.path or "/", [])
            if said + since + until not in words:
                words.append(said + since + until)
    return [(path, ", ".join(words)) for path, words in found.items()]


def table(service: str) -> str:
    """The Markdown table of one service."""
    rows = operations(SERVICES[service][1])
    lines = [
        f"{len(rows)} paths.",
        "",
        "| path | there |",
        "|---|---|",
        *(f"| `{path}` | {words} |" for path, words in rows),
    ]
    return "\n".join(lines)


def render(page: str) -> str:
    """The page with every table as the code has it now."""
    for service in SERVICES:
        begin, end = BEGIN.format(service), END.format(service)
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        replacement: Any = f"{begin}\n{table(service)}\n{end}"
        page = pattern.sub(lambda _, text=replacement: text, page)
    return page


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
