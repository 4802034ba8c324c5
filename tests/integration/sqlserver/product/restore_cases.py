"""What can go wrong with a restore on a server."""

from __future__ import annotations

from tests.integration.sqlserver.product.home import Work
from tests.integration.sqlserver.product.mishaps import (
    FILE,
    RESTORE,
    TOO_FULL,
    VERIFY,
    Case,
    Happening,
    account,
    database,
    fails,
    owner,
    restore_fails,
    strong,
    with_free,
)
from tests.standin.events import Said
from tests.standin.server.messages import os_error, said


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
        happens=owner,
        error="The login pwsops may not read backup files on srv",
        hint=r"GRANT CREATE ANY DATABASE TO \[pwsops\]",
        mended=strong,
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
        number=None,
        happens=lambda work: (database(content=type(work.on_server.content)())(work), with_free("C:\\", 0)(work)),
        error="the disk .* has no space for what the backup holds",
        hint="Free space there",
        mended=with_free("C:\\", 200 << 30),
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
        error=r"does not have the certificate .* \(thumbprint AB\)",
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
        happens=fails("ALTER DATABASE", said(5064, "x"), said(5069), containing="OFFLINE"),
        error="{database} is in single-user mode and somebody else is in it",
        hint="MULTI_USER",
    ),
    "1205 deadlock": Case(
        number=1205,
        happens=fails(RESTORE, said(1205, 55, "lock")),
        error="to resolve a deadlock",
        hint="It was tried 11 times",
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
