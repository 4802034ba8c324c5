"""The statements, as text. BACKUP and RESTORE take no parameters where it matters, so everything is quoted here.

One function quotes identifiers and one quotes literals; nothing else in this package puts a value into T-SQL. That two
clauses do not go together is not seen by any parser, so the conflicts that matter are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pwsops.errors import InvalidInput

IDENTIFIER_LIMIT = 128
DEVICES_LIMIT = 64
TRANSFER_UNIT_BYTES = 64 * 1024
TRANSFER_LIMIT_BYTES = 4 * 1024 * 1024
NAME_LIMIT = 128
DESCRIPTION_LIMIT = 255
USER_ACCESS = ("MULTI_USER", "RESTRICTED_USER", "SINGLE_USER")
"""Who may come into a database that is online, in the server's words."""

_CONTINUED = re.compile(r"\\(?=[\r\n])")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def identifier(name: str) -> str:
    """Quote the name of a database, a certificate or another object.

    Raises
    ------
    InvalidInput
        Where SQL Server has no such name: empty, over 128 UTF-16 units, or with a character it cannot hold.
    """
    _require_text(name)
    if not name or _units(name) > IDENTIFIER_LIMIT:
        raise InvalidInput(
            f"{name!r} cannot be a name on SQL Server: it has to have 1 to {IDENTIFIER_LIMIT} characters.",
            hint="Choose one of the names that the instance lists.",
        )
    return "[" + name.replace("]", "]]") + "]"


def literal(text: str) -> str:
    """Quote a path, a description or another text.

    Raises
    ------
    InvalidInput
        Where no literal can hold it. A backslash before a line break continues the literal on the next line, and
        both vanish from it.
    """
    _require_text(text)
    if _CONTINUED.search(text):
        raise InvalidInput(
            f"{text!r} cannot be written in T-SQL: a backslash stands right before a line break.",
            hint="Choose a name or a path without line breaks.",
        )
    return "N'" + text.replace("'", "''") + "'"


def _require_text(text: str) -> None:
    if "\0" in text or _LONE_SURROGATE.search(text):
        raise InvalidInput(
            f"{text!r} has a character that SQL Server cannot hold (NUL, or half of a surrogate pair).",
            hint="Choose another name.",
        )


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore")


def description_of(text: str) -> str:
    """Return as much of a description as a set keeps."""
    return _cut(text, DESCRIPTION_LIMIT)


def backup(
    database: str,
    devices: Sequence[str],
    *,
    description: str,
    differential: bool = False,
    copy_only: bool = False,
    label: str = "",
    of_damaged: bool = False,
    fresh: bool = False,
    compress: bool = True,
    encrypt_with: str | None = None,
    max_transfer_size: int | None = None,
    buffer_count: int | None = None,
) -> str:
    """Build a BACKUP DATABASE.

    Parameters
    ----------
    database
        Its name.
    devices
        Paths on the server; several are stripes.
    description
        Kept as the set's description, and as its name as far as that holds it.
    differential, copy_only
        Not both: a differential is never a base, so there is nothing to keep it from being.
    label
        Kept as the description of files that are started anew: it tells whose they are where no set was finished.
    of_damaged
        Go on where a page is damaged; the set says so of itself.
    fresh
        Start the files anew, whatever is in them (FORMAT). Otherwise a file that exists is appended to.
    compress
        False says so, for a server that compresses by default.
    encrypt_with
        The name of a server certificate.
    max_transfer_size, buffer_count
        In bytes, and a number; None leaves the choice to the server.
    """
    if differential and copy_only:
        raise InvalidInput(
            f"A backup of {database} cannot be differential and copy-only.", hint="Choose a full copy-only backup."
        )
    options = [
        *(["DIFFERENTIAL"] if differential else []),
        *(["COPY_ONLY"] if copy_only else []),
        "FORMAT" if fresh else "NOINIT",
        "CHECKSUM",
        *(["CONTINUE_AFTER_ERROR"] if of_damaged else []),
        "COMPRESSION" if compress else "NO_COMPRESSION",
        *([_encryption(encrypt_with)] if encrypt_with is not None else []),
        f"NAME = {literal(_cut(description, NAME_LIMIT))}",
        f"DESCRIPTION = {literal(description_of(description))}",
        *([f"MEDIADESCRIPTION = {literal(label)}"] if label else []),
        *_transfer(max_transfer_size, buffer_count),
        "STATS = 1",
    ]
    return f"{backup_of(database)} {_disks(devices)} WITH {', '.join(options)}"


def backup_of(database: str) -> str:
    """Return what every backup of a database begins with, to find one that is going on."""
    return f"BACKUP DATABASE {identifier(database)} TO"


def _encryption(certificate: str) -> str:
    return f"ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = {identifier(certificate)})"


def _transfer(max_transfer_size: int | None, buffer_count: int | None) -> list[str]:
    options = []
    if max_transfer_size is not None:
        if max_transfer_size % TRANSFER_UNIT_BYTES or not 0 < max_transfer_size <= TRANSFER_LIMIT_BYTES:
            raise InvalidInput(
                f"A transfer size of {max_transfer_size} bytes is not possible.",
                hint="Give a multiple of 65536 bytes (64 KB), up to 4194304 (4 MB).",
            )
        options.append(f"MAXTRANSFERSIZE = {max_transfer_size:d}")
    if buffer_count is not None:
        if buffer_count < 1:
            raise InvalidInput(f"{buffer_count} buffers are not possible.", hint="Give 1 or more, or leave it out.")
        options.append(f"BUFFERCOUNT = {buffer_count:d}")
    return options


