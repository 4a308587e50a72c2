"""Commands of `./lab` that the documents name: there are such verbs, and they have such options."""

import re
import shlex
from pathlib import Path

import click
import pytest

from tinstack.lab.cli import lab

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "inventories").rglob("*.md"))]
NAMED = sorted(
    {
        (page.relative_to(ROOT).as_posix(), said)
        for page in PAGES
        for said in re.findall(r"(?:`|^)\./lab ([a-z][^`\n#]*)", page.read_text(), re.MULTILINE)
    }
)


def test_documents_name_many() -> None:
    assert len(NAMED) > 50


@pytest.mark.parametrize(("page", "said"), NAMED, ids=lambda one: one)
def test_there_is_such_a_command(page: str, said: str) -> None:
    words = shlex.split(said.replace("[", "").replace("]", ""))
    command: click.Command = lab
    while isinstance(command, click.Group) and words:
        assert words[0] in command.commands, f"{page}: there is no verb {words[0]}"
        command = command.commands[words.pop(0)]
    options = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("-")} <= options
