"""How a backup ended, where the connection did not tell: its file says so, and so does the server's history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from enum import Enum

from pwsops.engines.sqlserver import media, paths, queries, tsql
from pwsops.engines.sqlserver.answers import is_answer
from pwsops.engines.sqlserver.errors import ErrorContext, system_error
from pwsops.engines.sqlserver.link import NO_RIGHT, Link, NotAsked
from pwsops.engines.sqlserver.ownership import IN_USE
from pwsops.engines.sqlserver.running import Limits
from pwsops.errors import EngineError, PwsopsError
from pwsops.rules.model import BackupKind, BackupSet

LIMIT_S = 60.0
"""How long to wait at least; a backup's own time limit may leave more."""
UNSEEN_LIMIT_S = 10.0
"""How long to wait for a set, where this login may not see what other sessions do."""
REFUSED_LIMIT_S = 20.0
"""How long a question is asked again that the server refuses each time."""
EVERY_S = 0.25
REMEMBERED_FOR = timedelta(days=62)


class Seen(Enum):
    """Whether the server is at it."""

    GOES_ON = "goes on"
    ENDED = "ended"
    HIDDEN = "hidden"
    """This login may not see what other sessions do."""


def outcome(
    link: Link, context: ErrorContext, *, session_id: int, requested: tuple[str, BackupKind], path: str, limits: Limits
) -> BackupSet | None:
    """Wait until the server is done with the statement, then return the set that it finished; None: it did not.

    Parameters
    ----------
    session_id
        Whose statement it was.
    requested
        Description and kind of the set.
    path
        The file that it was written to, which is the proof. The history is asked where the file cannot be.

    Raises
    ------
    EngineError
        Where the server is not to be asked, or is not done in the time given. It is transient.
    """

    def look() -> Seen | PwsopsError:
        seen = _session(link, context, session_id)
        # While one question is refused, another may be answered.
        proven = isinstance(seen, PwsopsError) and _in_file(link, path, requested) is not None
        return Seen.ENDED if proven else seen

    _wait(link, context, look, limits)
    patience_s = 0.0 if _sees_all(link, context) else UNSEEN_LIMIT_S
    began = link.clock.monotonic()
    while True:
        found = _in_file(link, path, requested) or remembered(link, context, requested=requested, path=path)[0]
        if found is not None or (link.clock.monotonic() - began >= patience_s and not _is_open(link, path)):
            return found
        _require_patience(link, context, began, limits)
        link.clock.wait(threading.Event(), EVERY_S)


def wait(link: Link, context: ErrorContext, session_id: int, limits: Limits | None = None) -> None:
    """Wait until the server is done with what that session was running, as far as this login may see it."""
    _wait(link, context, lambda: _session(link, context, session_id), limits or Limits(clock=link.clock))


def wait_for_backup(
    link: Link, context: ErrorContext, *, description: str, limits: Limits, insists: bool = True
) -> bool:
    """Wait until no session takes that backup any more, as far as this login may see it; return whether one did.

    With `insists` a question that the server goes on refusing is raised; otherwise it tells nothing.
    """
    begins = tsql.backup_of(context.database)
    carries = tsql.literal(tsql.description_of(description))

    def look() -> Seen | PwsopsError:
        seen = _seen(link, context, queries.BACKUPS_GOING_ON, begins, carries)
        return Seen.HIDDEN if isinstance(seen, PwsopsError) and not insists else seen

    return _wait(link, context, look, limits)


def _wait(link: Link, context: ErrorContext, look: Callable[[], Seen | PwsopsError], limits: Limits) -> bool:
    began, went_on = link.clock.monotonic(), False
    while (seen := look()) not in (Seen.ENDED, Seen.HIDDEN):
        went_on = went_on or seen is Seen.GOES_ON
        refusal = seen if isinstance(seen, PwsopsError) else None
        _require_patience(link, context, began, limits, refusal)
        link.clock.wait(threading.Event(), EVERY_S)
    return went_on


def _require_patience(
    link: Link, context: ErrorContext, began: float, limits: Limits, refusal: PwsopsError | None = None
) -> None:
    now = link.clock.monotonic()
    waited_s = now - began
    out_of_time = limits.deadline is None or now >= limits.deadline
    if refusal is not None and waited_s >= REFUSED_LIMIT_S and out_of_time:
        raise refusal
    if waited_s >= LIMIT_S and out_of_time:
        raise EngineError(
            f"{context.operation} on {context.server}: the server is still busy with it {waited_s:.0f} s after it was "
            "let go, so nobody can say how it ends.",
            hint="Look at the running requests on the server; a backup that is finished is found by the next look.",
            transient=True,
        )


def _session(link: Link, context: ErrorContext, session_id: int) -> Seen | PwsopsError:
    try:
        rows = link.query(context, queries.REQUEST, session_id)
    except PwsopsError as error:
        return _refused(error)
    goes_on = any(str(row.command).startswith(("BACKUP", "RESTORE")) for row in rows)
    return Seen.GOES_ON if goes_on else Seen.ENDED


def _seen(link: Link, context: ErrorContext, question: str, *parameters: object) -> Seen | PwsopsError:
    try:
        return Seen.GOES_ON if link.query(context, question, *parameters) else Seen.ENDED
    except PwsopsError as error:
        return _refused(error)


def _refused(error: PwsopsError) -> Seen | PwsopsError:
    """Return what a refusal says; raises where nobody is there to be asked.

    One that lacks the right says that it will never be answered. Any other, such as 927 while some database is
    restored, says nothing, and is returned: it is asked again.
    """
    if error.number in NO_RIGHT:
        return Seen.HIDDEN
    if not is_answer(error):
        raise error
    return error


def _in_file(link: Link, path: str, requested: tuple[str, BackupKind]) -> BackupSet | None:
    """Return the set as its file has it; None where that has none, or no file can be read. Raises without a server."""
    description, kind = requested
    try:
        found = media.read(link, path)
    except PwsopsError as error:
        if not is_answer(error):
            raise
        return None
    text = tsql.description_of(description)
    return next((each for each in reversed(found) if each.description == text and each.kind is kind), None)


def _is_open(link: Link, path: str) -> bool:
    """Whether somebody has the file open now."""
    try:
        media.headers(link, path)
    except PwsopsError as error:
        return system_error(error.messages) == IN_USE
    return False


def remembered(
    link: Link, context: ErrorContext, *, requested: tuple[str, BackupKind | None], path: str | None
) -> tuple[BackupSet | None, bool]:
    """Return the newest such set of the history (in this file), and whether the history could be read."""
    description, kind = requested
    text, server = tsql.description_of(description), link.server()
    since = server.local(link.clock.now()) - REMEMBERED_FOR
    rows = link.attempt(context, queries.SETS_DESCRIBED, since, context.database, text)
    if isinstance(rows, NotAsked):
        return None, False
    known = media.from_history(rows, server)
    sets = [each for each in known if each.description == text and kind in (None, each.kind)]
    if path is not None:
        sets = [each for each in sets if paths.same(server.flavour, each.path, path)]
    return (sets[-1] if sets else None), True


def _sees_all(link: Link, context: ErrorContext) -> bool:
    try:
        return bool(link.query(context, queries.SERVER_RIGHTS)[0].view_server_state)
    except PwsopsError:
        return False
