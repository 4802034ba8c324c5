"""What a command prints: one JSON array, a table, or a line. Results go to stdout, all the rest to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from pwsops.cli import words
from pwsops.cli.words import clean

if TYPE_CHECKING:
    from pwsops.messages import Message

PIPE_WIDTH = 100_000
"""A pipe has no width: a cell that is cut or wrapped there is lost to whoever reads it."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")]

Cell = str | Text


def console(stream: TextIO | None = None) -> Console:
    """Return the console of a stream (stdout): plain text stays what it is, colour only where people look."""
    stream = stream or sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def emit(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON array, a record a line, as the records come."""
    before = "[\n"
    for row in rows:
        sys.stdout.write(before + json.dumps(row))
        before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Sequence[str] = (),
    wraps: Sequence[str] = (),
    empty: str,
) -> None:
    """Print a table.

    Parameters
    ----------
    right
        The columns of numbers.
    wraps
        The columns of long text: a narrow terminal takes its lines from these and leaves the others whole.
    empty
        The sentence that is told where there are no rows.
    """
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        side: JustifyMethod = "right" if heading in right else "left"
        grid.add_column(heading, justify=side, overflow="fold", no_wrap=heading not in wraps)
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row))
    if grid.row_count:
        console().print(grid)
    else:
        say(empty)


def say(text: str) -> None:
    """Print a line about what was done."""
    console().print(clean(text), soft_wrap=True)


def note(text: str) -> None:
    """Print a line that is not the result, on stderr."""
    console(sys.stderr).print(clean(text), soft_wrap=True)


def complain(message: str, hint: str, messages: Sequence[Message] = ()) -> None:
    """Print what went wrong and the next step, and below it all messages word for word, on stderr."""
    errors = console(sys.stderr)
    errors.print(Text(clean(message), "bold"), soft_wrap=True)
    if hint:
        errors.print(clean(f"Next step: {hint}"), soft_wrap=True)
    for each in messages:
        errors.print(clean(f"Message: {words.message(each)}"), soft_wrap=True)
