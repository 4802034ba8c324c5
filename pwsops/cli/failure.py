"""How a command ends: its exit code, and never a traceback. The traceback goes to the log."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TextIO, cast

from pwsops.cli import session
from pwsops.cli.output import complain
from pwsops.errors import PwsopsError

REFUSED = 1
INTERRUPTED = 130


def run(app: Callable[[], Any]) -> NoReturn:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is spelled out; it must not end the command.
        cast(Any, stream).reconfigure(errors="backslashreplace")
    code = _exit_code(app)
    flushed = [_flush(stream) for stream in (sys.stdout, sys.stderr)]
    sys.exit(code if all(flushed) else REFUSED)


def _exit_code(app: Callable[[], Any]) -> int:
    try:
        app()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else REFUSED if leaving.code else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return REFUSED
    except PwsopsError as error:
        complain(error.message, error.hint, error.messages)
        return REFUSED
    except Exception as error:  # noqa: BLE001 - whatever it was, nobody at a terminal is served by a traceback
        complain(f"pwsops met a problem that was not foreseen: {type(error).__name__}: {error}", _logged(error))
        return REFUSED
    return 0


def _logged(error: Exception) -> str:
    """Write an error with its traceback into the log, and say where that is."""
    import structlog

    if session.home is None or not structlog.is_configured():
        return "It came before the log could be opened; `pwsops doctor` may tell more."
    from pwsops.logs import FILE_NAME

    structlog.get_logger().error("a command failed in a way that was not foreseen", exc_info=error)
    return f"The log has the details: {session.home / 'logs' / FILE_NAME}; please report it."


def _flush(stream: TextIO) -> bool:
    """Flush now: a reader that went away must not be answered by a traceback when the interpreter ends."""
    try:
        stream.flush()
    except BrokenPipeError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
