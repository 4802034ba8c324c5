"""`pwsops key`."""

from __future__ import annotations

from typing import Annotated

import typer

from pwsops.cli.output import say
from pwsops.cli.session import confirmed, opened

app = typer.Typer(help="The key that stored passwords and private keys are encrypted with.", no_args_is_help=True)


@app.command()
def check(context: typer.Context) -> None:
    """Prove that the key opens everything that is stored."""
    with opened(context) as operations:
        found = operations.key.check()
    say(f"The key is the right one; it opens all {found} stored passwords and private keys.")


@app.command()
def rotate(context: typer.Context) -> None:
    """Encrypt everything that is stored with a new key, and drop the old one once that is proven."""
    with opened(context) as operations:
        done = operations.key.rotate()
        where = operations.home
    say(f"{done} stored passwords and private keys are encrypted with a new key. Save {where / 'secret.key'} anew.")


@app.command("begin-anew")
def begin_anew(
    context: typer.Context, yes: Annotated[bool, typer.Option("--yes", help="Do it without being asked.")] = False
) -> None:
    """Take a new key where the former is lost for good; what it encrypted has to be entered anew."""
    with opened(context) as operations:
        confirmed(
            "What the lost key encrypted stays unreadable, backups for certificates that lie nowhere else included.",
            "lost",
            yes=yes,
            refusal="The lost key was not given up.",
        )
        operations.key.begin_anew()
    say("The home has a key again. Enter the passwords and import the certificates anew; `pwsops doctor` names them.")
