"""Writing a rebuilt database into the existing one, so that a reader sees the old or the new, never a mix."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from typing import Protocol

from pwsops import foreign
from pwsops.engines.sqlite import files, listing, names, publishing
from pwsops.engines.sqlite.assembly import Assembly
from pwsops.engines.sqlite.connect import (
    Connection,
    Error,
    connect,
    connect_immutable,
    copy_database,
    gone,
    is_busy,
    is_not_a_database,
    library,
    not_a_database,
    scalar,
    translate,
)
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.names import refuse_side_files as refuse_side_files
from pwsops.engines.sqlite.report import Report
from pwsops.errors import Conflict, EngineError

OPERATION = "Restore"
STEP = 256
FORMAT_OFFSET = 18
"""Of the two bytes of a database's header that say rollback journal (1) or WAL (2)."""
_MODE_BYTES = {False: b"\x01\x01", True: b"\x02\x02"}
"""By whether it is WAL. Page 1 of the backup says how its database kept its journal; the target keeps its own way."""


class Terms(Protocol):
    """What the target module reads of an order."""

    @property
    def database(self) -> str:
        """What it is called."""

    @property
    def may_replace_damaged(self) -> bool:
        """Whether a target that is no database may be moved aside."""

    @property
    def keeps_beside(self) -> bool:
        """Whether a target is moved aside whatever it is."""

    @property
    def stamp(self) -> str:
        """UTC time for its new name."""


def write_into(
    path: str, temp: str, temp_fd: int, chain: Sequence[Media], terms: Terms, report: Report
) -> dict[str, object]:
    """Write the database of a chain into the one at `path`; report, and give, what was done as soon as it is certain.

    `temp`, open as `temp_fd` and empty, is where it is put together; beside `path`.
    """
    mode = ""
    if terms.keeps_beside:
        # Whatever its size is now: it may have been filled since it was looked at.
        return _replace(path, temp, temp_fd, chain, terms, report)
    if not os.path.getsize(path):
        refuse_side_files(path)
    elif _is_none(path):
        # Not even its header is a database's. SQLite is not asked: it would tidy away what lies beside the file.
        if not terms.may_replace_damaged:
            raise not_a_database(OPERATION, path)
        return _replace(path, temp, temp_fd, chain, terms, report)
    try:
        with closing(connect(path)) as connection:
            mode = _journal_mode(connection)
            keep = (FORMAT_OFFSET, _MODE_BYTES[mode == "wal"]) if os.path.getsize(path) else None
            with Assembly(temp_fd, chain, keep) as source:
                return _write(connection, temp, source, mode, terms, report)
    except Error as error:
        if not is_not_a_database(error):
            raise _translate(error, path, mode) from error
        if not terms.may_replace_damaged:
            raise translate(error, OPERATION, path) from error
    return _replace(path, temp, temp_fd, chain, terms, report)


def _is_none(path: str) -> bool:
    """Whether a file is no database; one that cannot be read now may be a good one."""
    try:
        return listing.doubt(path) != ""
    except OSError as error:
        raise EngineError(
            f"{OPERATION}: {path} cannot be read ({error.strerror}), so that nobody knows what it holds; it was left "
            "as it is.",
            hint="Let the service read it, or look at its disk, and restore again.",
        ) from error


def create(
    path: str, temp: str, temp_fd: int, chain: Sequence[Media], terms: Terms, report: Report
) -> dict[str, object]:
    """Put the database of a chain together and give it its name, which nobody has; until then there is nothing.

    Raises
    ------
    Conflict
        Where somebody has the name by now, or SQLite's own files of another database lie beside it.
    """
    directory = os.path.dirname(path)
    refuse_side_files(path)
    with Assembly(temp_fd, chain) as source:
        source.complete()
    try:
        os.fsync(temp_fd)
        report.finishing()
        refuse_side_files(path)
        publishing.new(temp, path, report.say)
    except FileExistsError as error:
        raise Conflict(
            f"{OPERATION}: somebody created {path} meanwhile; it was left as it is.",
            hint="Look at what it holds. Restore again to replace it.",
        ) from error
    except OSError as error:
        raise files.translate(error, OPERATION, directory) from error
    return _done(source, terms, report, created=True)


def _translate(error: Error, path: str, mode: str) -> EngineError | Exception:
    if is_busy(error) and mode:
        return EngineError(
            f"{OPERATION}: the database {path} stayed locked by another process; it still holds its old data.",
            hint="Stop the program that uses it, or wait for its transaction to end, and restore again.",
            transient=True,
        )
    return translate(error, OPERATION, path)


def _journal_mode(connection: Connection) -> str:
    scalar(connection, "PRAGMA schema_version")
    scalar(connection, "SELECT count(*) FROM sqlite_master")
    return str(scalar(connection, "PRAGMA journal_mode"))


