"""`pwsops rebuild`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.output import AsJson, emit, note, say
from pwsops.cli.session import opened, server_path

if TYPE_CHECKING:
    from pwsops.operations.rebuilding import Rebuilt

catalogue = typer.Typer(help="The catalogue of this home.", no_args_is_help=True)


@catalogue.command("rebuild")
def rebuild(
    context: typer.Context,
    directory: Annotated[
        list[str] | None,
        typer.Option(
            "--directory", metavar="DIR", help="Where backups lie; all below it is looked at.", show_default=False
        ),
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of which instance they are, where nothing tells; a server is asked.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where its databases are, if it is made; default: an empty directory in the home.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the catalogue anew from the backups, after the loss of the home. Writes nothing beside them.

    Exit 1 where a directory that was named could not be looked into.
    """
    where = None if address is None else os.path.abspath(os.path.expanduser(address))
    with opened(context) as operations:
        # One that is yet to be made is of this machine.
        known = instance if instance in {each.name for each in operations.instances.list()} else None
        directories = [server_path(operations, known, each) for each in directory or ()]
        found = operations.rebuild(directories, instance=instance, address=where, tell=_steps())
    from pwsops.operations.rebuilt_shape import rebuilt

    if as_json:
        emit([rebuilt(found)])
    else:
        _show(found)
    if {each.path for each in found.unread} & set(directories):
        raise typer.Exit(1)


def _steps() -> Callable[[str, int, int], None]:
    """Return what tells of each step once: with very many files it takes its time."""
    told: set[str] = set()

    def tell(what: str, done: int, total: int) -> None:
        if what not in told:
            told.add(what)
            note(f"{what[:1].upper()}{what[1:]} …")

    return tell


def _show(found: Rebuilt) -> None:
    from pwsops.cli import words

    say(
        f"Recorded {words.counted(found.sets_new, 'backup')}. {found.sets_known} were known, {found.copies} are "
        f"copies; {words.counted(found.others, 'other file')} passed over."
    )
    for what, names in (("instance", found.instances), ("profile", found.profiles)):
        for name in names:
            say(f"Made the {what} {name}.")
    if found.runs or found.holds:
        say(f"Took over {words.counted(found.runs, 'run')} and {words.counted(found.holds, 'hold')}.")
    for path, reason in found.conflicts:
        note(f"In conflict, not recorded: {path}: {reason}.")
    for path, reason in found.unread:
        note(f"Not read: {path}: {reason}")
    for path in found.unassigned:
        note(f"Of no known instance, not recorded: {path}")
    for sentence in found.missing:
        say(sentence)
