"""Who may come into a database: taken away for a restore, and given back whatever happens.

A restore needs a database in which nobody is. It is taken offline rather than into single-user mode, which leaves one
seat that a reconnecting client takes. Offline keeps who may come in: bringing it online gives that back as well.
"""

from __future__ import annotations

from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.requests import AccessChange, RestoreRequest
from pwsops.engines.sqlserver import databases, queries, tsql
from pwsops.engines.sqlserver.errors import ErrorContext, reason, unexplained
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import NotFound, PwsopsError

OCCUPIED = 5064
"""Somebody is the one user of the single-user database, and ALTER DATABASE is refused for that one's sake."""
ATTEMPTS = 10
"""How often whoever has the one seat is ended: a client may be back before the seat is taken."""
LONG_S = 600
"""Bringing a database online recovers it, and ending sessions rolls back what they did."""
OFFLINE, RESTORING = "OFFLINE", "RESTORING"


class Access:
    """What one restore changes of a database's mode, and owes."""

    def __init__(self, link: Link, request: RestoreRequest, info: DatabaseInfo) -> None:
        self._link = link
        self._request = request
        self._database = info.name
        self._former = request.former_mode or str(info.details["user_access"])
        self._change: AccessChange | None = None
        self._before = info.state
        self.takes_offline = info.state.is_in_use

    @property
    def is_restricted(self) -> bool:
        """Whether not everybody may come in, so that nobody but administrators may for a moment either."""
        return self._former != "MULTI_USER"

    def remember(self) -> None:
        """Have the mode written down before it is changed; where that raises, nothing may be changed."""
        changed_to = OFFLINE if self.takes_offline else RESTORING
        change = AccessChange(database=self._database, former_mode=self._former, changed_to=changed_to)
        self._request.on_access_change(change)
        self._change = change

    def give_back(self) -> str:
        """Set the former mode again; return what has to be done by hand where that is not possible now."""
        try:
            state = databases.find(self._link, self._database).state
            if state is DatabaseState.RESTORING:
                return (
                    f"{self._database} now waits for a restore and lets nobody in: restore a full backup into it (this "
                    "one again, or another)."
                )
            if not self._is_untouched(state):
                give_back(self._link, self._database, self._former)
        except PwsopsError as error:
            return (
                f"{self._database} may still be closed to people, because {reason(error)}. Let them in again: "
                f"{tsql.online(self._database)}; {tsql.user_access(self._database, self._former)}"
            )
        if self._change is not None:
            self._request.on_access_restored(self._change)
        return ""

    def _is_untouched(self, state: DatabaseState) -> bool:
        """Whether nobody could come in before, for a reason that is not ours, and it is so still."""
        return state is self._before and not self.takes_offline and self._request.former_mode is None


def give_back(link: Link, database: str, former_mode: str) -> None:
    """Set a database's mode to what it was before a restore; see the protocol `GivesBackAccess`."""
    context = link.context(f"Letting people into {database} again", database=database)
    try:
        info = databases.find(link, database)
    except NotFound as error:
        if _sees_all(link, context):
            raise
        raise context.failed(
            f"this login does not see {database}: it is gone, or not for this login to see.",
            hint=f"Give the login VIEW ANY DATABASE, or set {database} to {former_mode} there as an administrator.",
        ) from error
    if info.state is DatabaseState.OFFLINE:
        link.run(context, tsql.online(database), timeout_s=LONG_S)
        info = databases.find(link, database)
    if not (info.state.is_in_use or info.state is DatabaseState.SECONDARY):
        raise context.failed(
            f"{info.reason}.",
            hint=f"Restore a backup into {database}, or bring it online; then its mode can be set to {former_mode}.",
        )
    if info.details["user_access"] != former_mode:
        _set(link, context, database, former_mode)


def _sees_all(link: Link, context: ErrorContext) -> bool:
    """Whether a database that this login does not see is not there."""
    rows = link.attempt(context, queries.SERVER_RIGHTS)
    return not isinstance(rows, NotAsked) and bool(rows[0].is_sysadmin or rows[0].alter_any_database)


def _set(link: Link, context: ErrorContext, database: str, mode: str) -> None:
    """Set who may come in; whoever has the one seat is ended in the same breath, as often as it takes."""
    ends: list[str] = []
    failure: PwsopsError = unexplained([], context)
    for _ in range(ATTEMPTS):
        try:
            link.run(context, "; ".join([*ends, tsql.user_access(database, mode)]), timeout_s=LONG_S)
        except PwsopsError as error:
            if error.number != OCCUPIED and not ends:
                raise
            failure = error  # or only the KILL of somebody who was gone by then
        if databases.find(link, database).details["user_access"] == mode:
            return
        ends = [tsql.kill(each) for each in sessions_in(link, context, database)]
    raise failure


def sessions_in(link: Link, context: ErrorContext, database: str) -> list[int]:
    """Return the sessions in a database, as far as this login may see them."""
    rows = link.attempt(context, queries.SESSIONS_IN, database)
    return [] if isinstance(rows, NotAsked) else [row.session_id for row in rows]
