"""`pwsops doctor`."""

from __future__ import annotations

import typer

from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import home_of


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Say what is installed, reachable and writable, and what to do about what is not. Exit 1 if a need is not met."""
    from pwsops.cli import words
    from pwsops.operations import examine_home, json_shapes
    from pwsops.operations.records import CheckState

    checks = examine_home(home_of(context))

    if as_json:
        emit(map(json_shapes.check, checks))
    else:
        rows = (
            (one.name, words.check_state(one.state, required=one.required), one.finding, one.next_step)
            for one in checks
        )
        table(
            ("Check", "State", "Finding", "Next step"),
            rows,
            wraps=("Check", "Finding", "Next step"),
            empty="Nothing was checked.",
        )
    if any(one.required and one.state is CheckState.AMISS for one in checks):
        raise typer.Exit(1)
