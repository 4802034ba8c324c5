"""The scratches of drills: new databases of random name, checked by DBCC CHECKDB, and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from pwsops.engines.records import DatabaseContents
from pwsops.engines.requests import ProgressCallback, RestoreRequest, RestoreResult
from pwsops.engines.scratch import Findings, Scratch
from pwsops.engines.sqlserver import access, databases, fresh, paths, queries, restore, running, tsql
from pwsops.engines.sqlserver.errors import ErrorContext, translate
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.running import Limits, Meter, StatementResult
from pwsops.errors import EngineError, PwsopsError, Refused
from pwsops.messages import Message
from pwsops.rules.drills import Answer, is_scratch
from pwsops.rules.model import BackupSet

CHECKED = 8989
"""DBCC CHECKDB has come to its end, and says how many errors it found."""
_NOT_CHECKED = (823, 825, 2501, 2520, 2521, 2571, 8921, 8967, 8999)
"""It could not: no such object or right, an error of its own or of tempdb, or of the disk that the scratch lies on.

Not tried on a server. A number that is missing here blames the backup; one too many leaves it untested.
"""
_DAMAGE = (*range(2500, 2600), *range(8900, 9000), 823, 824, 825, 7984, 7985, 7986, 7987, 7988)
"""Numbers of what it finds. Source: Microsoft's list of database engine errors."""
NO_QUERIES = "a query would have the rights of the login that restores, and could do anything on the server"


class ServerScratches:
    """The scratches of one server; see `Scratches`.

    Parameters
    ----------
    link
        The way to it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def place(self, name: str) -> Scratch:
        """Return the name: the server puts its files where those of new databases go."""
        return Scratch(name=name)

    def fill(
        self,
        scratch: Scratch,
        sets: Sequence[BackupSet],
        leave_free_bytes: int,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> RestoreResult:
        """Restore as a new database, whose files are placed anew."""
        request = RestoreRequest(
            database=scratch.name,
            sets=sets,
            create_if_missing=True,
            must_be_new=True,
            leave_free_bytes=leave_free_bytes,
        )
        return restore.restore(self._link, request, on_progress, cancel)

    def check(self, scratch: Scratch, cancel: Event | None = None) -> Findings:
        """Have the server check all of it."""
        link, name = self._link, scratch.name
        context = link.context(f"Checking {name}", database=name)
        limits = Limits(clock=link.clock, cancel=cancel)
        with link.session(context) as connection:
            result = running.run(
                link, context, tsql.check(name), connection=connection, limits=limits, meter=Meter("", 0, None)
            )
        return _found(result, context)

    def count(self, scratch: Scratch) -> DatabaseContents:
        """Return the rows that the server counts in each table."""
        return databases.contents(self._link, scratch.name)

    def why_no_queries(self) -> str:
        """Return why: they cannot be held to reading here."""
        return NO_QUERIES

    def ask(self, scratch: Scratch, queries: Sequence[str], cancel: Event | None = None) -> list[Answer]:
        """Refuse."""
        del cancel
        if queries:
            raise Refused(f"No query is asked of {scratch.name}, because {NO_QUERIES}.", hint="Drill without queries.")
        return []

    def drop(self, scratch: Scratch) -> bool:
        """Drop the database of that name, whose files no other can have."""
        link, name = self._link, scratch.name
        found = fresh.look(link, name) if is_scratch(name) else None
        if found is None:
            return False
        _require_own(link, name)
        context = link.context(f"Dropping the scratch {name}", database=name)
        try:
            link.run(context, tsql.drop_database(name), timeout_s=access.LONG_S)
        except PwsopsError as error:
            if not error.transient:
                raise
            # Nobody has anything to do in it.
            ends = "; ".join(tsql.kill(each) for each in access.sessions_in(link, context, name))
            link.run(context, f"{ends}; {tsql.drop_database(name)}".lstrip("; "), timeout_s=access.LONG_S)
        if fresh.look(link, name) is not None:
            raise context.failed("it is still there.", hint=f"Drop it: {tsql.drop_database(name)}", transient=True)
        return True


def _found(result: StatementResult, context: ErrorContext) -> Findings:
    """Return what was found; the end that the server reports is the proof that it looked."""
    if result.stopped is not None:
        raise running.stopped(context.operation, result.stopped, result.messages)
    damage = [_words(one) for one in result.messages if one.is_error and _is_damage(one)]
    if damage:
        return Findings(found=damage)
    if result.failed:
        raise translate(result.messages, context)
    if not result.has(CHECKED):
        return Findings(why_not="the server did not report the end of DBCC CHECKDB")
    return Findings()


def _is_damage(message: Message) -> bool:
    return message.number in _DAMAGE and message.number not in _NOT_CHECKED


def _words(message: Message) -> str:
    return f"{message.text.rstrip('.')} ({message.number})"


def _require_own(link: Link, name: str) -> None:
    """Raise where a database has files that no restore of ours placed: it is called like a scratch, and is none."""
    rows = link.query(link.context(f"Looking for the files of {name}", database=name), queries.FILES, name)
    flavour = link.server().flavour
    names = [paths.split(flavour, row.physical_name)[1] for row in rows]
    if not names or not all(each.startswith(name) for each in names):
        raise EngineError(
            f"The database {name} on {link.instance.name} is not dropped: its files are not those of a scratch.",
            hint="Look at whose it is. If nobody needs it, drop it on the server.",
        )
