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
    """Give a message that the stand-in itself never says."""
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


def _with_free(root: str, free_bytes: int) -> Happening:
    def happens(work: Work) -> None:
        volume = work.server.files.volume_of(root)
        assert volume is not None
        volume.free_bytes = free_bytes

    return happens


def _into(directory: str) -> Happening:
    """Let the profile want a directory that is not there."""

    def happens(work: Work) -> None:
        work.directory = directory
        work.edit(directory=directory)

    return happens


def _share(root: str) -> Happening:
    """Let there be a share, with a directory for backups."""

    def happens(work: Work) -> None:
        work.server.files.add_volume(root)
        work.server.files.make_directory(f"{root}\\sql")

    return happens


def _deny(work: Work) -> None:
    work.server.files.denied.add(work.directory)


def _allow(work: Work) -> None:
    work.server.files.denied.discard(work.directory)


READER = {"VIEW ANY DEFINITION", "VIEW SERVER STATE", "CREATE ANY DATABASE"}


def _weak(work: Work) -> None:
    """Let the login be one that may look at everything and back up nothing."""
    account(roles=set(), grants=READER, databases={work.database: set(), "msdb": {"db_datareader"}})(work)


def _owner(work: Work) -> None:
    """Let the login own the database's role, which is not enough to restore."""
    granted = READER - {"CREATE ANY DATABASE"}
    account(roles=set(), grants=granted, databases={work.database: {"db_owner"}, "msdb": {"db_datareader"}})(work)


def _stranger(work: Work) -> None:
    """Let the login be one that the database does not know."""
    account(roles=set(), grants=READER, databases={"msdb": {"db_datareader"}})(work)


def _strong(work: Work) -> None:
    account(roles={"sysadmin"}, grants=set(), databases={})(work)


def _drop(work: Work) -> None:
    work.server.drop_database(work.database)


def _bring_back(work: Work) -> None:
    work.on_server = work.server.add_database(work.database, rows=ROWS)


TOO_FULL = os_error(112)

