"""`pwsops profile`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pwsops.cli import parse
from pwsops.cli.credentials import PasswordStdin, read_line, read_password
from pwsops.cli.output import AsJson, emit, note, say, table
from pwsops.cli.passwords import file_password
from pwsops.cli.profile_options import apply_options, read_options, with_profile_options
from pwsops.cli.session import confirmed, opened, server_path
from pwsops.errors import PwsopsError

if TYPE_CHECKING:
    from pwsops.operations import Operations
    from pwsops.operations.records import ProfileView
    from pwsops.profile import BackupProfile

app = typer.Typer(help="What is backed up, where to, and when.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.", show_default=False)]

_FOR_CERTIFICATES = "--certificate-password-stdin"
ForCertificates = Annotated[
    bool,
    typer.Option(
        _FOR_CERTIFICATES,
        help="Read the password for the saved certificates from standard input: one line, after that of --login.",
    ),
]

_NEEDED = {"instance": "--instance", "databases": "--database", "directory": "--directory"}


@app.command()
@with_profile_options
def create(
    context: typer.Context,
    name: Name,
    password_stdin: PasswordStdin = False,
    certificate_password_stdin: ForCertificates = False,
    **given: Any,
) -> None:
    """Create a profile. What is not told comes from the settings."""
    options = read_options(given)
    password = read_password(options.get("login"), from_stdin=password_stdin)
    with opened(context) as operations:
        profile = operations.profiles.new()
        profile.name = name
        apply_options(profile, options)
        _check_complete(profile)
        profile.directory = server_path(operations, profile.instance, profile.directory)
        protection = _certificate_password(options, certificate_password_stdin)
        view = operations.profiles.create(profile, password=password, certificate_password=protection)
        say(f"Created {view.name}: {view.schedule}.")
        _tell_next(view)
        _doubt_directory(operations, profile)


@app.command()
@with_profile_options
def edit(
    context: typer.Context,
    name: Name,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.", show_default=False)] = None,
    amended: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="What was amended on the server.", show_default=False)
    ] = "",
    password_stdin: PasswordStdin = False,
    certificate_password_stdin: ForCertificates = False,
    **given: Any,
) -> None:
    """Change a profile; what is not told stays as it is. Saving a profile that was switched off switches it on."""
    options = read_options(given)
    password = read_password(options.get("login"), from_stdin=password_stdin)
    if not (options or rename or amended or certificate_password_stdin):
        raise typer.BadParameter("nothing is to be changed; give an option to change, or --note.", param_hint="NAME")
    with opened(context) as operations:
        profile = operations.profiles.get(name)
        profile.name = rename or name
        apply_options(profile, options)
        if "directory" in options:
            profile.directory = server_path(operations, profile.instance, profile.directory)
        protection = _certificate_password(options, certificate_password_stdin)
        view = operations.profiles.save(name, profile, note=amended, password=password, certificate_password=protection)
        say(f"Saved {view.name}: {view.schedule}.")
        _tell_next(view)
        _doubt_directory(operations, profile)


def _certificate_password(options: Mapping[str, Any], from_stdin: bool) -> str | None:
    """Return the password for saved certificates: from standard input, or asked for where saving is switched on."""
    if from_stdin:
        return read_line(_FOR_CERTIFICATES)
    if not options.get("save_certificates"):
        return None
    return file_password("Password for the saved certificates (empty: the one it has)", from_stdin=False, confirm=True)


def _check_complete(profile: BackupProfile) -> None:
    missing = [option for field, option in _NEEDED.items() if not getattr(profile, field)]
    if missing:
        raise typer.BadParameter("it is missing, and the settings have no default for it.", param_hint=missing)


def _tell_next(view: ProfileView) -> None:
    from pwsops.cli import words

    if view.broken:
        note(f"No run can be made of it: {view.broken}")
    elif view.next_due_at is None:
        say("No run is due: the profile is not active, or its schedule has ended.")
    else:
        say(f"The next run is due {words.moment(view.next_due_at)}, {words.kind(view.next_kind)}.")


def _doubt_directory(operations: Operations, profile: BackupProfile) -> None:
    """Warn where backups could not be written; it stands in nobody's way, since only the server can tell."""
    from pwsops.engines.records import DirectoryStatus

    found = operations.databases.check_directory(profile.instance, profile.directory)
    if found.status is not DirectoryStatus.OK:
        note(f"Beware of the directory {profile.directory}: {found.reason or found.status.value}")
    for remark in found.remarks:
        note(f"About the directory {profile.directory}: {remark}.")
    if found.status is DirectoryStatus.OK:
        with suppress(PwsopsError):  # a warning that nobody can give stands in nobody's way
            for sentence in operations.profiles.in_the_way(profile):
                note(sentence)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the profiles."""
    with opened(context) as operations:
        views, running = operations.profiles.list(), operations.service.status().running
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.profile, views))
        return
    now = datetime.now(UTC)
    rows = (
        (
            view.name,
            words.profile_state(view.state, view.health, view.broken),
            view.schedule,
            ", ".join(view.databases),
            words.run_status(view.last_run.status) if view.last_run else words.NOTHING,
            words.moment(view.next_due_at),
            words.kind(view.next_kind),
        )
        for view in views
    )
    headings = ("Profile", "State", "Schedule", "Databases", "Last run", "Next run", "Kind")
    table(
        headings,
        rows,
        wraps=("Profile", "Schedule", "Databases"),
        empty="There is no profile yet; `pwsops profile create` makes one.",
    )
    for view in views:
        if view.broken:
            note(f"{view.name} cannot run: {view.broken}")
        elif not running and view.next_due_at is not None and view.next_due_at <= now:
            note(f"{view.name} is {words.next_run(view.next_due_at, now, running=False)}.")


@app.command()
def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one profile with all its fields."""
    with opened(context) as operations:
        view, fields = operations.profiles.view(name), operations.profiles.get(name)
        running = operations.service.status().running
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit([{**json_shapes.profile(view), **json_shapes.profile_fields(fields)}])
        return
    rows: list[tuple[Any, ...]] = [
        ("state", words.profile_state(view.state, view.health, view.broken)),
        ("cannot run", view.broken),
        ("schedule", view.schedule),
        ("instance", view.instance),
        ("databases", ", ".join(view.databases)),
        ("switched off for", ", ".join(view.red_databases)),
        ("directory", view.directory),
        ("last run", words.run_status(view.last_run.status) if view.last_run else ""),
        ("failures in a row", str(view.failures_in_a_row or "")),
        ("next run", words.next_run(view.next_due_at, datetime.now(UTC), running=running)),
        *((key.replace("_", " "), _plain(value)) for key, value in json_shapes.profile_fields(fields).items()),
    ]
    table(("Field", view.name), (row for row in rows if row[1]), wraps=(view.name,), empty="")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


