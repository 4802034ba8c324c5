"""The options of `pwsops restore`: which backup, where to, and how."""

from __future__ import annotations

from typing import Annotated

import typer

Instance = Annotated[str, typer.Option(metavar="NAME", help="Whose backup it is.", show_default=False)]
Database = Annotated[str, typer.Option(metavar="NAME", help="Its database.", show_default=False)]
File = Annotated[
    str | None, typer.Option(metavar="FILE", help="Media file; an incremental's full is found.", show_default=False)
]
Position = Annotated[
    int | None,
    typer.Option("--set", min=1, metavar="N", help="Which backup in the file; default: 1.", show_default=False),
]
Run = Annotated[int | None, typer.Option(metavar="N", help="What this run took.", show_default=False)]
At = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help='The newest backup not after a moment: "2026-11-30 14:37:05", "yesterday 14:37", "2 hours ago".',
        show_default=False,
    ),
]
Into = Annotated[str | None, typer.Option(metavar="NAME", help="Into a new database of this name.", show_default=False)]
ToInstance = Annotated[
    str | None, typer.Option(metavar="NAME", help="Into another instance of the same engine.", show_default=False)
]
ToFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="Into a plain SQLite file, which is made.", show_default=False)
]
Plan = Annotated[bool, typer.Option("--plan", help="Tell what would be done and lost; do nothing.")]
Script = Annotated[
    bool, typer.Option("--script", help="Print what does it without pwsops (T-SQL, or recover.py); do nothing.")
]
AsJson = Annotated[bool, typer.Option("--json", help="With --plan: one JSON object.")]
SafetyCopy = Annotated[
    bool, typer.Option("--safety-copy/--no-safety-copy", help="Save first what the database holds now.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: what the database holds now is replaced.")]
CreateEmpty = Annotated[
    bool, typer.Option("--create-empty", help="Create the database if it is gone, once the backup is proven.")
]
AcceptUnrecorded = Annotated[
    bool,
    typer.Option("--accept-unrecorded", help="Restore a backup that nobody recorded, too; noted in the audit log."),
]
