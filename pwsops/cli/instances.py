"""`pwsops instance`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pwsops.cli.output import AsJson, emit, say, table
from pwsops.cli.session import EMBEDDED, opened

app = typer.Typer(help="Where databases live.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The instance's name.", show_default=False)]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    engine: Annotated[str, typer.Option(help="The kind of server: sqlite.", show_default=False)],
    address: Annotated[
        str, typer.Option(metavar="DIR", help="sqlite: the directory of the database files.", show_default=False)
    ],
) -> None:
    """Add an instance, after reaching it once."""
    if engine == EMBEDDED:
        address = os.path.abspath(os.path.expanduser(address))
    with opened(context) as operations:
        added = operations.instances.add(name, engine=engine, address=address)
    say(f"Added the instance {added.name}: {added.engine} at {added.address}.")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the instances."""
    with opened(context) as operations:
        instances = operations.instances.list()
    from pwsops.cli import records

    if as_json:
        emit(map(records.instance, instances))
        return
    rows = ((one.name, one.engine, one.address, one.login or "service user") for one in instances)
    table(
        ("Name", "Engine", "Address", "Login"),
        rows,
        wraps=("Address",),
        empty="There is no instance yet; `pwsops instance add` adds one.",
    )


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Forget an instance that no profile uses; its history and its backups stay."""
    with opened(context) as operations:
        operations.instances.remove(name)
    say(f"Removed the instance {name}; its history and its backups stay.")


@app.command()
def probe(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Reach an instance and say what it is."""
    with opened(context) as operations:
        found = operations.instances.probe(name)
    from pwsops.cli import records

    if as_json:
        emit([records.probe(name, found)])
        return
    rows = [("version", found.version), ("time zone", found.timezone or "not told"), *found.facts.items()]
    for right in found.missing_rights:
        rows += [("missing right", str(right)), *([("how to grant it", right.grant)] if right.grant else [])]
    table(("Fact", "Value"), rows, wraps=("Value",), empty="It says nothing of itself.")
