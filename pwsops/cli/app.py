"""The root of the command line, and which noun lives where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pwsops import __version__
from pwsops.cli import (
    access,
    audit,
    certificates,
    databases,
    doctor,
    drills,
    instances,
    key,
    media,
    notebook,
    people,
    points,
    profiles,
    rebuild,
    report,
    restores,
    retention,
    runs,
    samples,
    service,
    settings,
)
from pwsops.cli.output import say

# Plain help and errors: they come at once, and a pipe or a log gets whole lines.
app = typer.Typer(
    name="pwsops",
    help="Backs up, watches and restores the databases a business cannot afford to lose.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def _version(asked: bool) -> None:
    if asked:
        say(f"pwsops {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where pwsops keeps its catalogue; default: PWSOPS_HOME, or the platform's data directory.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Backs up, watches and restores the databases a business cannot afford to lose."""
    del version
    context.obj = home


app.command("sample")(samples.sample)
app.add_typer(instances.app, name="instance")
app.command("databases")(databases.databases)
app.command("browse")(databases.browse)
app.add_typer(settings.app, name="settings")
app.add_typer(profiles.app, name="profile")
app.command("run")(runs.run)
app.command("runs")(runs.runs)
app.command("notebook")(notebook.notebook)
app.command("report")(report.report)
app.command("media")(media.media)
app.command("points")(points.points)
app.command("restore")(restores.restore)
app.command("drill")(drills.drill)
app.command("drills")(drills.drills)
app.command("rebuild")(rebuild.rebuild)
app.add_typer(rebuild.catalogue, name="catalogue")
app.command("prune")(retention.prune)
app.add_typer(retention.holds, name="hold")
app.add_typer(certificates.app, name="certificate")
app.add_typer(access.app, name="access")
app.add_typer(service.app, name="service")
app.command("serve")(service.serve)
app.add_typer(key.app, name="key")
app.command("signin-link")(people.signin_link)
app.add_typer(people.users, name="user")
app.add_typer(people.tokens, name="token")
app.command("doctor")(doctor.doctor)
app.add_typer(audit.app, name="audit")
