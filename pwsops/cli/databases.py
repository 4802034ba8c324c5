"""`pwsops databases` and `pwsops browse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import opened, server_path
from pwsops.errors import PwsopsError

if TYPE_CHECKING:
    from pwsops.operations.records import DatabaseView

InstanceName = Annotated[str, typer.Argument(metavar="INSTANCE", help="The instance's name.", show_default=False)]


def databases(context: typer.Context, instance: InstanceName, as_json: AsJson = False) -> None:
    """List the databases of an instance: whether each is protected, why not, and what would be lost now.

    An instance that cannot be reached is an error; what was last known of it is listed all the same.
    """
    with opened(context) as operations:
        try:
            views = operations.databases.list(instance)
        except PwsopsError:
            views = operations.databases.known(instance)
            if views:
                _list(instance, views, as_json=as_json)
            raise
        fault = operations.key.fault()
    _list(instance, views, as_json=as_json)
    if fault is not None:
        raise fault


def _list(instance: str, views: Sequence[DatabaseView], *, as_json: bool) -> None:
    from pwsops.cli import words
    from pwsops.operations import json_shapes
    from pwsops.rules import verdict_words

    if as_json:
        emit(map(json_shapes.database, views))
        return
    rows = (
        (
            view.name,
            words.verdict(view.verdict),
            words.database_state(view.state),
            words.size(view.size_bytes),
            words.moment(view.last_full_at),
            words.moment(view.last_incremental_at),
            _would_be_lost(view),
            " ".join(
                filter(
                    None, (_why(view), view.reason, verdict_words.logs(view.logs_until, words.moment), *view.warnings)
                )
            ),
        )
        for view in views
    )
    headings = ("Database", "Protection", "State", "Size", "Last full", "Last incremental", "Would be lost", "Why")
    table(
        headings,
        rows,
        right=("Size", "Would be lost"),
        wraps=("Database", "Why"),
        empty=f"The instance {instance} has no databases.",
    )


def _why(view: DatabaseView) -> str:
    from pwsops.cli import words
    from pwsops.rules import verdict_words

    if not view.verdict.covered:
        return ""
    return f"{verdict_words.explanation(view.verdict, words.moment)} {verdict_words.step(view.verdict)}".strip()


def _would_be_lost(view: DatabaseView) -> str:
    from pwsops.cli import words

    if view.exposure_s is not None:
        return words.duration(view.exposure_s)
    return "not known" if view.verdict.unreadable else "everything"


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
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.directory_entry, entries))
        return
    rows = (
        (
            entry.name,
            "directory" if entry.is_directory else "file",
            words.NOTHING if entry.is_directory else words.size(entry.size_bytes),
            words.moment(entry.modified_at),
        )
        for entry in entries
    )
    table(("Name", "What", "Size", "Changed"), rows, right=("Size",), wraps=("Name",), empty=f"{path} is empty.")
