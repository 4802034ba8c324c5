"""The command line: one noun a module. Typer and Rich live here and nowhere else.

Nothing heavy is imported before a command needs it, so that `pwsops --help` answers at once.
"""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on the process's arguments and exit: 0 done, 1 refused or failed, 2 usage, 130 Ctrl-C."""
    from pwsops.cli.app import app
    from pwsops.cli.failure import run

    def answer() -> None:
        _check(sys.argv[1:])
        app(prog_name="pwsops")

    run(answer)


def _check(arguments: list[str]) -> None:
    """Refuse what cannot be stored or shown, before a command does half of its work."""
    from pwsops.errors import InvalidInput
    from pwsops.messages import is_text, readable

    for argument in arguments:
        if not is_text(argument):
            raise InvalidInput(
                f"{readable(argument)} cannot be used: it is not UTF-8.",
                hint="Rename what it stands for to a name in UTF-8.",
            )
