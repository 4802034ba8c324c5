"""`pwsops media`."""

from __future__ import annotations

from typing import Annotated

import typer

from pwsops.cli.credentials import Login, PasswordStdin, read_credentials
from pwsops.cli.output import AsJson, emit, table
from pwsops.cli.session import opened, server_path
from pwsops.rules.model import BackupSet


def media(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A media file, as the database server sees it.", show_default=False)
    ],
    instance: Annotated[
        str | None, typer.Option(help="Whose server reads it; default: this machine.", show_default=False)
    ] = None,
    login: Login = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """List every backup in a media file."""
    if login and instance is None:
        raise typer.BadParameter("a login is one of a server: give --instance as well.", param_hint="--login")
    credentials = read_credentials(login, from_stdin=password_stdin)
    with opened(context) as operations:
        sets = operations.media.read(server_path(operations, instance, file), instance, credentials=credentials)
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.backup_set, sets))
        return
    headings = ("Position", "Database", "Kind", "Finished", "Size", "Set", "Base", "Encrypted for")
    table(
        headings,
        map(_row, sets),
        right=("Position", "Size"),
        wraps=("Database", "Set", "Base", "Encrypted for"),
        empty=f"There is no backup in {file}.",
    )


def _row(one: BackupSet) -> tuple[str, ...]:
    from pwsops.cli import words

    return (
        str(one.position),
        one.database,
        words.kind(one.kind),
        words.moment(one.finished_at),
        words.size(one.size_bytes),
        one.set_id,
        one.base_id or words.NOTHING,
        str(one.details.get("certificate") or one.thumbprint or words.NOTHING),
    )