def _write(
    connection: Connection, temp: str, source: Assembly, mode: str, terms: Terms, report: Report
) -> dict[str, object]:
    same_size = source.page_size == scalar(connection, "PRAGMA page_size")
    switch = mode == "wal" and not same_size
    if switch:
        # SQLite cannot change the page size of a database in WAL mode.
        connection.execute("PRAGMA journal_mode=DELETE")
    try:
        # Between two page sizes SQLite reads some pages again at the end.
        _copy(connection, temp, source, report, window=same_size)
    finally:
        if switch:
            _return_to_wal(connection, report)
    report.say(f"{terms.database} was written with {library()}.")
    done = _done(source, terms, report)
    if mode == "wal":
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    return done


def _return_to_wal(connection: Connection, report: Report) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except Error as error:
        # Whether the data was restored is another question.
        report.say(f"The database could not be put back into WAL mode ({error}); PRAGMA journal_mode=WAL does that.")


def _done(
    source: Assembly, terms: Terms, report: Report, kept: str | None = None, *, created: bool = False
) -> dict[str, object]:
    done: dict[str, object] = {
        "database": terms.database,
        "created": created,
        "restored_bytes": source.page_size * source.page_count,
        "kept_damaged_as": kept,
    }
    report.result(done)
    return done


def _copy(connection: Connection, temp: str, source: Assembly, report: Report, *, window: bool) -> None:
    # The first step waits for the lock, the last one commits and cannot be broken off: they are not to be the same.
    step = min(STEP, max(1, source.page_count - 1))

    def after(remaining: int, total: int) -> None:
        report.progress("restoring", (total - remaining) * source.page_size, total * source.page_size)
        if window:
            source.give_up_before(total - remaining)
        source.reach(total - remaining + step)
        if remaining <= step:
            report.finishing()

    connection.execute("PRAGMA cache_size=-4000")
    source.reach(step)
    if source.page_count <= step:
        report.finishing()
    with closing(connect_immutable(temp)) as reader:
        reader.execute("PRAGMA cache_size=10")  # each of its pages is read once
        copy_database(reader, connection, step=step, after=after)


def _replace(
    path: str, temp: str, temp_fd: int, chain: Sequence[Media], terms: Terms, report: Report
) -> dict[str, object]:
    """Keep the damaged file, with what SQLite left beside it, under another name, and put the new one in its place."""
    directory = os.path.dirname(path)
    kept = names.beside(path, names.DAMAGED + terms.stamp)
    with Assembly(temp_fd, chain) as source:
        source.complete()
    try:
        _take_over_owner(temp_fd, foreign.facts(path), path, report)
        os.fsync(temp_fd)
        report.finishing()
        _swap(path, temp, kept)
    except FileNotFoundError as error:
        raise gone(path) from error
    except OSError as error:
        raise files.translate(error, OPERATION, directory) from error
    why = "was not saved first" if terms.keeps_beside else "could not be opened as a database"
    report.say(f"{path} {why}; it was kept as {kept} and replaced.")
    if remark := files.sync_remark(directory):
        report.say(f"{path} is restored, but {remark}")
    return _done(source, terms, report, kept)


def _take_over_owner(fd: int, facts: os.stat_result, path: str, report: Report) -> None:
    """Set mode and owner of the new file to those of the old one, as far as the file system can do that."""
    try:
        os.fchmod(fd, facts.st_mode & 0o7777)
    except OSError as error:
        mode = stat.S_IMODE(facts.st_mode)
        report.say(f"{path} could not get back its mode {mode:o}: {error.strerror}. `chmod {mode:o}` does that.")
    with suppress(OSError):
        os.fchown(fd, facts.st_uid, facts.st_gid)


def _swap(path: str, temp: str, kept: str) -> None:
    """Move the old file away and the new one in its place; where that fails, all lies again where it was."""
    with ExitStack() as undo:
        _keep(path, kept)
        undo.callback(_put_back, kept, path)
        for suffix in names.BESIDE:
            # An old log beside the new file would be played into it.
            with suppress(FileNotFoundError):
                foreign.rename(path + suffix, kept + suffix)
                undo.callback(_put_back, kept + suffix, path + suffix)
        foreign.replace(temp, path)
        undo.pop_all()


def _keep(path: str, kept: str) -> None:
    try:
        foreign.link(path, kept)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:
        # No hard links on this file system: for a moment there is no file of that name.
        foreign.rename(path, kept)


def _put_back(kept: str, path: str) -> None:
    with suppress(OSError):
        if foreign.exists(path):
            foreign.unlink(kept)
        else:
            foreign.rename(kept, path)