BACKUPS: dict[str, Case] = {
    "3201 no such directory": Case(
        number=3201,
        happens=_into("D:\\Nowhere"),
        error=r"the directory of D:\\Nowhere\\.* does not exist on the database server",
        hint="Create it on the database server, or choose another directory",
        mended=lambda work: work.server.files.make_directory("D:\\Nowhere"),
    ),
    "3201 access denied": Case(
        number=3201,
        happens=_deny,
        error=r"the SQL Server service account NT Service\\MSSQLSERVER may not read or write {directory}",
        hint="Give that account the right",
        mended=_allow,
    ),
    "3201 in use": Case(
        number=3201,
        happens=backup_fails(3201, FILE, os_error(32)),
        error=r"D:\\Backup\\x.bak is in use by another program",
        hint="virus scanner",
    ),
    "3201 host not found": Case(
        number=3201,
        happens=_into("\\\\nas\\share\\sql"),
        error=r"does not reach the share of \\\\nas\\share",
        hint="over the network",
        mended=_share("\\\\nas\\share"),
    ),
    "3201 share not found": Case(
        number=3201,
        happens=lambda work: (_share("\\\\box\\one")(work), _into("\\\\box\\two\\sql")(work)),
        error=r"there is no share of the name in \\\\box\\two",
        hint="on the machine that offers it",
        mended=_share("\\\\box\\two"),
    ),
    "3201 password of the share": Case(
        number=3201,
        happens=backup_fails(3201, FILE, os_error(1326)),
        error=r"does not accept the SQL Server service account NT Service\\MSSQLSERVER",
        hint="access to the share",
    ),
    "3202 disk full": Case(
        number=3202,
        happens=_with_free("D:\\", 1000),
        error="the disk of {directory}.* is full",
        hint="Free space there",
        mended=_with_free("D:\\", 200 << 30),
    ),
    "3202 disk full in the middle": Case(
        number=3202,
        happens=backup_fails(3202, FILE, TOO_FULL, after=50),
        error=r"the disk of D:\\Backup\\x.bak is full",
        hint="Free space there",
    ),
    "3202 device failed": Case(
        number=3202,
        happens=backup_fails(3202, FILE, os_error(1117), after=50),
        error=r"the device of D:\\Backup\\x.bak failed while it was used",
        hint="Check the disk and its controller",
    ),
    "3202 share went away": Case(
        number=3202,
        happens=backup_fails(3202, FILE, os_error(64), after=50),
        error=r"the share of D:\\Backup\\x.bak went away",
        hint="Check the network",
    ),
    "3271 disk full": Case(
        number=3271,
        happens=backup_fails(3271, FILE, TOO_FULL, after=20),
        error=r"the disk of D:\\Backup\\x.bak is full",
        hint="Free space there",
    ),
    "3634 operating system": Case(
        number=3634,
        happens=backup_fails(3634, os_error(5), "CreateFileW", FILE),
        error="may not read or write {directory}",
        hint="Give that account the right",
    ),
    "3023 busy": Case(
        number=3023,
        happens=database(busy="BACKUP DATABASE"),
        error="another backup, or a change to the files, of {database} is going on",
        hint="move this profile to another time",
        mended=database(busy=""),
    ),
    "3043 page checksum": Case(
        number=3043,
        happens=database(damaged_page=77),
        error="a page of {database} is damaged",
        hint="CHECKDB",
        mended=database(damaged_page=None),
    ),
    "262 may not back up": Case(
        number=262,
        happens=_weak,
        error="the login pwsops may not do this in {database}",
        hint="db_backupoperator",
        mended=_strong,
    ),
    "may not read what it backs up": Case(
        number=None,
        happens=_owner,
        error="The login pwsops may not read backup files on srv, so no backup could be verified",
        hint=r"GRANT CREATE ANY DATABASE TO \[pwsops\]",
        mended=_strong,
    ),
    "229 may not look": Case(
        number=229,
        happens=lambda work: work.server.faults.on(
            "SELECT",
            containing="sys.databases",
            times=None,
            raise_=[said(229, "SELECT", "databases", "mssqlsystemresource", "sys")],
        ),
        error="the login pwsops may not use an object",
        hint="instance probe",
    ),
    "911 dropped in between": Case(
        number=911,
        happens=fails(BACKUP, said(911, "x"), said(3013, BACKUP)),
        error="the database {database} does not exist on srv",
        hint="Check the name",
    ),
    "a database that is gone": Case(
        number=None,
        happens=_drop,
        error="The database {database} does not exist on srv",
        hint="create it empty first",
        mended=_bring_back,
    ),
    "916 no user of it": Case(
        number=916,
        happens=_stranger,
        error="the login pwsops (is not a user of|may not do this in) {database}",
        hint="db_backupoperator",
        mended=_strong,
    ),
    "922 being recovered": Case(
        number=922,
        happens=fails(BACKUP, unlisted(922, 14, "Database 'x' is being recovered."), said(3013, BACKUP)),
        error="{database} is still being recovered",
        hint="Wait until it is online",
    ),
    "924 single user": Case(
        number=924,
        happens=fails(BACKUP, said(924, "x")),
        error="{database} is in single-user mode and somebody else is in it",
        hint="MULTI_USER",
    ),
    "926 suspect": Case(
        number=926,
        happens=fails(BACKUP, unlisted(926, 14, "Database 'x' cannot be opened. It has been marked SUSPECT.")),
        error="{database} is marked as suspect",
        hint="error log",
    ),
    "927 in a restore": Case(
        number=None,
        happens=database(state="RESTORING"),
        error="{database} cannot be backed up on srv: a restore was begun and not ended",
        hint="Finish its restore",
        mended=database(state="ONLINE"),
    ),
    "942 offline": Case(
        number=None,
        happens=database(state="OFFLINE"),
        error="{database} cannot be backed up on srv: it is offline",
        hint="SET ONLINE",
        mended=database(state="ONLINE"),
    ),
    "942 goes offline in the middle": Case(
        number=942,
        happens=backup_fails(942, "x", after=30),
        error="{database} is offline",
        hint="Bring it online",
    ),
    "945 files missing": Case(
        number=945,
        happens=fails(BACKUP, unlisted(945, 16, "Database 'x' cannot be opened due to inaccessible files.")),
        error="{database} cannot be opened: files are missing",
        hint="error log",
    ),
    "1105 file full": Case(
        number=1105,
        happens=fails(BACKUP, unlisted(1105, 17, "Could not allocate space for object 'x' in database 'y'.")),
        error="a file of {database} is full",
        hint="Free space",
    ),
    "1205 deadlock, again and again": Case(
        number=1205,
        happens=fails(BACKUP, said(1205, 55, "lock")),
        error="to resolve a deadlock",
        hint="tried again by itself",
    ),
    "3021 in a transaction": Case(
        number=3021,
        happens=backup_fails(3021),
        error="cannot run inside a transaction",
        hint="Report this",
    ),
    "3059 secondary": Case(
        number=3059,
        happens=backup_fails(3059),
        error="{database} is a secondary copy",
        hint="primary",
    ),
    "3095 encrypted media": Case(
        number=3095,
        happens=backup_fails(3095, "ENCRYPTION"),
        error="cannot be added to {directory}",
        hint="new file each time",
    ),
    "4030 not expired": Case(
        number=4030,
        happens=backup_fails(4030, FILE, "Jan  1 2030 12:00:00:000AM"),
        error="may not be overwritten yet: it has an expiry date",
        hint="Wait until then",
    ),
    "701 no memory": Case(
        number=701,
        happens=fails(BACKUP, unlisted(701, 17, "There is insufficient system memory in resource pool 'default'.")),
        error="no memory left",
        hint="less goes on there",
    ),
    "3013 with nothing else": Case(
        number=3013,
        happens=fails(BACKUP, said(3013, BACKUP)),
        error="the driver passed on no cause",
        hint="error log",
    ),
    "a number that nobody knows": Case(
        number=50123,
        happens=fails(BACKUP, unlisted(50123, 16, "The moon is in the wrong house.")),
        error=r"The moon is in the wrong house. \(error 50123\)",
        hint="error log",
    ),
    "3189 cannot be verified": Case(
        number=3189,
        happens=lambda work: work.server.faults.on(
            VERIFY, raise_=[said(3189), said(3013, "VERIFY DATABASE")], times=None
        ),
        error="a set in {directory}.* is damaged",
        hint="Verify the others of this directory",
    ),
    "3203 cannot be read back": Case(
        number=3203,
        happens=lambda work: work.server.faults.on(
            VERIFY,
            raise_=[said(3203, FILE, os_error(1117)), said(3013, "VERIFY DATABASE")],
            after_messages=3,
            times=None,
        ),
        error=r"the device of D:\\Backup\\x.bak failed while it was used",
        hint="Check the disk",
    ),
    "3241 unreadable right after": Case(
        number=3241,
        happens=lambda work: work.server.faults.on(
            "RESTORE HEADERONLY", raise_=[said(3241, FILE), said(3013, "RESTORE HEADERONLY")], times=None
        ),
        error="{directory}.* is no backup, or was not finished",
        hint="Verify the others of this directory",
    ),
    "18456 wrong password": Case(
        number=18456,
        happens=account(password="changed"),
        error="the server does not accept the login pwsops",
        hint="instance edit",
        mended=account(password="Only!4Tests"),
    ),
    "18470 disabled": Case(
        number=18470,
        happens=account(disabled=True),
        error="the login pwsops is disabled",
        hint="ENABLE",
        mended=account(disabled=False),
    ),
    "18486 locked": Case(
        number=18486,
        happens=account(locked=True),
        error="the login pwsops is locked",
        hint="UNLOCK",
        mended=account(locked=False),
    ),
    "18487 expired": Case(
        number=18487,
        happens=account(expired=True),
        error="the password of the login pwsops has expired",
        hint="Set a new one",
        mended=account(expired=False),
    ),
    "18488 must be changed": Case(
        number=18488,
        happens=account(must_change=True),
        error="has to be changed before first use",
        hint="Change it",
        mended=account(must_change=False),
    ),
}
"""By their names; each is brought about before a run."""


