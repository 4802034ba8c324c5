"""SQLite's own check of a database's structure, in a thread beside the reading of a held snapshot.

`quick_check` follows every page of every table and index, and reads every row; it does not compare indexes with their
tables (sqlite.org/pragma.html#pragma_quick_check).

Collations and functions that only the application has get stand-ins, without which SQLite checks nothing at all. What
these may be the cause of is no finding.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from apsw import InterruptError

from pwsops.engines.sqlite.connect import Connection, Error, is_not_a_database

FINDINGS = 10
"""How many findings are enough."""
_HEADING = "*** in database "
STEPS = 1_000
"""Steps of SQLite between two looks at whether to pause."""
_STAND_INS = 200
"""So many functions of an application are stood in for."""
_UNKNOWN_FUNCTION = re.compile(r"(?:unknown|no such) function: (.+?)(?:\(\))?")
_MAY_BE_OURS = re.compile(r"(NULL|non-\w+|NUMERIC|TEXT) value in |row not in PRIMARY KEY order for ")
"""Findings that a stand-in may cause: an order that is not the application's, a generated column without its value."""
_OF_INDEXES = re.compile(
    r"row \d+ (missing from|values differ from) index |wrong # of entries in index |non-unique entry in index "
)
"""Those that it may cause where indexes are compared with their tables."""
_ALL = 1_000_000
"""So many findings are asked for where some of those that came first do not count."""


class StructureCheck:
    """One check, begun at once. It runs without Python's lock, so that the reading goes on beside it.

    Parameters
    ----------
    open_snapshot
        Opens what sees the snapshot and nothing newer. Reads nothing yet.
    """

    def __init__(self, open_snapshot: Callable[[], Connection]) -> None:
        self._open = open_snapshot
        self._turn = threading.Condition()
        self._pause = self._paused = self._stop = self._done = False
        self.findings: tuple[str, ...] = ()
        """What is wrong, in SQLite's words; valid once it is done."""
        self.why_not = "it broke off"
        """Why the check itself was not possible; empty where it was."""
        self._thread = threading.Thread(target=self._run, name="structure-check", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether it is done, at the latest after so many seconds."""
        with self._turn:
            return self._turn.wait_for(lambda: self._done, seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep it from reading, because the file may change."""
        with self._turn:
            self._pause = True
            self._turn.wait_for(lambda: self._paused or self._done)
        try:
            yield
        finally:
            with self._turn:
                self._pause = False
                self._turn.notify_all()

    def report(self) -> Sequence[str]:
        """Return what came of it, in words, once it is done."""
        if self.why_not:
            return [f"its structure could not be checked: {self.why_not}"]
        return [f"quick_check found: {finding}" for finding in self.findings] or ["quick_check found no damage"]

    @property
    def is_proof(self) -> bool:
        """Whether it took place and found nothing; valid once it is done."""
        return not self.why_not and not self.findings

    def close(self) -> None:
        """End it, done or not; harmless to repeat."""
        with self._turn:
            self._stop = True
            self._turn.notify_all()
        self._thread.join()

    def _must_stop(self) -> bool:
        with self._turn:
            if self._pause:
                self._paused = True
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._stop or not self._pause)
                self._paused = False
            return self._stop

    def _run(self) -> None:
        try:
            self._check()
        finally:
            with self._turn:
                self._done = True
                self._turn.notify_all()

    def _check(self) -> None:
        try:
            with closing(self._open()) as connection:
                self.findings = tuple(damage_in(connection, self._must_stop)[0])
        except InterruptError:
            return
        except Error as error:
            if not is_not_a_database(error):
                self.why_not = str(error)
                return
            self.findings = (str(error),)
        self.why_not = ""


def damage_in(
    connection: Connection, must_stop: Callable[[], bool], *, indexes: bool = False
) -> tuple[list[str], bool]:
    """Return what is wrong with a database, and whether some of the application's own had to be stood in for.

    Parameters
    ----------
    must_stop
        Is asked now and then; where it says so, `InterruptError` is raised.
    indexes
        Compare indexes with their tables, too (`integrity_check`). Where stand-ins sorted them, that says nothing.
    """
    connection.set_progress_handler(must_stop, STEPS)
    # Constraints may need the application's own functions, virtual tables its own modules. What these keep lies in
    # ordinary tables, which are checked.
    connection.execute("PRAGMA ignore_check_constraints=1")
    connection.drop_modules(None)
    own: set[str] = set()

    def stand_in_for(connection: Connection, collation: str) -> None:
        own.add(collation)
        connection.create_collation(collation, lambda one, other: (one > other) - (one < other))

    connection.collation_needed(stand_in_for)
    limit = FINDINGS
    while True:
        try:
            found = _check(connection, "integrity_check" if indexes else "quick_check", limit)
        except Error as error:
            named = _UNKNOWN_FUNCTION.fullmatch(str(error))
            if named is None or named[1] in own or len(own) >= _STAND_INS:
                raise
            own.add(named[1])
            connection.create_scalar_function(named[1], lambda *given: None, deterministic=True)
            continue
        kept = [line for line in found if not (own and _may_be_ours(line, indexes=indexes))]
        if limit == _ALL or len(kept) == len(found):
            return kept[:FINDINGS], bool(own)
        limit = _ALL  # those that do not count may have kept it from reading on


def _may_be_ours(finding: str, *, indexes: bool) -> bool:
    return bool(_MAY_BE_OURS.match(finding) or (indexes and _OF_INDEXES.match(finding)))


def _check(connection: Connection, pragma: str, limit: int) -> list[str]:
    """Return what is wrong, at most so many findings."""
    found: list[str] = []
    try:
        for (text,) in connection.execute(f"PRAGMA {pragma}({limit})"):
            found += [line for line in str(text).splitlines() if not line.startswith(_HEADING)]
    except Error as error:
        if not is_not_a_database(error):
            raise
        found.append(str(error))
    return [] if found == ["ok"] else found
