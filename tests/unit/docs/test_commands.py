"""Commands of `./lab` that the documents name: there are such verbs, and they have such options."""

import re
import shlex
from pathlib import Path

import click
import pytest

from tinstack.lab.cli import lab
from tinstack.lab.prechecks import DISK_GIB, MEMORY_GIB
from tinstack.lab.security.rules import ONE_COMMAND

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "inventories").rglob("*.md"))]
NAMED = sorted(
    {
        (page.relative_to(ROOT).as_posix(), said)
        for page in PAGES
        for said in re.findall(r"(?:`|^)\./lab ([a-z][^`\n#]*)", page.read_text(), re.MULTILINE)
    }
)


def test_the_operators_guide_has_a_section_for_every_verb() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "operators-guide.md").read_text(), re.MULTILINE)
    named = {name for heading in headings for name in (heading.split()[0], *heading.split(", "))}
    assert lab.commands.keys() <= named


def test_what_has_no_limit_is_said_beside_the_limits() -> None:
    guide = (ROOT / "docs" / "operators-guide.md").read_text()
    (row,) = [line for line in guide.splitlines() if line.startswith("| units | `systemd-analyze security`")]
    assert all(f"`{pattern.rstrip('*')}`" in row for pattern in ONE_COMMAND)


def test_what_up_needs_is_what_it_asks_for() -> None:
    said = (ROOT / "README.md").read_text()
    assert f"{MEMORY_GIB} GiB of free memory and {DISK_GIB} GiB of free disk" in said


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
