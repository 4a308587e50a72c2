"""The documents that follow from the code say what the code has."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_no_generated_document_is_stale() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    texts = generate.documents()
    stale = [
        str(path.relative_to(ROOT)) for path, text in texts.items() if not path.exists() or path.read_text() != text
    ]
    assert not stale, f"run: python docs/generate.py ({', '.join(stale)})"


def test_every_role_says_what_it_takes() -> None:
    silent = [
        role.name
        for role in (ROOT / "roles").iterdir()
        if role.is_dir() and not (role / "meta/argument_specs.yml").exists()
    ]
    assert not silent
