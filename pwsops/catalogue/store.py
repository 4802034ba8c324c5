"""The catalogue's file: opened, migrated, and given out as short read and write transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, inspect
from sqlalchemy import text as sql
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.exc import TimeoutError as CrowdedError
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from pwsops import private
from pwsops.catalogue import scope
from pwsops.catalogue.audit_keys import Notary, Transaction
from pwsops.catalogue.checkpoint import Checkpoints, leave_to_us
from pwsops.errors import CatalogueDamaged, PwsopsError

FILE_NAME = "catalogue.sqlite3"
PROCESSES = "processes"
"""A directory beside it, where each process that is alive holds a locked file; made once the catalogue is."""
HEAD = "0022"
BUSY_TIMEOUT_S = 15.0
CONNECTIONS = 40
"""How many this process may have open at once; a few are kept open."""
KEPT_OPEN = 8
CROWD_TIMEOUT_S = 30.0
"""How long to wait for one of them."""
LOST = (
    "Lost with it are the instances, profiles, history and certificates that it held; the backups themselves are not."
)
_NEXT_STEPS = {
    sqlite3.SQLITE_BUSY: "Another process holds it: try again in a moment, and look which one where it lasts.",
    sqlite3.SQLITE_LOCKED: "Another process holds it: try again in a moment, and look which one where it lasts.",
    sqlite3.SQLITE_FULL: "Make room on its disk; nothing of what was there is lost.",
    sqlite3.SQLITE_READONLY: "Let this user write the file and its directory, or mount its disk for writing.",
    sqlite3.SQLITE_CANTOPEN: "Check that it is a file, and that this user may read and write it and its directory.",
    sqlite3.SQLITE_IOERR: "Check its disk: the system's log says more. Copy the home elsewhere before anything else.",
}
_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""Another process, or another connection of this one, has it."""
_MIGRATIONS = Path(__file__).parent / "migrations"


