"""`pwsops points`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pwsops.cli.credentials import Login, PasswordStdin, read_credentials
from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.period_options import read_zone
from pwsops.cli.session import opened

if TYPE_CHECKING:
    from pwsops.operations.points import PointView

Zone = Annotated[
    str | None,
    typer.Option(
        parser=read_zone,
        metavar="ZONE",
        help="Zone of the moments; default: that of the database's profile, else this machine's.",
        show_default=False,
    ),
]


def points(
    context: typer.Context,
    instance: Annotated[str, typer.Option(metavar="NAME", help="The instance.", show_default=False)],
    database: Annotated[str, typer.Option(metavar="NAME", help="Its database.", show_default=False)],
    zone: Zone = None,
    login: Login = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """List the moments that a database can be brought back to, newest first, and what keeps others from it."""
    credentials = read_credentials(login, from_stdin=password_stdin)
    with opened(context) as operations:
        found = operations.points.list(instance, database, credentials=credentials)
        if zone is None and not as_json:
            zone = operations.points.zone(instance, database, credentials=credentials)
    from pwsops.operations import json_shapes
    from pwsops.rules.moments import write_moments

    if as_json:
        emit(map(json_shapes.restore_point, found))
        return
    assert zone is not None
    moments = write_moments([one.at for one in found], ZoneInfo(zone))
    table(
        (f"Moment ({zone})", "Kind", "Run", "Restorable", "Proven", "Why", "Files"),
        map(partial(_row, ZoneInfo(zone)), moments, found),
        right=("Run",),
        wraps=("Why", "Files"),
        empty=f"No backup of {database} on {instance} is recorded.",
    )


def _row(zone: ZoneInfo, moment: str, one: PointView) -> tuple[str, ...]:
    from pwsops.cli import words

    return (
        moment,
        words.kind_of(one),
        words.NOTHING if one.run is None else str(one.run),
        words.yes_or_no(one.restorable),
        words.moment(one.proven_at, zone),
        one.why,
        ", ".join(each.path for each in one.chain) or one.path,
    )
