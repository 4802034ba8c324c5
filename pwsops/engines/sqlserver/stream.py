"""One statement, heard to its last word.

How the drivers tell, as seen on the wire with both shapes of a message stream (docs/sql-server.md has the table):
messages without a DONE between them all come after `execute`; with one between them, each comes after one `nextset`.
Stopping early cancels the backup. Of several errors the exception has one: Microsoft's driver the first,
FreeTDS the first of the highest severity; what came before it in the same answer is lost. A connection that breaks in
mid-stream may raise nothing at all and only leave a message. So nothing here is taken for success: that needs proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pwsops.clock import Clock
from pwsops.engines.sqlserver.drivers import pyodbc
from pwsops.messages import Message

PERCENT = 3211
_PERCENT_HEAD = f"({PERCENT})"
_ORIGIN = re.compile(r"(?:\[(?:Microsoft|FreeTDS|unixODBC|ODBC[^\]]*|Driver Manager|SQL Server)\])+")
_RAISED = re.compile(r"\[(\w{5})\] (.*) \((-?\d+)\) \(\w+\)", re.DOTALL)
_FREETDS_NUMBERS = range(20000, 20100)

Hear = Callable[[Message], None]
HearPercent = Callable[[int], None]


def run(cursor: Any, statement: str, *, clock: Clock, hear: Hear, hear_percent: HearPercent | None = None) -> None:
    """Execute and drain. Whatever goes wrong is heard as an error message and not raised.

    Parameters
    ----------
    cursor
        A fresh one, of a connection in autocommit mode.
    statement
        The whole text; it takes no parameters.
    clock
        When each message was heard.
    hear
        Gets every message but the percentages, in order.
    hear_percent
        Gets those.
    """
    shown = ""

    def collect() -> None:
        nonlocal shown
        for head, text in cursor.messages or ():
            if head.endswith(_PERCENT_HEAD):
                if hear_percent is not None and text != shown:
                    shown = text
                    hear_percent(_percent(text))
            else:
                hear(message_of(head, text, clock))

    try:
        cursor.execute(statement)
        collect()
        while cursor.nextset():
            collect()
        collect()
    except pyodbc().Error as error:
        hear(raised(error, clock))


def message_of(head: str, text: str, clock: Clock) -> Message:
    """Read what a cursor kept: ``[01000] (3014)`` and the text."""
    number = head[9:-1]
    return _message(head[1:6], text, int(number) if number.lstrip("-").isdigit() else 0, clock)


def raised(error: BaseException, clock: Clock) -> Message:
    """Read what pyodbc raised."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    match = _RAISED.fullmatch(text)
    if match is None:
        state = str(error.args[0]) if len(error.args) > 1 else "HY000"
        return _message(state, text, 0, clock)
    return _message(match[1], match[2], int(match[3]), clock)


def _message(state: str, text: str, number: int, clock: Clock) -> Message:
    origin = _ORIGIN.match(text)
    words = text[origin.end() :] if origin else text
    from_server = origin is not None and origin[0].endswith("[SQL Server]") and number > 0
    is_error = not state.startswith("01") or number in _FREETDS_NUMBERS
    if from_server:
        return Message(text=words, at=clock.now(), number=number, is_error=is_error)
    # The driver's own: its state says more than its number, which means something else in each driver.
    return Message(text=f"[{state}] {words}", at=clock.now(), is_error=is_error)


def _percent(text: str) -> int:
    words = text[text.rfind("]") + 1 :].split()
    return int(words[0]) if words and words[0].isdigit() else 0
