"""`pwsops doctor`."""

from __future__ import annotations

import typer

from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import home_of


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is installed, reachable and writable, and what to do about what is not. Exit 1 if a need is not met."""
    from pwsops.cli import words
    from pwsops.operations import examine_home, json_shapes
    from pwsops.operations.records import CheckState

    checks = examine_home(home_of(context))

    if as_json:
        emit(map(json_shapes.check, checks))
    else:
        rows = (
            (check.name, words.check_state(check.state, required=check.required), check.finding, check.next_step)
            for check in checks
        )
        table(
            ("Check", "State", "Finding", "Next step"),
            rows,
            wraps=("Check", "Finding", "Next step"),
            empty="Nothing was checked.",
        )
    if any(check.required and check.state is CheckState.AMISS for check in checks):
        raise typer.Exit(1)
