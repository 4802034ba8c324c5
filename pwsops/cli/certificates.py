"""`pwsops certificate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.output import AsJson, emit, note, say, table
from pwsops.cli.passwords import FromStdin, file_password
from pwsops.cli.session import confirmed, opened
from pwsops.errors import Conflict, InvalidInput, PwsopsError
from pwsops.rules.certificates import Purpose

if TYPE_CHECKING:
    from rich.text import Text

    from pwsops.operations.certificate_records import CertificateView

app = typer.Typer(help="The keys that encrypted backups need, and others that must not be lost.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name or thumbprint.", show_default=False)]
For = Annotated[Purpose, typer.Option("--purpose", help="What it is kept for.")]

FILE_LIMIT = 4 << 20


@app.command("list")
def list_(
    context: typer.Context,
    required: Annotated[
        bool, typer.Option("--required", help="Only those that a profile, a database or a backup needs.")
    ] = False,
    instance: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those of this server.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the certificates of the store and of servers, and those that are needed and nowhere."""
    with opened(context) as operations:
        errors = [error for error in operations.certificates.look(instance).values() if error is not None]
        views = operations.certificates.list(required=required, instance=instance)
    from pwsops.operations import json_shapes

    for error in errors:
        note(f"{error.message} What follows is how it was when it last answered. {error.hint}")

    if as_json:
        emit(map(json_shapes.certificate, views))
        return
    table(
        ("Name", "Where", "Thumbprint", "Subject", "Purpose", "Key", "Expires", "Needed by", "State"),
        map(_row, views),
        wraps=("Name", "Subject", "Needed by", "State"),
        empty="No certificate is needed."
        if required
        else "There is no certificate; `pwsops certificate create` makes one.",
    )


def _row(view: CertificateView) -> tuple[str | Text, ...]:
    from pwsops.cli import words

    return (
        view.name or words.NOTHING,
        view.instance or ("store" if view.held else words.NOTHING),
        view.thumbprint,
        view.subject,
        view.purpose.value if view.purpose else words.NOTHING,
        view.facts.key if view.facts else words.NOTHING,
        f"{view.not_after:%Y-%m-%d}" if view.not_after else words.NOTHING,
        view.needed_by or words.NOTHING,
        words.certificate(view),
    )


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .pfx file, or PEM; or a .cer with --key.", show_default=False)
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The private key, if it has its own file: PEM, or .pvk as SQL Server saves it."
        ),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it; default: its own name.")] = "",
    purpose: For = Purpose.DATABASE,
    password_stdin: FromStdin = False,
) -> None:
    """Take in a certificate with its private key."""
    content = _read(file) if key is None else _read(file) + b"\n" + _read(key)
    password = file_password(f"Password of {file} (empty: none)", from_stdin=password_stdin)
    with opened(context) as operations:
        views = operations.certificates.import_file(content, password, name=name, purpose=purpose, source=str(file))
    for view in views:
        say(f"Imported {view.name}: {view.subject}, thumbprint {view.thumbprint}.")
        _warn(view)


@app.command("import-server")
def import_server(
    context: typer.Context,
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="The server to bring it to.", show_default=False)],
    certificate: Annotated[
        str, typer.Option(metavar="FILE", help="The certificate (.cer): a path on that server.", show_default=False)
    ],
    key: Annotated[
        str, typer.Option(metavar="FILE", help="Its private key (.pvk): a path on that server.", show_default=False)
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it there; default: the name in that of the file.")
    ] = "",
    create_master_key: Annotated[
        bool,
        typer.Option(
            "--create-master-key",
            help="Make a master key in master first, which protects private keys; its password is asked for, or is "
            "the second line of standard input.",
        ),
    ] = False,
    password_stdin: FromStdin = False,
) -> None:
    """Make a certificate on a server from two files, as a run saved them. Restores that need it work then."""
    password = file_password(f"Password of {key}", from_stdin=password_stdin)
    master = None
    if create_master_key:
        master = file_password("Password of the new master key", from_stdin=password_stdin, confirm=True)
    with opened(context) as operations:
        view = operations.certificates.import_to_server(
            instance,
            certificate_file=certificate,
            key_file=key,
            password=password,
            name=name,
            master_key_password=master,
        )
    say(f"Imported {view.name} to {instance}: {view.subject}, thumbprint {view.thumbprint}.")


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
    years: Annotated[int, typer.Option(help="How long it is valid.")] = 5,
    bits: Annotated[int, typer.Option(help="The size of its RSA key, from 3072.")] = 3072,
    purpose: For = Purpose.DATABASE,
) -> None:
    """Make a self-signed certificate."""
    with opened(context) as operations:
        view = operations.certificates.create(name, years=years, bits=bits, purpose=purpose)
    say(f"Created {view.name}, thumbprint {view.thumbprint}.")
    note("Export it, or let a profile save it with its backups: without its key they cannot be restored.")


@app.command()
def export(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Their names or thumbprints.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the store has.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One .pfx with all of them.", show_default=False)
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(metavar="DIR", help="One .pfx each, in this directory.", show_default=False)
    ] = None,
    password_stdin: FromStdin = False,
) -> None:
    """Write certificates with their private keys into .pfx files, protected by a password."""
    if bool(names) == everything:
        raise typer.BadParameter("name the certificates, or give --all.", param_hint="NAME")
    if (output is None) == (directory is None):
        raise typer.BadParameter("give a file for all, or a directory for one file each.", param_hint="--output")
    password = file_password("Password of the export", from_stdin=password_stdin, confirm=True)
    with opened(context) as operations:
        chosen = names or [view.name for view in operations.certificates.list() if view.held]
        if output is not None:
            _write(output, operations.certificates.export(chosen, password))
        for name in chosen if directory is not None else ():
            view = operations.certificates.get(name)
            _write(Path(directory or "") / view.file_name, operations.certificates.export([name], password))


@app.command()
def remove(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a certificate and its private key. Refused while a profile or a backup needs it."""
    with opened(context) as operations:
        view = operations.certificates.get(name)
        confirmed(
            f"This forgets the certificate {view.name} and its private key.",
            view.name,
            yes=yes,
            refusal=f"The certificate {view.name} was not removed: it was not confirmed.",
        )
        operations.certificates.remove(view.thumbprint)
    say(f"Removed {view.name}.")


def _warn(view: CertificateView) -> None:
    for doubt in view.doubts:
        note(f"Beware: it {doubt}. It opens old backups; none can be encrypted for it.")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(FILE_LIMIT)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", hint="Check its name and its rights.") from None


def _write(file: Path, content: bytes) -> None:
    """Write a new file that only this user can read."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:
            stream.write(content)
    except FileExistsError:
        raise Conflict(f"The file {file} exists already.", hint="Choose another name, or remove it first.") from None
    except OSError as error:
        raise PwsopsError(
            f"{file} cannot be written: {error.strerror}.", hint="Check that the directory is there and writable."
        ) from None
    say(f"Wrote {file}.")
