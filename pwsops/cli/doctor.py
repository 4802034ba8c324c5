"""`pwsops doctor`."""

from __future__ import annotations

import typer

from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import opened


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Say what is installed, reachable and writable, and what to do about what is not. Exit 1 if a need is not met."""
    with opened(context) as operations:
        checks = operations.doctor()
    from pwsops.cli import records, words

    if as_json:
        emit(map(records.check, checks))
    else:
        rows = ((one.name, words.yes_no(one.ok, required=one.required), one.finding, one.next_step) for one in checks)
        table(
            ("Check", "State", "Finding", "Next step"),
            rows,
            wraps=("Check", "Finding", "Next step"),
            empty="Nothing was checked.",
        )
    if any(one.required and not one.ok for one in checks):
        raise typer.Exit(1)
