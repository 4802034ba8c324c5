"""Whether a backup was finished, where the connection did not tell: the server's history knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pwsops.engines.sqlserver import media, paths, queries, tsql
from pwsops.engines.sqlserver.errors import Scene
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import EngineError, PwsopsError
from pwsops.rules.model import BackupSet

LIMIT_S = 60.0
UNSEEN_LIMIT_S = 10.0
"""How long to wait for a set, where this login may not see what other sessions do."""
EVERY_S = 0.25


def outcome(link: Link, scene: Scene, *, session_id: int, description: str, database: str, path: str) -> str | None:
    """Wait until the server is done with the statement, then give the identity of the set it wrote; None: it did not.

    Raises
    ------
    EngineError
        Where the server is not to be asked, or is not done in the time given. It is transient.
    """
    wait(link, scene, session_id)
    patience_s = 0.0 if _sees_all(link, scene) else UNSEEN_LIMIT_S
    began = link.clock.monotonic()
    while True:
        found = finished(link, scene, database=database, description=description, path=path)
        if found is not None:
            return found.set_id
        if link.clock.monotonic() - began >= patience_s:
            return None
        threading.Event().wait(EVERY_S)


def wait(link: Link, scene: Scene, session_id: int) -> None:
    """Wait until the server is done with what that session was running, as far as this login may see it."""
    _wait(link, scene, lambda: _goes_on(link, scene, session_id))


def wait_for_backup(link: Link, scene: Scene, *, database: str, description: str) -> None:
    """Wait until no session takes that backup any more, as far as this login may see it."""
    begins = tsql.backup_of(database)
    carries = tsql.literal(tsql.description_of(description))
    _wait(link, scene, lambda: _backup_goes_on(link, scene, begins, carries))


def _backup_goes_on(link: Link, scene: Scene, begins: str, carries: str) -> bool:
    answer = link.attempt(scene, queries.BACKUPS_GOING_ON, begins, carries)
    if not isinstance(answer, NotAsked):
        return bool(answer)
    if answer.is_denied:
        return False  # this login sees no other sessions, and never will
    raise answer.error


def _wait(link: Link, scene: Scene, goes_on: Callable[[], bool]) -> None:
    began = link.clock.monotonic()
    while goes_on():
        if link.clock.monotonic() - began >= LIMIT_S:
            raise EngineError(
                f"{scene.operation} on {scene.server}: the server is still busy with it {LIMIT_S:.0f} s after it was "
                "let go, so nobody can say how it ends.",
                hint="Look at the running requests on the server; the history will show a backup that is finished.",
                transient=True,
            )
        threading.Event().wait(EVERY_S)


def finished(link: Link, scene: Scene, *, database: str, description: str, path: str | None) -> BackupSet | None:
    """Give the newest set in the history that was taken of the database with this description (to this file)."""
    wanted = tsql.description_of(description)
    rows = link.query(scene, queries.SETS_DESCRIBED, database, wanted)
    server = link.server()
    sets: Sequence[BackupSet] = [each for each in media.from_history(rows, server) if each.description == wanted]
    if path is not None:
        sets = [each for each in sets if paths.same(server.flavour, each.path, path)]
    return sets[-1] if sets else None


def _goes_on(link: Link, scene: Scene, session_id: int) -> bool:
    rows = link.query(scene, queries.REQUEST, session_id)
    return any(str(row.command).startswith(("BACKUP", "RESTORE")) for row in rows)


def _sees_all(link: Link, scene: Scene) -> bool:
    try:
        return bool(link.query(scene, queries.SERVER_RIGHTS)[0].view_server_state)
    except PwsopsError:
        return False