class Catalogue:
    """One home's memory.

    Parameters
    ----------
    home
        Directory that holds it; made when it does not exist.

    Raises
    ------
    PwsopsError
        When the file cannot be opened, or was written by a newer version of this product.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / FILE_NAME
        private.make_home(home)
        _refuse_emptied(self.path)
        private.make_file(self.path)
        self._engine = create_engine(
            # Never as a text: a path may have what a URL means something by (%, ?, #).
            URL.create("sqlite", database=str(self.path)),
            connect_args={"timeout": BUSY_TIMEOUT_S},
            pool_size=KEPT_OPEN,
            max_overflow=CONNECTIONS - KEPT_OPEN,
            pool_timeout=CROWD_TIMEOUT_S,
        )
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        event.listen(self._engine, "checkin", self._put_back)
        self._closed = False
        self._checkpoints = Checkpoints(self.path, wait_s=BUSY_TIMEOUT_S)
        self.notary = Notary()
        self._writers = threading.RLock()
        self._watch_lock = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        try:
            self._migrate()
        except DatabaseError as error:
            self.close()
            raise _unusable(self.path, error.orig) from None
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self, instances: Collection[str] | None = None) -> Iterator[Connection]:
        """Return a connection that sees one consistent state; nothing it does is kept.

        Parameters
        ----------
        instances
            Of these alone it sees anything at all; None: of all.
        """
        with self._translated(), self._engine.connect() as connection:
            if instances is not None:
                scope.narrow(connection, instances)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Return a connection that holds the write lock from the start; committed at the end, or nothing is kept."""
        entries = Transaction(self.notary)
        with (
            self._turn(),
            self._translated(),
            self._engine.connect().execution_options(pwsops_write=True, pwsops_audit=entries) as connection,
            connection.begin(),
        ):
            yield connection
        entries.committed()
        self._checkpoints.after_commit()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one of this process write after the other: SQLite has them wait in sleeps that grow, most for nothing.

        Raises as SQLite does of another process that keeps the lock too long.
        """
        if not self._writers.acquire(timeout=BUSY_TIMEOUT_S):
            raise PwsopsError(
                f"The catalogue {self.path} cannot be used: it is locked, since another part of this process has been "
                f"writing for {BUSY_TIMEOUT_S:.0f} s.",
                hint="Try again in a moment; where it lasts, restart this process.",
                transient=True,
            )
        try:
            yield
        finally:
            self._writers.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DatabaseError as error:
            raise _unusable(self.path, error.orig) from None
        except CrowdedError:
            raise _crowded(self.path) from None

    def version(self) -> int:
        """Return a number that changes whenever any process has committed something. Costs microseconds."""
        with self._watch_lock:
            try:
                if self._watch is None:
                    self._watch = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
                    leave_to_us(self._watch)
                (number,) = self._watch.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                raise _unusable(self.path, error) from None
            return int(number)

    def close(self) -> None:
        """Let go of the file."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._closed = True
        self._engine.dispose()

    def _put_back(self, _connection: object, record: ConnectionPoolEntry) -> None:
        # A thread that still reads while this is closed puts its connection where nobody closes it.
        if self._closed:
            record.invalidate()

    def _migrate(self) -> None:
        # Alembic takes a tenth of a second to import; a catalogue that is up to date does without it.
        found = self._revision()
        if found == HEAD:
            return
        known = {path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")}
        if found is not None and found not in known:
            raise PwsopsError(
                f"The catalogue {self.path} was written by a newer version of pwsops (schema {found}, here {HEAD}).",
                hint="Start the newer version, or use another home.",
            )
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        # Two processes may start on a new home at once: the write lock lets the second find the work done.
        with self.write() as connection:
            if self._revision_on(connection) != HEAD:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def _revision(self) -> str | None:
        with self._engine.connect() as connection:
            return self._revision_on(connection)

    @staticmethod
    def _revision_on(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sql("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # Transactions are begun by `_begin`, not by the driver's guess at what a statement does.
    connection.isolation_level = None
    _use_wal(connection)
    leave_to_us(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and _code(error) in _HELD


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary code of an error; 0 where it has none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


# Of two processes that turn a new file to WAL at once, SQLite refuses one at once, whatever the busy timeout says.
@retry(
    retry=retry_if_exception(_is_locked),
    stop=stop_after_delay(BUSY_TIMEOUT_S),
    wait=wait_random(0.005, 0.05),
    reraise=True,
)
def _use_wal(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("pwsops_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refuse_emptied(path: Path) -> None:
    """Raise where the file was emptied: SQLite would take it for a new one, and all would seem never to have been."""
    with suppress(OSError):
        in_use = (path.parent / PROCESSES).exists() or Path(f"{path}-wal").stat().st_size > 0
        if in_use and path.is_file() and path.stat().st_size == 0:
            raise damaged(path, "it is empty")


def damaged(path: Path, cause: str) -> CatalogueDamaged:
    """Return what is told of a catalogue that cannot be read any more: what is lost with it, and how to go on."""
    return CatalogueDamaged(f"The catalogue {path} is damaged: {cause}. {LOST}", hint=move_away(path))


def move_away(path: Path) -> str:
    """Return the next step after a catalogue was found damaged."""
    return (
        f"Move {path.name}, {path.name}-wal and {path.name}-shm out of {path.parent}, or put a copy of before in their "
        "place; without one the next start makes an empty catalogue: `pwsops rebuild --directory DIR` fills it from "
        "the backups, certificates are imported from where they were saved. `pwsops media FILE` shows what a backup "
        "holds, `pwsops restore` and the recover.py beside it restore it."
    )


def _unusable(path: Path, error: BaseException | None) -> PwsopsError:
    cause = str(error)
    code = _code(error)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT) or cause.startswith(("no such table", "no such column")):
        return damaged(path, cause)
    if path.is_dir():
        cause = "it is a directory"
    return PwsopsError(
        f"The catalogue {path} cannot be used: {cause}.",
        hint=_NEXT_STEPS.get(code, "Check that its disk has room, and that this user may write there."),
        transient=code in _HELD,
    )


def _crowded(path: Path) -> PwsopsError:
    return PwsopsError(
        f"The catalogue {path} could not be used: all {CONNECTIONS} connections of this process to it were busy.",
        hint="Try again in a moment; where it lasts, restart this process.",
        transient=True,
    )
