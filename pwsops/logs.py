"""The log: one JSON object a line, in the home's `logs` directory. People are told things elsewhere.

It is bounded: a file that has grown large is set aside while processes write to it, and what is said over and over is
written now and then only.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TextIO

import structlog

FILE_NAME = "pwsops.log"
MAX_BYTES = 10 * 1024 * 1024
"""So large the file becomes before it is set aside; one that was is kept."""
REPEATED_AFTER_S = 60.0
"""The same words are written again after so long, with how often they were said meanwhile."""
_REMEMBERED = 256

_open_file = ExitStack()
atexit.register(_open_file.close)


def configure(home: Path) -> Path:
    """Send the log of this process to the home's file, and give its path.

    A traceback is written without the values of variables: a password may be among them.
    """
    path = home / "logs" / FILE_NAME
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True, mode=0o700)
        file = BoundedFile(path)
        _open_file.close()
        _open_file.callback(file.close)
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.format_exc_info,
                Seldom(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file),  # type: ignore[arg-type]  # it writes and flushes
            cache_logger_on_first_use=False,
        )
    return path


class BoundedFile:
    """A file that is written to its end, by several processes, and set aside when it has grown large.

    Whoever finds it too large renames it and begins another; the others notice by its identity that theirs is not the
    one of that name any more. A log that cannot be written must not end what it tells of: then it is silent.

    Parameters
    ----------
    path
        Where; one that was set aside has ``.1`` behind its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: TextIO = self._opened()

    def write(self, text: str) -> int:
        """Write a text, which ends in a line break or gets one by the next call."""
        with self._lock, suppress(OSError, ValueError):
            self._turn_over()
            return self._file.write(text)
        return 0

    def flush(self) -> None:
        """Hand what was written to the system."""
        with self._lock, suppress(OSError, ValueError):
            self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, suppress(OSError):
            self._file.close()

    def _opened(self) -> TextIO:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW, 0o600)

        # `open` and not the path's method: only that takes an opener.
        return open(self._path, "a", encoding="utf-8", errors="backslashreplace", buffering=1, opener=private)

    def _turn_over(self) -> None:
        ours = os.fstat(self._file.fileno())
        try:
            there = self._path.stat()
        except FileNotFoundError:
            there = None
        same = there is not None and (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
        if same and ours.st_size > MAX_BYTES:
            self._path.replace(self._path.with_name(f"{FILE_NAME}.1"))
            same = False
        if not same:
            self._file.close()
            self._file = self._opened()


class Seldom:
    """A step of the log that lets the same words through now and then only, with how often they were said meanwhile.

    Parameters
    ----------
    steady
        Seconds that never jump.
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        words = json.dumps(event, default=str, sort_keys=True)
        moment = self._steady()
        with self._lock:
            since, repeated = self._said.get(words, (float("-inf"), 0))
            if moment - since < REPEATED_AFTER_S:
                self._said[words] = since, repeated + 1
                raise structlog.DropEvent
            self._said.pop(words, None)
            self._said[words] = moment, 0
            if len(self._said) > _REMEMBERED:
                del self._said[next(iter(self._said))]
        return {**event, "repeated": repeated} if repeated else event