def _damage(work: Work) -> None:
    work.server.files.damage(work.path)


def _damage_header(work: Work) -> None:
    work.server.files.damage_header(work.path)


def _whole_again(work: Work) -> None:
    media = work.server.files.media(work.path)
    media.damaged.clear()
    media.header_damaged = False
    media.truncated = False


def _move_away(work: Work) -> None:
    work.moved = work.server.files.get(work.path)
    work.server.files.remove(work.path)


def _move_back(work: Work) -> None:
    assert work.moved is not None
    work.server.files.put(work.path, work.moved.size_bytes, work.moved.content)


def _verifying(*messages: Said) -> Happening:
    told = [*messages, said(3013, "VERIFY DATABASE")]
    return lambda work: work.server.faults.on(VERIFY, raise_=told, times=None)


RESTORES: dict[str, Case] = {
    "3101 in use": Case(
        number=3101,
        happens=restore_fails(said(3101)),
        error="somebody is working in {database}",
        hint="Ask them to disconnect",
    ),
    "3102 in use by ourselves": Case(
        number=3102,
        happens=restore_fails(said(3102, "RESTORE", "x")),
        error="our own connection is in {database}",
        hint="Try again",
    ),
    "may not read backups": Case(
        number=None,
        happens=_owner,
        error="The login pwsops may not read backup files on srv",
        hint=r"GRANT CREATE ANY DATABASE TO \[pwsops\]",
        mended=_strong,
    ),
    "3110 may not restore": Case(
        number=3110,
        happens=restore_fails(said(3110, "x")),
        error="the login pwsops may not restore {database}",
        hint="dbcreator",
    ),
    "3117 not in a restore": Case(
        number=3117, happens=restore_fails(said(3117)), error="the incremental does not fit", hint="Restore the full"
    ),
    "3136 other base": Case(
        number=3136,
        happens=restore_fails(said(3136)),
        error="{database} was restored from another full backup",
        hint="Restore the full",
    ),
    "3141 other name": Case(
        number=3141,
        happens=restore_fails(said(3141, "one", "two"), said(3119)),
        error="the backup is of another database",
        hint="Choose a backup of {database}",
    ),
    "3154 other database": Case(
        number=3154,
        happens=restore_fails(said(3154, "x")),
        error="the backup is of another database than {database}",
        hint="Confirm that {database}",
    ),
    "3142 file exists": Case(
        number=3142,
        happens=restore_fails(said(3142, "a", "b"), said(3119)),
        error="a file of the backup exists already",
        hint="Free the name",
    ),
    "3156 cannot be put there": Case(
        number=5133,
        happens=restore_fails(said(5133, "E:\\x.mdf", os_error(3)), said(3156, "x", "E:\\x.mdf"), said(3119)),
        error="does not exist",
        hint="data and log directories|Create it on the database server",
    ),
    "1834 file of another database": Case(
        number=1834,
        happens=restore_fails(said(1834, "a", "other"), said(3156, "x", "a"), said(3119)),
        error="belongs to another database",
        hint="Free the name of the file|free the name of the file",
    ),
    "3159 tail of the log": Case(
        number=3159,
        happens=restore_fails(said(3159, "x")),
        error="the end of {database}'s log has not been backed up",
        hint="Back up its log first",
    ),
    "3169 newer version": Case(
        number=3169,
        happens=restore_fails(said(3169, "17.00.1000", "16.00.4100")),
        error="a newer version of SQL Server than srv is",
        hint="Restore it on a server of that version",
    ),
    "3187 no checksums": Case(
        number=3187,
        happens=_verifying(said(3187)),
        error="was taken without checksums",
        hint="Restore it without that check",
    ),
    "3189 damaged": Case(number=3189, happens=_damage, error="damaged", hint="Use another backup", mended=_whole_again),
    "3241 no backup": Case(
        number=3241,
        happens=_damage_header,
        error="is no backup, or was not finished",
        hint="Use another backup",
        mended=_whole_again,
    ),
    "3242 another program's": Case(
        number=3242, happens=_verifying(said(3242, FILE)), error="is no backup of SQL Server", hint="Use another backup"
    ),
    "3256 not finished": Case(
        number=3256, happens=_verifying(said(3256, FILE)), error="was not finished", hint="Use another backup"
    ),
    "3203 cannot be read": Case(
        number=3203,
        happens=_verifying(said(3203, FILE, os_error(38))),
        error=r"reading D:\\Backup\\x.bak failed: Reached the end of the file",
        hint="copy it again",
    ),
    "3201 gone": Case(
        number=3201,
        happens=_move_away,
        error="{directory}.* does not exist for the database server",
        hint="check it there",
        mended=_move_back,
    ),
    "3257 no space": Case(
        number=3257,
        happens=lambda work: (database(content=type(work.on_server.content)())(work), _with_free("C:\\", 0)(work)),
        error="has no space for what the backup holds",
        hint="Free space there",
        mended=_with_free("C:\\", 200 << 30),
    ),
    "3183 page in the middle": Case(
        number=3183,
        happens=restore_fails(said(3183, 1, 77, "x"), after=50),
        error="has a damaged page",
        hint="waits for a restore and lets nobody in",
        untouched=False,
    ),
    "3202 disk full in the middle": Case(
        number=3202,
        happens=restore_fails(said(3202, "C:\\x.mdf", TOO_FULL), after=50),
        error="is full",
        hint="waits for a restore and lets nobody in",
        untouched=False,
    ),
    "33111 certificate": Case(
        number=33111,
        happens=_verifying(said(33111, "0xAB")),
        error="does not have the certificate that the backup, or the database in it, is encrypted for (thumbprint AB)",
        hint="pwsops certificate import-server srv",
    ),
    "4319 interrupted before": Case(
        number=4319,
        happens=restore_fails(said(4319, FILE)),
        error="an earlier restore of {database} was interrupted",
        hint="from its full backup",
    ),
    "3279 password": Case(
        number=3279, happens=_verifying(said(3279)), error="protected by a password", hint="Use a backup without one"
    ),
    "5064 single user": Case(
        number=5064,
        happens=fails("ALTER DATABASE", said(5064, "x"), said(5069), containing="SINGLE_USER", times=3),
        error="{database} is in single-user mode and somebody else is in it",
        hint="MULTI_USER",
    ),
    "1205 deadlock": Case(
        number=1205,
        happens=fails(RESTORE, said(1205, 55, "lock")),
        error="to resolve a deadlock",
        hint="tried again",
    ),
    "18456 wrong password": Case(
        number=18456,
        happens=account(password="changed"),
        error="the server does not accept the login pwsops",
        hint="instance edit",
        mended=account(password="Only!4Tests"),
    ),
}
"""By their names; each is brought about when a backup is there and the database has changed since."""
