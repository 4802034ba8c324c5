"""`pwsops restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.credentials import Login, PasswordStdin, read_credentials
from pwsops.cli.output import note, say
from pwsops.cli.session import confirmed, opened, server_path

if TYPE_CHECKING:
    from pwsops.engines.requests import RestoreResult
    from pwsops.rules.restore_plan import RestorePlan


def restore(
    context: typer.Context,
    instance: Annotated[str, typer.Option(metavar="NAME", help="Instance to restore on.", show_default=False)],
    database: Annotated[str, typer.Option(metavar="NAME", help="Database to restore into.", show_default=False)],
    file: Annotated[
        str, typer.Option(metavar="FILE", help="Media file; an incremental's full is found.", show_default=False)
    ],
    position: Annotated[int, typer.Option("--set", min=1, metavar="N", help="Which backup in the file.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what the database holds now is replaced.")] = False,
    create_empty: Annotated[
        bool, typer.Option("--create-empty", help="Create the database if it is gone, once the backup is proven.")
    ] = False,
    accept_unrecorded: Annotated[
        bool,
        typer.Option("--accept-unrecorded", help="Restore a backup that nobody recorded, too; noted in the audit log."),
    ] = False,
    login: Login = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Put a backup into a database, replacing what is in it. Every checksum is checked before anything is written."""
    credentials = read_credentials(login, from_stdin=password_stdin)
    with opened(context) as operations:
        from pwsops.cli import progress

        path = server_path(operations, instance, file)
        plan = operations.restores.plan(instance, database, path, position, credentials=credentials)
        _confirm(plan, instance, database, yes=yes)
        with progress.shown() as tell:
            result = operations.restores.restore(
                instance,
                database,
                path,
                position,
                create=create_empty,
                accept_unrecorded=accept_unrecorded,
                plan=plan,
                credentials=credentials,
                on_progress=progress.of_operation(tell, f"restore of {database}"),
            )
    _tell(result)


def _confirm(plan: RestorePlan, instance: str, database: str, *, yes: bool) -> None:
    """Say what is restored, and ask whether it is to be done."""
    from pwsops.cli import words

    for step in plan.sets:
        note(f"{words.kind(step.kind)} of {step.database}, {words.moment(step.finished_at)}: {step.path}")
    confirmed(
        f"This replaces all that {database} on {instance} holds now.",
        database,
        yes=yes,
        refusal=f"{database} was not restored: replacing what it holds was not confirmed.",
    )


def _tell(result: RestoreResult) -> None:
    from pwsops.cli import words

    say(f"Restored {result.database}: {words.size(result.restored_bytes)} in {words.duration(result.duration_s)}.")
    if result.kept_damaged_as:
        say(f"The damaged file it replaces is kept as {result.kept_damaged_as}.")
    for message in result.messages:
        note(message.text)
