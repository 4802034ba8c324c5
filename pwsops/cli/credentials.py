"""A login and its password on the command line: the password comes from standard input or the keyboard, never argv."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pwsops.engines.records import Credentials

Login = Annotated[
    str | None,
    typer.Option("--login", metavar="NAME", help="Login on the database server.", show_default=False),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password of --login from standard input: one line.")
]


def read_password(login: str | None, *, from_stdin: bool) -> str | None:
    """Return the password of a login that was told; None where none was, or where it is to be taken away.

    Raises a usage error where there is a password without a login, and where there is nobody to ask for one.
    """
    if not login:
        if from_stdin:
            raise typer.BadParameter("it is the password of a login: give --login as well.", param_hint=_FROM_STDIN)
        return None
    if from_stdin:
        return read_line()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise typer.BadParameter(
            f"the password of {login} is missing, and there is no terminal to ask for it: "
            "add --password-stdin and write it to standard input.",
            param_hint="--login",
        )
    return str(typer.prompt(f"Password of {login}", hide_input=True, err=True))


def read_credentials(login: str | None, *, from_stdin: bool) -> Credentials | None:
    """Return who to be on the server this once; None: whoever the instance names."""
    password = read_password(login, from_stdin=from_stdin)
    if password is None:
        return None
    from pwsops.engines.records import Credentials

    return Credentials(login=login, password=password)


_FROM_STDIN = "--password-stdin"


def read_line(option: str = _FROM_STDIN) -> str:
    """Return the next line of standard input without its end; spaces may belong to a password.

    `option` is the one that promised it, for the usage error where there is none.
    """
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8 text.", param_hint=option) from None
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise typer.BadParameter("there is no password on standard input.", param_hint=option)
    return password
