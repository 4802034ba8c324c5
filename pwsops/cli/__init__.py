"""The command line: one noun a module. Typer and Rich live here and nowhere else.

Nothing heavy is imported before a command needs it, so that `pwsops --help` answers at once.
"""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on the process's arguments and exit: 0 done, 1 refused or failed, 2 usage, 130 Ctrl-C."""
    from pwsops.cli.app import app
    from pwsops.cli.failure import run

    run(lambda: app(prog_name="pwsops"))
