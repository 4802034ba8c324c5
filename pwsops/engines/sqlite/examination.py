"""Looking at the scratch of a drill, in a worker process: its structure, its rows, and what people ask of it.

The file is opened as one that nobody changes: nothing is written, and nothing beside it is looked at. What people ask
is theirs, and what the database makes of it (views, generated columns) may be anybody's: an authorizer lets nothing
pass but reading, a limit ends what goes on for ever, and the process has given up the rest of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import apsw
from apsw import InterruptError

from pwsops.engines.sqlite import contents, structure
from pwsops.engines.sqlite.connect import Connection, Error, connect_immutable, translate
from pwsops.rules.drills import AnswerKind

OPERATION = "Looking into the scratch"
COUNT_S, TABLE_S = 60.0, 20.0
"""How long all tables may take to count, and one of them."""
MOST_CHARACTERS = 500
"""How long an answer may be."""
_STEPS = 1_000
_LONGEST_BYTES = 1 << 20
"""Of a value that a query makes, and of the query itself."""
_READING = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})
_NO_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
_LACKING = ("no such table", "no such column", "no such view")
_OFF = (
    apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
    apsw.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER,
    apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE,
    apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE,
    apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA,
    apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA,
    apsw.SQLITE_DBCONFIG_DQS_DML,
)
"""What is switched off while people ask; the last: a word in double quotes is a column, and never a text."""
STOOD_IN = (
    "indexes were not compared with their tables: the database needs functions or collations of its application, which "
    "are not here"
)


def check(path: str) -> dict[str, object]:
    """Return what is damaged in a whole database, and what was left out of the check."""
    try:
        with closing(connect_immutable(path)) as connection:
            found, stood_in = structure.damage_in(connection, lambda: False, indexes=True)
    except Error as error:
        return {"found": [], "remarks": [], "why_not": str(error)}
    return {"found": found, "remarks": [STOOD_IN] if stood_in else [], "why_not": ""}


def count(path: str) -> list[tuple[str, int | None]]:
    """Return its tables with their rows."""
    return contents.tables(path, COUNT_S, TABLE_S, connect_immutable)


def ask(path: str, queries: Sequence[str], query_s: float) -> list[tuple[str, str, str]]:
    """Return what each query gives: the kind of the answer, its value, and why there is none."""
    try:
        return [_answer(path, query, query_s) for query in queries]
    except Error as error:
        raise translate(error, OPERATION, path) from error


def _answer(path: str, query: str, query_s: float) -> tuple[str, str, str]:
    # Each has a connection of its own: what one brought about is not the next one's.
    with closing(connect_immutable(path)) as connection:
        connection.execute("PRAGMA query_only=1; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=1").fetchall()
        for switch in _OFF:
            connection.config(switch, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST_BYTES)
        connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, _LONGEST_BYTES)
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        connection.authorizer = _authorize
        end = time.monotonic() + query_s
        connection.set_progress_handler(lambda: time.monotonic() >= end, _STEPS)
        return _asked(connection, query, query_s)


def _asked(connection: Connection, query: str, query_s: float) -> tuple[str, str, str]:
    try:
        rows = list(islice(connection.execute(query), 2))
    except InterruptError:
        return _refused(f"it took longer than {query_s:g} s")
    except apsw.AuthError:
        return _refused("it does something else than reading")
    except (apsw.NoMemError, MemoryError, apsw.TooBigError):
        return _refused("what it makes is too large")
    except apsw.SQLError as error:
        lacking = str(error).startswith(_LACKING)
        return (AnswerKind.LACKING.value, "", str(error)) if lacking else _refused(str(error))
    if len(rows) != 1 or len(rows[0]) != 1:
        return _refused("it does not give one row with one value")
    value = text(rows[0][0])
    if len(value) > MOST_CHARACTERS:
        return _refused(f"its answer is longer than {MOST_CHARACTERS} characters")
    return AnswerKind.VALUE.value, value, ""


def _refused(why: str) -> tuple[str, str, str]:
    return AnswerKind.REFUSED.value, "", why


def text(value: object) -> str:
    """Return a value as it is compared: NULL by its name, bytes as SQLite writes them."""
    if value is None:
        return "NULL"
    return f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)


def _authorize(action: int, one: str | None, two: str | None, database: str | None, by: str | None) -> int:
    del one, database, by
    reads = action in _READING and not (action == apsw.SQLITE_FUNCTION and (two or "").lower() in _NO_FUNCTIONS)
    return apsw.SQLITE_OK if reads else apsw.SQLITE_DENY
