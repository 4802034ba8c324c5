"""Opening a home for a command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pwsops.cli import parse
from pwsops.cli.output import note
from pwsops.errors import Refused

if TYPE_CHECKING:
    from pwsops.operations import Operations

EMBEDDED = "sqlite"

home: Path | None = None
"""The home this process opened last: where its log is."""


@contextmanager
def opened(context: typer.Context) -> Iterator[Operations]:
    """Open the operations of the home that the command line named, for as long as the command goes on."""
    # Here and not above: it brings the catalogue with it, which `--help` does not need.
    from pwsops.operations import open_operations

    operations = open_operations(home_of(context))
    for each in operations.mended:
        note(each)
    try:
        yield operations
    finally:
        operations.close()


def home_of(context: typer.Context) -> Path:
    """Return the home that the command line named, and remember it."""
    from pwsops.operations import default_home

    global home
    home = (context.find_root().obj or default_home()).expanduser().absolute()
    return home


def server_path(operations: Operations, instance: str | None, path: str) -> str:
    """Return a path as the instance's server sees it.

    The embedded engine's server is this machine, where a relative path means one from here; any other server is
    told what was typed.
    """
    engines = {known.name: known.engine for known in operations.instances.list()}
    if instance is not None and engines.get(instance) != EMBEDDED:
        return path
    return parse.from_here(path)


def confirmed(question: str, answer: str, *, yes: bool, refusal: str) -> None:
    """Go on where `yes` was given, or where a person at the terminal types `answer`; raise `Refused` otherwise."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(refusal, hint="Add --yes to do it without being asked.")
    typed = typer.prompt(f"{question} Type {answer} to go on", default="", show_default=False, err=True)
    if typed.strip() != answer:
        raise Refused(refusal, hint=f"Type {answer} exactly, or add --yes.")
