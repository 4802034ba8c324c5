"""`pwsops databases` and `pwsops browse`."""

from __future__ import annotations

from typing import Annotated

import typer

from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import opened, server_path

InstanceName = Annotated[str, typer.Argument(metavar="INSTANCE", help="The instance's name.", show_default=False)]


def databases(context: typer.Context, instance: InstanceName, as_json: AsJson = False) -> None:
    """List the databases of an instance, with what would be lost if one vanished now."""
    with opened(context) as operations:
        views = operations.databases.list(instance)
    from pwsops.cli import records, words

    if as_json:
        emit(map(records.database, views))
        return
    rows = (
        (
            one.name,
            words.database_state(one.state),
            words.size(one.size_bytes),
            words.moment(one.last_full_at),
            words.moment(one.last_incremental_at),
            "everything" if one.exposure_s is None else words.duration(one.exposure_s),
            " ".join(filter(None, (one.reason, *one.warnings))),
        )
        for one in views
    )
    headings = ("Database", "State", "Size", "Last full", "Last incremental", "Would be lost", "Why")
    table(
        headings,
        rows,
        right=("Size", "Would be lost"),
        wraps=("Database", "Why"),
        empty=f"The instance {instance} has no databases.",
    )


def browse(
    context: typer.Context,
    instance: InstanceName,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A directory on the database server.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """List a directory as the instance's server sees it."""
    with opened(context) as operations:
        entries = operations.databases.browse(instance, server_path(operations, instance, path))
    from pwsops.cli import records, words

    if as_json:
        emit(map(records.directory_entry, entries))
        return
    rows = (
        (
            one.name,
            "directory" if one.is_directory else "file",
            words.NOTHING if one.is_directory else words.size(one.size_bytes),
            words.moment(one.modified_at),
        )
        for one in entries
    )
    table(("Name", "What", "Size", "Changed"), rows, right=("Size",), wraps=("Name",), empty=f"{path} is empty.")
