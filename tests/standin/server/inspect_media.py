"""RESTORE VERIFYONLY, HEADERONLY, FILELISTONLY and LABELONLY."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from uuid import uuid5

from tests.standin.events import Columns, Done, Event, Row, Value
from tests.standin.server.context import Context
from tests.standin.server.media import Media, SetFile, StoredSet
from tests.standin.server.media_access import check_certificates, find_set, open_families
from tests.standin.server.messages import ServerError, os_error, refuse, said
from tests.standin.server.progress import last_percentage, percentages, running
from tests.standin.server.statements import Inspect
from tests.standin.server.values import columns

# How the server names these statements when they fail.
FAILING = {"VERIFYONLY": "VERIFY DATABASE", "FILELISTONLY": "RESTORE FILELIST"}
KINDS = {"D": (1, "Database"), "L": (2, "Transaction Log"), "I": (5, "Database Differential")}
# The requests view shows sixteen characters of it.
VERIFY_COMMAND = "RESTORE VERIFYON"
SOFTWARE_VENDOR = 4608
DISK = 2
INCOMPLETE = "*** INCOMPLETE ***"

HEADER = columns(
    """BackupName nvarchar(128), BackupDescription nvarchar(255), BackupType smallint, ExpirationDate datetime,
    Compressed tinyint, Position smallint, DeviceType tinyint, UserName nvarchar(128), ServerName nvarchar(128),
    DatabaseName nvarchar(128), DatabaseVersion int, DatabaseCreationDate datetime, BackupSize numeric,
    FirstLSN numeric, LastLSN numeric, CheckpointLSN numeric, DatabaseBackupLSN numeric, BackupStartDate datetime,
    BackupFinishDate datetime, SortOrder smallint, CodePage smallint, UnicodeLocaleId int, UnicodeComparisonStyle int,
    CompatibilityLevel tinyint, SoftwareVendorId int, SoftwareVersionMajor int, SoftwareVersionMinor int,
    SoftwareVersionBuild int, MachineName nvarchar(128), Flags int, BindingID uniqueidentifier,
    RecoveryForkID uniqueidentifier, Collation nvarchar(128), FamilyGUID uniqueidentifier, HasBulkLoggedData bit,
    IsSnapshot bit, IsReadOnly bit, IsSingleUser bit, HasBackupChecksums bit, IsDamaged bit, BeginsLogChain bit,
    HasIncompleteMetaData bit, IsForceOffline bit, IsCopyOnly bit, FirstRecoveryForkID uniqueidentifier,
    ForkPointLSN numeric, RecoveryModel nvarchar(60), DifferentialBaseLSN numeric,
    DifferentialBaseGUID uniqueidentifier, BackupTypeDescription nvarchar(60), BackupSetGUID uniqueidentifier,
    CompressedBackupSize bigint, containment tinyint, KeyAlgorithm nvarchar(32), EncryptorThumbprint varbinary(20),
    EncryptorType nvarchar(32)"""
)
SINCE_2022 = columns("LastValidRestoreTime datetime, TimeZone smallint, CompressionAlgorithm nvarchar(32)")
ZONE, ZONE_OF_ENCRYPTED = 0, 48
"""What a 16.0.4236 three hours behind UTC was seen to put into TimeZone, whatever the zone was."""
FILE_LIST = columns(
    """LogicalName nvarchar(128), PhysicalName nvarchar(260), Type nvarchar(1), FileGroupName nvarchar(128),
    Size numeric, MaxSize numeric, FileId bigint, CreateLSN numeric, DropLSN numeric, UniqueId uniqueidentifier,
    ReadOnlyLSN numeric, ReadWriteLSN numeric, BackupSizeInBytes bigint, SourceBlockSize int, FileGroupId int,
    LogGroupGUID uniqueidentifier, DifferentialBaseLSN numeric, DifferentialBaseGUID uniqueidentifier, IsReadOnly bit,
    IsPresent bit, TDEThumbprint varbinary(32), SnapshotUrl nvarchar(360)"""
)
LABEL = columns(
    """MediaName nvarchar(128), MediaSetId uniqueidentifier, FamilyCount int, FamilySequenceNumber int,
    MediaFamilyId uniqueidentifier, MediaSequenceNumber int, MediaLabelPresent tinyint, MediaDescription nvarchar(255),
    SoftwareName nvarchar(128), SoftwareVendorId int, MediaDate datetime, MirrorCount int, IsCompressed bit"""
)
MAX_BYTES = 35184372080640


def perform(context: Context, statement: Inspect) -> Generator[Event]:
    """Answer; on failure 3013 comes after the cause."""
    try:
        if context.session.transactions:
            raise refuse(3021)
        account = context.account
        if not (account.may("CREATE ANY DATABASE") or account.may_in("CREATE DATABASE", "master", "sa")):
            raise refuse(262, "CREATE DATABASE", "master")
        yield from _ANSWERS[statement.what](context, statement)
    except ServerError as error:
        title = FAILING.get(statement.what, statement.title)
        raise ServerError(*error.said, said(3013, title)) from None


def _paths(context: Context, statement: Inspect) -> list[str]:
    return [context.server.default_path(context.text(device)) for device in statement.devices]


def _verify(context: Context, statement: Inspect) -> Generator[Event]:
    paths = _paths(context, statement)
    position = statement.file or 1
    families = open_families(context, paths)
    stored = find_set(paths[0], families[0], position)
    check_certificates(context, stored)
    if statement.checksum and not stored.checksums:
        raise refuse(3187)
    with running(context, VERIFY_COMMAND, 1) as request:
        yield from percentages(context, request, statement.stats, 2)
        check_readable(paths, families, stored)
        yield from last_percentage(context, statement.stats)
        yield said(3262, position)
    yield Done()


def check_readable(paths: Sequence[str], families: Sequence[Media], stored: StoredSet) -> None:
    """Raise what reading a set from end to end brings out: a file cut short, or a checksum that fails."""
    for path, media in zip(paths, families, strict=True):
        if media.truncated and stored.position == len(media.sets):
            raise refuse(3203, path, os_error(38))
        if stored.position in media.damaged and stored.checksums:
            raise refuse(3189)


def _header(context: Context, statement: Inspect) -> Generator[Event]:
    path = _paths(context, statement)[0]
    media = open_families(context, [path], all_of_them=False)[0]
    if media.sets == [None]:
        raise refuse(3256, path)
    if statement.file is not None and not 1 <= statement.file <= len(media.sets):
        raise refuse(4038, statement.file, path)
    new = context.server.major >= 16
    yield Columns(columns=[*HEADER, *(SINCE_2022 if new else ())])
    count = 0
    for position, stored in enumerate(media.sets, start=1):
        if statement.file in (None, position):
            count += 1
            values = _incomplete(position) if stored is None else header(context, stored, position)
            yield Row(values=(*values, *(_since_2022(stored) if new else ())))
    yield Done(rows=count)


def _since_2022(stored: StoredSet | None) -> tuple[Value, ...]:
    if stored is None:
        return (None, None, None)
    return (None, ZONE_OF_ENCRYPTED if stored.thumbprint else ZONE, "MS_XPRESS" if stored.compressed else None)


def _incomplete(position: int) -> tuple[Value, ...]:
    """Return the row of a set that was never finished."""
    known: dict[str, Value] = {"BackupName": INCOMPLETE, "Position": position, "DeviceType": DISK}
    return tuple(known.get(column.name) for column in HEADER)


def header(context: Context, stored: StoredSet, position: int) -> tuple[Value, ...]:
    """Return the row of a set."""
    local = context.server.clock.local
    kind, description = KINDS[stored.kind]
    base = stored.base if stored.kind == "I" else None
    major, minor, build = (int(part) for part in stored.version.split(".")[:3])
    full = stored.kind == "D"
    return (
        stored.name, stored.description, kind, local(stored.expires_at) if stored.expires_at else None,
        int(stored.compressed), position, DISK, stored.user, stored.server_name,
        stored.database, database_version(major), local(stored.database_created_at), stored.size_bytes,
        stored.first_lsn, stored.last_lsn, stored.checkpoint_lsn, stored.database_backup_lsn,
        local(stored.started_at), local(stored.finished_at), 52, 0, 1033, 196609,
        stored.compatibility_level, SOFTWARE_VENDOR, major, minor, build, stored.machine_name,
        512 if not stored.checksums else 528, uuid5(stored.family, stored.fork.hex), stored.fork, stored.collation,
        stored.family, False, stored.is_snapshot, False, False, stored.checksums, stored.holds_damage, False, False,
        False, stored.copy_only, stored.fork, None, stored.recovery_model, base.first_lsn if base else None,
        base.guid if base else None, description, stored.guid, stored.compressed_bytes, 0,
        stored.algorithm, stored.thumbprint, "CERTIFICATE" if stored.thumbprint else None,
    ) if full or base or stored.kind == "L" else ()  # fmt: skip


def database_version(major: int) -> int:
    """Return the internal version of databases that a server of this major version writes."""
    return {13: 852, 14: 869, 15: 904, 16: 957, 17: 998}.get(major, 700)


def _file_list(context: Context, statement: Inspect) -> Generator[Event]:
    path = _paths(context, statement)[0]
    media = open_families(context, [path], all_of_them=False)[0]
    stored = find_set(path, media, statement.file or 1)
    check_certificates(context, stored)
    yield Columns(columns=FILE_LIST)
    for one in stored.files:
        yield Row(values=_file(stored, one))
    yield Done(rows=len(stored.files))


def _file(stored: StoredSet, one: SetFile) -> tuple[Value, ...]:
    file = one.file
    base = stored.base if stored.kind == "I" else None
    is_log = file.kind == "LOG"
    return (
        file.name, file.path, "L" if is_log else "D", None if is_log else "PRIMARY", one.size_bytes, MAX_BYTES,
        file.file_id, 0, 0, uuid5(stored.family, str(file.file_id)), 0, 0, one.backed_up_bytes, 512,
        0 if is_log else 1, None, base.first_lsn if base and not is_log else 0, base.guid if base else None, False,
        True, stored.tde_thumbprint, None,
    )  # fmt: skip


def _label(context: Context, statement: Inspect) -> Generator[Event]:
    path = _paths(context, statement)[0]
    media = open_families(context, [path], all_of_them=False)[0]
    created = context.server.clock.local(media.created_at) if media.created_at else None
    compressed = any(stored is not None and stored.compressed for stored in media.sets)
    yield Columns(columns=LABEL)
    yield Row(
        values=(
            media.name, media.set_guid, media.families, media.number, media.family_guid, 1, 0, media.description,
            "Microsoft SQL Server", SOFTWARE_VENDOR, created, 1, compressed,
        )
    )  # fmt: skip
    yield Done(rows=1)


_ANSWERS = {"VERIFYONLY": _verify, "HEADERONLY": _header, "FILELISTONLY": _file_list, "LABELONLY": _label}