def _disks(devices: Sequence[str]) -> str:
    if not 1 <= len(devices) <= DEVICES_LIMIT:
        raise InvalidInput(
            f"A backup on {len(devices)} files is not possible.", hint=f"Use 1 to {DEVICES_LIMIT} stripes."
        )
    return ", ".join(f"DISK = {literal(device)}" for device in devices)


def verify(devices: Sequence[str], *, position: int, checksum: bool = True) -> str:
    """Build a RESTORE VERIFYONLY of one set. Without `checksum` a set that has none can be read as well."""
    options = [f"FILE = {position:d}", "CHECKSUM" if checksum else "NO_CHECKSUM", "STATS = 1"]
    return f"RESTORE VERIFYONLY FROM {_disks(devices)} WITH {', '.join(options)}"


def header(device: str) -> str:
    """Build the statement that lists the sets of a file."""
    return f"RESTORE HEADERONLY FROM {_disks([device])}"


def label(device: str) -> str:
    """Build the statement that says to which media a file belongs, and of how many stripes that is."""
    return f"RESTORE LABELONLY FROM {_disks([device])}"


def file_list(devices: Sequence[str], *, position: int) -> str:
    """Build the statement that lists the database files of one set."""
    return f"RESTORE FILELISTONLY FROM {_disks(devices)} WITH FILE = {position:d}"


def restore(
    database: str,
    devices: Sequence[str],
    *,
    position: int,
    recover: bool,
    replace: bool = False,
    moves: Mapping[str, str] | None = None,
    checksum: bool = True,
    restricted: bool = False,
    stop_at: datetime | None = None,
) -> str:
    """Build a RESTORE DATABASE of one set.

    Parameters
    ----------
    database
        The database that is written.
    devices, position
        Where the set is.
    recover
        True for the last set; False leaves the database waiting for the next.
    replace
        Override the server's safety checks; for the first set, on the database that was confirmed.
    moves
        Where each file goes: paths by logical name.
    checksum
        False for sets that were taken without checksums.
    restricted
        Let administrators in only, once it is recovered.
    stop_at
        Naive, in the server's local time.
    """
    options = [
        f"FILE = {position:d}",
        *(f"MOVE {literal(name)} TO {literal(path)}" for name, path in (moves or {}).items()),
        *(["REPLACE"] if replace else []),
        "RECOVERY" if recover else "NORECOVERY",
        "CHECKSUM" if checksum else "NO_CHECKSUM",
        *(["RESTRICTED_USER"] if restricted and recover else []),
        *([f"STOPAT = {literal(stop_at.isoformat(timespec='milliseconds'))}"] if stop_at is not None else []),
        "STATS = 1",
    ]
    return f"RESTORE DATABASE {identifier(database)} FROM {_disks(devices)} WITH {', '.join(options)}"


def offline(database: str) -> str:
    """Build the statement that ends everybody's session in a database and lets nobody in; it is done at once."""
    return f"ALTER DATABASE {identifier(database)} SET OFFLINE WITH ROLLBACK IMMEDIATE"


def online(database: str) -> str:
    """Build the statement that undoes `offline`; who may come in is as it was before."""
    return f"ALTER DATABASE {identifier(database)} SET ONLINE"


def user_access(database: str, mode: str) -> str:
    """Build the statement that sets who may come in; whoever may not any more is ended at once."""
    if mode not in USER_ACCESS:
        raise InvalidInput(
            f"{mode!r} does not say who may come into a database.", hint=f"Use one of {', '.join(USER_ACCESS)}."
        )
    return f"ALTER DATABASE {identifier(database)} SET {mode} WITH ROLLBACK IMMEDIATE"


def drop_database(name: str) -> str:
    """Build the statement that removes a database and its files."""
    return f"DROP DATABASE {identifier(name)}"


def check(name: str) -> str:
    """Build the statement that checks a whole database, and says at its end how many errors it found."""
    return f"DBCC CHECKDB ({identifier(name)}) WITH ALL_ERRORMSGS"


def kill(session_id: int) -> str:
    """Build the statement that ends a session and rolls back what it does."""
    return f"KILL {session_id:d}"


def delete_file(path: str, *, modern: bool) -> str:
    """Build the call that deletes one backup file.

    Never with a directory and a date, as maintenance plans do it: that takes along what other tools put there.

    Parameters
    ----------
    path
        The one file.
    modern
        SQL Server 2019 and later: `xp_delete_files`. Before, `xp_delete_file`, which looks into the file first and
        leaves what it cannot read (encrypted or damaged sets).

    Raises
    ------
    InvalidInput
        For a path with a wildcard: the procedure would delete whatever matches.
    """
    if set(path) & set("*?"):
        raise InvalidInput(
            f"{path} cannot be deleted by the server: it takes * and ? for wildcards.",
            hint="Delete the file on the server itself.",
        )
    if modern:
        return f"EXEC master.sys.xp_delete_files {literal(path)}"
    return f"EXEC master.dbo.xp_delete_file 0, {literal(path)}"
