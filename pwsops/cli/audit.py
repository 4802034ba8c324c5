"""`pwsops audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import opened


def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many entries, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show who did what, and when."""
    with opened(context) as operations:
        entries = operations.audit.list(limit=limit)
    from pwsops.cli import records, words

    if as_json:
        emit(map(records.audit_entry, entries))
        return
    rows = ((words.moment(one.at), one.actor, one.action, one.subject, one.detail) for one in entries)
    table(("When", "Who", "What", "On", "Detail"), rows, wraps=("On", "Detail"), empty="Nothing has been done yet.")
