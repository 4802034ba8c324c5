"""The log: one JSON object a line, in the home's `logs` directory. People are told things elsewhere."""

from __future__ import annotations

import atexit
import logging
from contextlib import ExitStack, suppress
from pathlib import Path

import structlog

FILE_NAME = "pwsops.log"
MAX_BYTES = 10 * 1024 * 1024

_open_file = ExitStack()
atexit.register(_open_file.close)


def configure(home: Path) -> Path:
    """Send the log of this process to the home's file, and give its path.

    A traceback is written without the values of variables: a password may be among them. A file that has grown large
    is set aside once, when a process starts.
    """
    path = home / "logs" / FILE_NAME
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > MAX_BYTES:
            path.replace(path.with_suffix(".log.1"))
        _open_file.close()
        file = _open_file.enter_context(path.open("a", encoding="utf-8", buffering=1))
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file),
            cache_logger_on_first_use=False,
        )
    return path
