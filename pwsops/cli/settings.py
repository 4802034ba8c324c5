"""`pwsops settings`."""

from __future__ import annotations

from typing import Annotated

import typer

from pwsops.cli.output import AsJson, emit, say, table
from pwsops.cli.session import opened

app = typer.Typer(help="The defaults that new profiles start from.", no_args_is_help=True)


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every setting."""
    with opened(context) as operations:
        settings = operations.settings.get()
    rows = [
        {"key": key, "value": value, "meaning": settings.param[key].doc} for key, value in settings.as_dict().items()
    ]
    if as_json:
        emit(rows)
    else:
        cells = ((row["key"], _value(row["value"]), row["meaning"]) for row in rows)
        table(("Key", "Value", "Meaning"), cells, wraps=("Value", "Meaning"), empty="There are no settings.")


@app.command("set")
def set_(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="One of those that `settings show` lists.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its new value.")],
) -> None:
    """Change one; existing profiles stay as they are."""
    with opened(context) as operations:
        changed = operations.settings.set(key, value)
    say(f"{key} is now {_value(changed.as_dict()[key]) or 'empty'}.")


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
