"""What can go wrong on a server, how a test brings it about, and what a person has to be told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.sqlserver.product.home import LOGIN, ROWS, Work
from tests.standin.events import Said
from tests.standin.server.messages import os_error, said

Happening = Callable[[Work], object]
FILE = "D:\\Backup\\x.bak"
BACKUP, RESTORE, VERIFY = "BACKUP DATABASE", "RESTORE DATABASE", "RESTORE VERIFYONLY"


def no_faults(work: Work) -> None:
    work.server.faults.clear()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One mishap.

    Parameters
    ----------
    number
        The server's, of the message that names the cause; None where it never came to a statement.
    happens, mended
        Bring it about, and take it away again.
    error, hint
        What the cause and the next step must say, as regular expressions; `{database}` and `{directory}` are filled.
    untouched
        Of a restore: whether the database still holds what it held.
    """

    number: int | None
    happens: Happening
    error: str
    hint: str
    mended: Happening = no_faults
    untouched: bool = True


def fails(statement: str, *messages: Said, **options: Any) -> Happening:
    """Let a statement on the work's database fail with these messages, each time until that is mended."""
    options = {"times": None, **options}
    return lambda work: work.server.faults.on(statement, database=work.database, raise_=messages, **options)


def backup_fails(number: int, *blanks: object, after: int = 0) -> Happening:
    return fails(BACKUP, said(number, *blanks), said(3013, BACKUP), after_messages=after)


def restore_fails(*causes: Said, after: int = 0) -> Happening:
    return fails(RESTORE, *causes, said(3013, RESTORE), after_messages=after)


def unlisted(number: int, severity: int, text: str) -> Said:
    """Return a message that the stand-in itself never says."""
    return Said(number=number, severity=severity, text=text)


def account(**state: object) -> Happening:
    """Change the login that is used, and let everybody log in anew."""

    def happens(work: Work) -> None:
        for name, value in state.items():
            setattr(work.server.accounts[LOGIN], name, value)
        work.product.throw_everybody_out()

    return happens


def database(**state: object) -> Happening:
    def happens(work: Work) -> None:
        for name, value in state.items():
            setattr(work.on_server, name, value)

    return happens


def with_free(root: str, free_bytes: int) -> Happening:
    def happens(work: Work) -> None:
        volume = work.server.files.volume_of(root)
        assert volume is not None
        volume.free_bytes = free_bytes

    return happens


def into(directory: str) -> Happening:
    """Let the profile want a directory that is not there."""

    def happens(work: Work) -> None:
        work.directory = directory
        work.edit(directory=directory)

    return happens


def share(root: str) -> Happening:
    """Let there be a share, with a directory for backups."""

    def happens(work: Work) -> None:
        work.server.files.add_volume(root)
        work.server.files.make_directory(f"{root}\\sql")

    return happens


def deny(work: Work) -> None:
    work.server.files.denied.add(work.directory)


def allow(work: Work) -> None:
    work.server.files.denied.discard(work.directory)


READER = {"VIEW ANY DEFINITION", "VIEW SERVER STATE", "CREATE ANY DATABASE"}


def weak(work: Work) -> None:
    """Let the login be one that may look at everything and back up nothing."""
    account(roles=set(), grants=READER, databases={work.database: set(), "msdb": {"db_datareader"}})(work)


def owner(work: Work) -> None:
    """Let the login own the database's role, which is not enough to restore."""
    granted = READER - {"CREATE ANY DATABASE"}
    account(roles=set(), grants=granted, databases={work.database: {"db_owner"}, "msdb": {"db_datareader"}})(work)


def stranger(work: Work) -> None:
    """Let the login be one that the database does not know."""
    account(roles=set(), grants=READER, databases={"msdb": {"db_datareader"}})(work)


def strong(work: Work) -> None:
    account(roles={"sysadmin"}, grants=set(), databases={})(work)


def drop(work: Work) -> None:
    work.server.drop_database(work.database)


def bring_back(work: Work) -> None:
    work.on_server = work.server.add_database(work.database, rows=ROWS)


TOO_FULL = os_error(112)