@app.command()
def delete(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a profile; its history and its backups stay."""
    with opened(context) as operations:
        operations.profiles.view(name)
        confirmed(
            f"This deletes the profile {name}; its history and its backups stay.",
            name,
            yes=yes,
            refusal=f"The profile {name} was not deleted: it was not confirmed.",
        )
        operations.profiles.delete(name)
    say(f"Deleted {name}; its history and its backups stay.")


@app.command()
def activate(context: typer.Context, name: Name) -> None:
    """Put a profile's schedule in force."""
    with opened(context) as operations:
        view = operations.profiles.activate(name)
    say(f"{view.name} is active.")
    _tell_next(view)


@app.command()
def deactivate(context: typer.Context, name: Name) -> None:
    """Take a profile's schedule out of force; it can still be run by hand."""
    with opened(context) as operations:
        view = operations.profiles.deactivate(name)
    say(f"{view.name} is inactive.")


@app.command()
def preview(
    context: typer.Context,
    name: Name,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="T",
            help="First moment, included; default: now. Wall time of the profile's zone.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many runs.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the runs to come, of an inactive profile too."""
    start = _moment_from(since)
    with opened(context) as operations:
        found = operations.profiles.preview(name, start=start, count=count)
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.occurrence, found))
        return
    rows = (
        (
            f"{occurrence.local:%a %Y-%m-%d %H:%M %z}",
            words.kind(occurrence.kind),
            "moved behind the clock change" if occurrence.shifted else "",
        )
        for occurrence in found
    )
    table(("Run", "Kind", "Note"), rows, empty="There is no run to come.")


def _moment_from(since: str | None) -> datetime | None:
    try:
        return None if since is None else parse.moment(since)
    except parse.ParseError as error:
        raise typer.BadParameter(str(error), param_hint="--from") from None
