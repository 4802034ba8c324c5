"""`pwsops drill` and `pwsops drills`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pwsops.cli import restore_options as options
from pwsops.cli.output import AsJson, complain, emit, note, say, table
from pwsops.cli.points import Zone
from pwsops.cli.restores import Source
from pwsops.cli.session import opened

if TYPE_CHECKING:
    from pwsops.operations.drills import DrillView, Query

Instance = Annotated[str | None, typer.Option(metavar="NAME", help="Only of this instance.", show_default=False)]
Database = Annotated[str | None, typer.Option(metavar="NAME", help="Only of this database.", show_default=False)]


Queries = Annotated[
    list[str] | None,
    typer.Option("--query", metavar="SQL", help="Ask what was restored; at most five.", show_default=False),
]
Expected = Annotated[
    list[str] | None,
    typer.Option("--expect", metavar="VALUE", help="The one value that a query must give.", show_default=False),
]
ToInstance = Annotated[str | None, typer.Option(metavar="NAME", help="Try it on another instance.", show_default=False)]
Here = Annotated[bool, typer.Option("--here", help="In this process, which needs no service: so it is done anyhow.")]


def drill(
    context: typer.Context,
    database: Annotated[str, typer.Argument(metavar="DATABASE", help="Whose backup is tried.", show_default=False)],
    instance: options.Instance,
    file: options.File = None,
    position: options.Position = None,
    run: options.Run = None,
    at: options.At = None,
    zone: Zone = None,
    to_instance: ToInstance = None,
    query: Queries = None,
    expect: Expected = None,
    here: Here = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Restore a backup into a scratch database, check it, time it, and drop it: the newest one, unless told otherwise.

    Touches no database of anybody. Exit 1 unless the backup is proven.
    """
    del here
    named: dict[str, Any] = {"file": file, "position": position, "run": run, "at": at, "zone": zone}
    source = Source.of(instance, database, **named) if any(one is not None for one in named.values()) else None
    queries = _queries(query or [], expect or [])
    from pwsops.cli import progress

    with opened(context) as operations, progress.shown() as tell:
        path, number = (None, 1) if source is None else source.find(operations, None)
        found = operations.drills.run(
            instance,
            database,
            path=path,
            position=number,
            on=to_instance,
            queries=queries,
            on_progress=progress.of_operation(tell, f"drill of {database}"),
        )
    _tell(found, as_json=as_json)
    if not found.is_proven:
        raise typer.Exit(1)


def _queries(asked: list[str], expected: list[str]) -> list[Query]:
    if len(asked) != len(expected):
        raise typer.BadParameter(
            f"give one --expect for each --query: these are {len(expected)} for {len(asked)}.", param_hint="--expect"
        )
    from pwsops.operations.drills import Query

    return [Query(sql=sql, expect=value) for sql, value in zip(asked, expected, strict=True)]


def _tell(found: DrillView, *, as_json: bool) -> None:
    from pwsops.cli import words

    if as_json:
        from pwsops.operations import json_shapes

        sys.stdout.write(json.dumps(json_shapes.drill(found), indent=2) + "\n")
        return
    what = f"Drill {found.id} of {found.database}: {found.outcome_words}"
    if found.is_proven:
        size = words.size(found.restored_bytes)
        counted = "" if found.rows is None else f", {words.counted(found.rows, 'row')}"
        say(f"{what}. {size} back in {words.duration(found.back_s or 0.0)}{counted}, from {found.path}.")
    else:
        say(f"{what}.")
        complain(found.why, found.next_step)
    for message in found.messages:
        note(message.text)
    if found.scratch_left:
        note(f"The scratch {found.scratch_left} may still be there: {found.scratch_why}")


def drills(
    context: typer.Context,
    instance: Instance = None,
    database: Database = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="So many of the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the drills that were done, newest first: what each has shown, and how long the database took to be back."""
    with opened(context) as operations:
        found = operations.drills.list(instance, database, limit)
    if as_json:
        from pwsops.operations import json_shapes

        emit(map(json_shapes.drill, found))
        return
    table(
        ("Drill", "Begun (UTC)", "Instance", "Database", "Outcome", "Back in", "Backup", "Why"),
        map(_row, found),
        right=("Drill", "Back in"),
        wraps=("Backup", "Why"),
        empty="No backup was drilled yet: `pwsops drill DATABASE --instance NAME` does.",
    )


def _row(one: DrillView) -> tuple[str, ...]:
    from pwsops.cli import words

    left = f" Its scratch {one.scratch_left} may still be there: {one.scratch_why}" if one.scratch_left else ""
    return (
        str(one.id),
        words.moment(one.asked_at),
        one.instance if one.on_instance == one.instance else f"{one.instance} on {one.on_instance}",
        one.database,
        one.outcome_words,
        words.NOTHING if one.back_s is None else words.duration(one.back_s),
        one.path or words.NOTHING,
        f"{one.why}{left}".strip(),
    )
