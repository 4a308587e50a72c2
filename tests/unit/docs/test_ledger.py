"""The compatibility ledger says what the route tables hold."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_ledger_is_what_the_code_has() -> None:
    spec = importlib.util.spec_from_file_location("ledger", ROOT / "tests" / "conformance" / "ledger.py")
    assert spec
    assert spec.loader
    ledger = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ledger)
    page = (ROOT / "docs" / "compatibility.md").read_text()
    assert ledger.render(page) == page, "run: python tests/conformance/ledger.py"
