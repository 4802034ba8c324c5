"""`pwsops sample`."""

from __future__ import annotations

from typing import Annotated

import typer

from pwsops.cli.output import say
from pwsops.cli.session import opened


def sample(
    context: typer.Context,
    with_profile: Annotated[
        bool, typer.Option("--with-profile", help="Make a profile too: every minute, until tomorrow.")
    ] = False,
    with_history: Annotated[
        bool, typer.Option("--with-history", help="Invent a past of six weeks, in a home that has none.")
    ] = False,
) -> None:
    """Create the instance "samples" with vault databases in it."""
    with opened(context) as operations:
        if with_history:
            say(f"{operations.samples.history():,} runs were invented; there is no file behind them.")
        names = operations.samples.create(with_profile=with_profile)
    say(f"The instance samples has {len(names)} databases: {', '.join(names)}.")
