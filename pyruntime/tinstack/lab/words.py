"""Words on the terminal: results on stdout, progress and complaints on stderr; colours and live lines on terminals only."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import IO, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 240
"""Columns for readers that are no terminal: wide enough that no cell is cut."""


class LabError(click.ClickException):
    """The verb failed, for the reason that the sentence says. Exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        print(f"lab: {self.message}", file=file or sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """A console that draws on terminals and writes plain lines elsewhere (rich itself heeds NO_COLOR)."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=width)


def live(stream: IO[Any] = sys.stderr) -> bool:
    """Whether lines that rewrite themselves are welcome."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


@contextmanager
def quiet(really: bool) -> Iterator[None]:
    """Progress goes to stderr meanwhile: stdout is for programs."""
    with redirect_stdout(sys.stderr) if really else nullcontext():
        yield


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without lines; the named columns are right-aligned."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def show_table(made: Table) -> None:
    """Print a table on stdout, without trailing blanks where nobody looks at colours."""
    out = console()
    if out.is_terminal:
        out.print(made)
        return
    with out.capture() as captured:
        out.print(made)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def show_json(value: object) -> None:
    """Print a value as JSON on stdout, for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
