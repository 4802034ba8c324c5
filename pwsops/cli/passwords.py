"""The password of a file: from standard input or the keyboard, never argv."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pwsops.cli.credentials import read_line

FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input: one line.")]


def file_password(what: str, *, from_stdin: bool, confirm: bool = False) -> str:
    """Return the password of a file; empty where there is none, or nobody to ask for one.

    `confirm` asks twice: a new password with a slip in it opens nothing.
    """
    if from_stdin:
        return read_line()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    password = typer.prompt(
        what, default="", hide_input=True, show_default=False, err=True, confirmation_prompt=confirm
    )
    return str(password)
