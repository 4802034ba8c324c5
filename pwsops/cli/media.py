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


def _row(backup_set: BackupSet) -> tuple[str, ...]:
    from pwsops.cli import words

    return (
        str(backup_set.position),
        backup_set.database,
        words.kind(backup_set.kind),
        words.moment(backup_set.finished_at),
        words.size(backup_set.size_bytes),
        backup_set.set_id,
        backup_set.base_id or words.NOTHING,
        str(backup_set.details.get("certificate") or backup_set.thumbprint or words.NOTHING),
    )
