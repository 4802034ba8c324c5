"""`pwsops access`."""

from __future__ import annotations

import typer

from pwsops.cli.output import AsJson, emit, say, table
from pwsops.cli.session import opened

app = typer.Typer(help="Who may do what on the pages: the file access.toml of the home.", no_args_is_help=True)


@app.command("list")
def listed(context: typer.Context, as_json: AsJson = False) -> None:
    """List who has which role, for which instances."""
    with opened(context) as operations:
        views = operations.roles.list()
    if as_json:
        from pwsops.operations import json_shapes

        emit(map(json_shapes.role, views))
        return
    rows = ((view.subject, view.role.value, _scope(view.instances)) for view in views)
    table(("Who", "Role", "Instances"), rows, wraps=("Who", "Instances"), empty="Nobody has a role.")


@app.command()
def check(context: typer.Context) -> None:
    """Check whether access.toml can be used, and what in it names nothing that is there."""
    with opened(context) as operations:
        found = operations.roles.check()
    for check in found:
        finding = check.finding.removesuffix(".") + "."
        say(finding if check.ok else f"{finding} {check.next_step}".strip())
    if not all(check.ok for check in found):
        raise typer.Exit(1)


def _scope(instances: frozenset[str] | None) -> str:
    return "all" if instances is None else ", ".join(sorted(instances)) or "none"
