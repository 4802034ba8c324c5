"""The log: one JSON object a line, in the home's `logs` directory. People are told things elsewhere.

It is bounded: a file that has grown large is set aside while processes write to it, and what is said over and over is
written now and then only.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TextIO

import structlog

from pwsops.errors import PwsopsError

FILE_NAME = "pwsops.log"
MAX_BYTES = 10 * 1024 * 1024
"""So large the file becomes before it is set aside; one that was is kept."""
REPEATED_AFTER_S = 60.0
"""The same words are written again after so long, with how often they were said meanwhile."""
_REMEMBERED = 256
_TOOLKITS = frozenset({"asyncio", "bokeh", "panel", "param", "tornado"})
_CLOSED = "Failed sending message as connection was closed"
_HUSHED = "(not written down)"

_open_file = ExitStack()
atexit.register(_open_file.close)


def configure(home: Path) -> Path:
    """Send the log of this process to the home's file, and give its path.

    A traceback is written without the values of variables: a password may be among them.
    """
    hush_toolkits()
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
                _say_exception,
                Seldom(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file),  # type: ignore[arg-type]  # it writes and flushes
            cache_logger_on_first_use=False,
        )
    return path


def exception_text(error: BaseException) -> str:
    """Return a traceback that holds nothing which was typed or stored: of most errors their kind and place only.

    What an error says may quote the value that it is about, a password among others. Ours do not.
    """
    found, seen = [], set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        text = f"{cause}" if isinstance(cause, PwsopsError) else cause.strerror if isinstance(cause, OSError) else None
        stack = traceback.StackSummary.extract(traceback.walk_tb(cause.__traceback__), capture_locals=False)
        kind = f"{type(cause).__module__}.{type(cause).__qualname__}"
        found.append(
            f"Traceback (most recent call last):\n{''.join(stack.format())}{kind}{'' if text is None else f': {text}'}"
        )
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\nBecause of ".join(found)


def _say_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    return event if error is None else {**event, "exception": exception_text(error)}


def hush_toolkits() -> None:
    """Keep what a browser sent out of what the toolkits log: they quote messages whose handling failed."""
    before = logging.getLogRecordFactory()
    if getattr(before, "is_ours", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        record.is_farewell = _is_farewell(record)
        if record.name.partition(".")[0] in _TOOLKITS:
            _hush(record)
        return record

    make.is_ours = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)
    # Addresses are left out of its lines, which say nothing then; what was refused, the door and the audit log have.
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    for name in ("bokeh.server.views.ws", "panel.io.document", "asyncio"):
        logging.getLogger(name).addFilter(lambda record: not getattr(record, "is_farewell", False))


def _is_farewell(record: logging.LogRecord) -> bool:
    """Whether a toolkit complains that a page was closed while it was told something, as happens all day."""
    error = record.exc_info[1] if record.exc_info else None
    return record.msg == _CLOSED or type(error).__name__ == "WebSocketClosedError"


def _hush(record: logging.LogRecord) -> None:
    """Leave of a record what the toolkit itself wrote: the words, numbers, and where an error came from."""
    if isinstance(record.args, Mapping):
        record.args = {key: _hushed(value) for key, value in record.args.items()}
    elif record.args:
        record.args = tuple(_hushed(value) for value in record.args)
    elif record.levelno >= logging.WARNING:
        # Put together before it came here: nobody knows of what.
        record.msg = f"said something that is not written down ({record.filename}, line {record.lineno})"
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = exception_text(record.exc_info[1])
        record.exc_info = None


def _hushed(value: object) -> object:
    return value if isinstance(value, int | float) else _HUSHED


class BoundedFile:
    """A file that is written to its end, by several processes, and set aside when it has grown large.

    The process that finds it too large renames it and begins another; the others notice by its identity that theirs
    is not the one of that name any more. A log that cannot be written must not end what it tells of: then it is silent.

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
        self._last: dict[str, tuple[float, int]] = {}

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        words = json.dumps(event, default=str, sort_keys=True)
        moment = self._steady()
        with self._lock:
            since, repeated = self._last.get(words, (float("-inf"), 0))
            if moment - since < REPEATED_AFTER_S:
                self._last[words] = since, repeated + 1
                raise structlog.DropEvent
            self._last.pop(words, None)
            self._last[words] = moment, 0
            if len(self._last) > _REMEMBERED:
                del self._last[next(iter(self._last))]
        return {**event, "repeated": repeated} if repeated else event
