"""Write what follows from the code into the documents: the ledger of API operations, the metrics, the README of every role.

``python docs/generate.py`` rewrites them (with the tools' environment); a unit test fails when they are stale.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "pyruntime"))
METRICS = ROOT / "docs" / "metrics.md"
LEDGER = ROOT / "docs" / "compatibility.md"
SERVICES = {
    "identity": "tinstack.identity.routes",
    "compute": "tinstack.api.routes",
    "placement": "tinstack.placement.routes",
    "image": "tinstack.image.routes",
    "network": "tinstack.network.server.routes",
    "volume": "tinstack.volume.routes",
}
BEGIN, END = "<!-- operations: {} -->", "<!-- end: {} -->"


def operations(module: str) -> list[tuple[str, str]]:
    """(path, methods and actions) of a service's route tables, in their order; what answers 501 does not count."""
    found: dict[str, list[str]] = {}
    tables = [
        table
        for name, table in vars(importlib.import_module(module)).items()
        if name.isupper() and isinstance(table, list)
    ]
    for route in (route for table in tables for route in table):
        if not hasattr(route, "handler") or route.handler.__name__ in ("missing", "gone"):
            continue
        said = f"`{route.action}`" if route.action else route.method
        since = f" ≥{route.first}" if route.first else ""
        until = f" ≤{route.last}" if route.last else ""
        words = found.setdefault(route.path or "/", [])
        if said + since + until not in words:
            words.append(said + since + until)
    return [(path, ", ".join(words)) for path, words in found.items()]


def ledger() -> str:
    """The compatibility ledger with every table as the code has it now."""
    page = LEDGER.read_text()
    for service, module in SERVICES.items():
        rows = operations(module)
        lines = [
            f"{len(rows)} paths.",
            "",
            "| path | there |",
            "|---|---|",
            *(f"| `{path}` | {words} |" for path, words in rows),
        ]
        begin, end = BEGIN.format(service), END.format(service)
        before, _, rest = page.partition(begin)
        page = "\n".join([before + begin, *lines, end + rest.partition(end)[2]])
    return page


def between(page: str, name: str, lines: list[str]) -> str:
    """The page with ``lines`` between the marks of that name."""
    begin, end = f"<!-- {name} -->", f"<!-- end: {name} -->"
    before, _, rest = page.partition(begin)
    return "\n".join([before + begin, *lines, end + rest.partition(end)[2]])


def metrics() -> str:
    """The page of metrics with its tables as the code has them now."""
    from tinstack.core.metrics.families import FAMILIES, METRICS_PORTS

    ports = [f"| {service} | {port} |" for service, port in METRICS_PORTS.items()]
    rows = [
        f"| `{one.name}{'_total' if one.kind == 'counter' else ''}` | {one.kind} | {', '.join(one.labels)} | {one.meaning} |"
        for one in FAMILIES
    ]
    page = between(METRICS.read_text(), "ports", ["| service | port |", "|---|---|", *ports])
    return between(page, "metrics", ["| name | kind | labels | meaning |", "|---|---|---|---|", *rows])


def role_readme(role: Path) -> str:
    """What a role does and what it takes, from its argument specification."""
    spec: dict[str, Any] = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    lines = [f"# {role.name}", ""]
    for entry, said in spec.items():
        if entry != "main":
            lines += [f"## {entry}", ""]
        lines += [sentences(said.get("short_description", "")), ""]
        options = said.get("options") or {}
        if options:
            lines += ["| variable | type | default | meaning |", "|---|---|---|---|"]
            lines += [option_row(name, option) for name, option in options.items()]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def option_row(name: str, option: dict[str, Any]) -> str:
    """A row of a role's table."""
    default = "required" if option.get("required") else f"`{option['default']}`" if "default" in option else ""
    meaning = sentences(option.get("description", "")).replace("|", "\\|")
    return f"| `{name}` | {option.get('type', 'str')} | {default} | {meaning} |"


def sentences(text: str | list[str]) -> str:
    """One line of text."""
    return re.sub(r"\s+", " ", " ".join(text) if isinstance(text, list) else text).strip()


def documents() -> dict[Path, str]:
    """Every generated document with its text."""
    roles = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
    return {LEDGER: ledger(), METRICS: metrics(), **{role / "README.md": role_readme(role) for role in roles}}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
