"""`pwsops instance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pwsops.cli import parse
from pwsops.cli.credentials import Login, PasswordStdin, read_password
from pwsops.cli.instance_options import read_options, with_instance_options
from pwsops.cli.output import AsJson, emit, note, say, table
from pwsops.cli.session import EMBEDDED, opened

if TYPE_CHECKING:
    from pwsops.engines.records import Instance
    from pwsops.operations import Operations

ADDRESS = "sqlite: the directory of the database files; sqlserver: host[\\instance][,port]."
SERVICE_USER = "service user"

app = typer.Typer(help="Where databases live.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The instance's name.", show_default=False)]


Owing = Annotated[
    bool, typer.Option("--owing", help="Also where a restore closed a database there that is not yet open again.")
]


@app.command()
@with_instance_options
def add(
    context: typer.Context,
    name: Name,
    engine: Annotated[str, typer.Option(metavar="sqlite|sqlserver", help="The kind of server.", show_default=False)],
    address: Annotated[str, typer.Option(metavar="DIR|SERVER", help=ADDRESS, show_default=False)],
    login: Login = None,
    password_stdin: PasswordStdin = False,
    **given: Any,
) -> None:
    """Add an instance, after reaching it once. Without a login the service user of pwsops is who asks the server."""
    password = read_password(login, from_stdin=password_stdin)
    options = read_options(given)
    with opened(context) as operations:
        added = operations.instances.add(
            name,
            engine=engine,
            address=_from_here(engine, address),
            login=login or None,
            password=password,
            options=options,
        )
        say(f"Added the instance {added.name}: {added.engine} at {added.address}.")
        _warn(operations, added)


@app.command()
@with_instance_options
def edit(
    context: typer.Context,
    name: Name,
    address: Annotated[str | None, typer.Option(metavar="DIR|SERVER", help=ADDRESS, show_default=False)] = None,
    login: Login = None,
    password_stdin: PasswordStdin = False,
    owing: Owing = False,
    **given: Any,
) -> None:
    """Change an instance, after reaching it once as it will be; what is not told stays as it is.

    An empty login makes it the service user's, an empty driver or certificate takes that away.
    """
    password = read_password(login, from_stdin=password_stdin)
    options = read_options(given)
    if address is None and login is None and not options:
        raise typer.BadParameter("nothing is to be changed; give an option to change.", param_hint="NAME")
    with opened(context) as operations:
        before = next((instance for instance in operations.instances.list() if instance.name == name), None)
        if address is not None and before is not None:
            address = _from_here(before.engine, address)
        saved = operations.instances.edit(
            name, address=address, login=login, password=password, options=options, owing=owing
        )
        say(f"Saved the instance {saved.name}: {saved.engine} at {saved.address}, as {saved.login or SERVICE_USER}.")
        _warn(operations, saved)


def _from_here(engine: str, address: str) -> str:
    return parse.from_here(address) if engine == EMBEDDED else address


def _warn(operations: Operations, instance: Instance) -> None:
    from pwsops.engines.options import warnings

    for warning in warnings(instance.options, operations.instances.offers(instance.engine).options):
        note(f"Beware: {warning}")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the instances."""
    with opened(context) as operations:
        instances = operations.instances.list()
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.instance, instances))
        return
    rows = (
        (instance.name, instance.engine, instance.address, instance.login or SERVICE_USER, _options(instance))
        for instance in instances
    )
    table(
        ("Name", "Engine", "Address", "Login", "Options"),
        rows,
        wraps=("Address", "Options"),
        empty="There is no instance yet; `pwsops instance add` adds one.",
    )


def _options(instance: Instance) -> str:
    options = {key: str(value).lower() if isinstance(value, bool) else value for key, value in instance.options.items()}
    return ", ".join(f"{key}={value}" for key, value in options.items())


@app.command()
def remove(context: typer.Context, name: Name, owing: Owing = False) -> None:
    """Forget an instance that no profile uses; its history and its backups stay."""
    with opened(context) as operations:
        operations.instances.remove(name, owing=owing)
    say(f"Removed the instance {name}; its history and its backups stay.")


@app.command()
def probe(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Reach an instance and say what it is."""
    with opened(context) as operations:
        found = operations.instances.probe(name)
    from pwsops.operations import json_shapes

    if as_json:
        emit([json_shapes.probe(name, found)])
        return
    rows = [
        ("version", found.version),
        ("time zone", found.timezone or "not told"),
        ("paths", found.path_flavour),
        *((key.lower(), value) for key, value in found.facts.items()),
        *(("right held", right) for right in found.held_rights),
    ]
    for right in found.missing_rights:
        rows += [("right missing", str(right)), *([("how to grant it", right.grant)] if right.grant else [])]
    table(("Fact", "Value"), rows, wraps=("Value",), empty="It says nothing of itself.")


@app.command("try-again")
def try_again(context: typer.Context, name: Name) -> None:
    """Let the logins be used again that an instance refused: what made it do so was mended on its server."""
    with opened(context) as operations:
        operations.instances.try_again(name)
    say(f"The logins of {name} are used again.")
