"""Media files: which sets are in them. What HEADERONLY says and what msdb says become the same record.

The `details` of a set, each left out where the server does not say it:

``name``, ``taken_by``, ``machine``, ``server``
    What the set is called, who took it, and where.
``first_lsn``, ``last_lsn``, ``checkpoint_lsn``, ``database_backup_lsn``
    As text.
``database_guid``, ``family_guid``, ``recovery_fork_guid``
    Which incarnation of the database is in it; each is another one after a restore, or in a database made anew, but
    for the family, which a restore brings along.
``is_snapshot``
    No file holds it.
``is_damaged``
    True: the server knew of damage in the database when it took the set. It protects nothing.
``has_checksums``
    False: nobody can prove the set without restoring it.
``device_type``
    2 is a file; 7 a virtual device of another tool, 9 a URL, 5 a tape; 100 more where it has a name on the server.
``recovery_model``, ``key_algorithm``, ``stripes``
    The last where there are several files.
``zone_from``
    What the set's times are told by: ``history`` (msdb, exact), ``header`` (the file, plausible), ``server`` (its
    present offset, so an hour off where the clocks were changed since).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any

from pwsops.engines.sqlserver import paths, queries, rights, running, tsql, zones
from pwsops.engines.sqlserver.causes import WRAPPERS
from pwsops.engines.sqlserver.errors import Doing
from pwsops.engines.sqlserver.link import Guard, Link, NotAsked
from pwsops.engines.sqlserver.running import Limits
from pwsops.engines.sqlserver.server import Server
from pwsops.errors import MediaError, PwsopsError
from pwsops.rules.model import BackupKind, BackupSet

DISK_KINDS = {1: BackupKind.FULL, 5: BackupKind.DIFFERENTIAL}
HISTORY_KINDS = {"D": BackupKind.FULL, "I": BackupKind.DIFFERENTIAL}
LONG_S = 600
"""Reading the header of a file with many sets on a slow share takes its time."""


def read(link: Link, path: str, limits: Limits | None = None) -> list[BackupSet]:
    """List the fulls and differentials of one file, by position, other tools' included; stops where `limits` say so.

    Raises
    ------
    MediaError
        Where the file is missing, or no backup, or unfinished.
    """
    return from_headers(link, path, headers(link, path, limits))


def headers(link: Link, path: str, limits: Limits | None = None, *, timeout_s: int | None = None) -> list[Any]:
    """Return the row of each set in a file: those of logs, of single files and of broken-off backups as well.

    `timeout_s`: None is `LONG_S`.

    Raises
    ------
    MediaError
        Where the file is missing, or no backup, or unfinished.
    """
    context = link.context("Reading the backup file", path=path, doing=Doing.READING)
    guard: Guard = nullcontext if limits is None else partial(running.stopping, limits=limits)
    try:
        return link.query(context, tsql.header(path), timeout_s=timeout_s or LONG_S, guard=guard)
    except PwsopsError as error:
        if limits is not None:
            limits.require_going(f"Reading {path}")
        # FreeTDS shows the severest error, and a missing right is not that severe.
        if error.number == rights.DENIED or error.number in WRAPPERS:
            rights.require_reading(link, messages=error.messages)
        raise


def from_headers(link: Link, path: str, rows: Sequence[Any]) -> list[BackupSet]:
    """Return the fulls and differentials among the rows of a file."""
    # A set that was broken off has a row as well, without a beginning or an end.
    found = [row for row in rows if row.BackupType in DISK_KINDS and row.BackupFinishDate is not None]
    devices = _devices(link, path, found)
    zone_of = zones.of_sets(link, found)
    return [_from_header(row, devices, link.server(), zone_of) for row in found]


def _devices(link: Link, path: str, rows: Sequence[Any]) -> list[str]:
    """Return all files of the media that a file belongs to: ours by their names, other tools' by the history."""
    siblings = paths.siblings(path)
    if len(siblings) > 1 or not rows:
        return siblings
    context = link.context("Reading the backup file", path=path, doing=Doing.READING)
    if link.query(context, tsql.label(path), timeout_s=LONG_S)[0].FamilyCount == 1:
        return siblings
    known = of_history(link.attempt(context, queries.SET, str(rows[0].BackupSetGUID)))
    return [row.physical_device_name for row in known] or siblings


def of_history(answer: list[Any] | NotAsked) -> list[Any]:
    """Return what the history has; nothing for a login that may not read it. Raise why it could not be asked now."""
    if not isinstance(answer, NotAsked):
        return answer
    if answer.is_denied:
        return []
    raise answer.error


def read_one(link: Link, backup_set: BackupSet, limits: Limits | None = None) -> BackupSet:
    """Read the one set again and make sure that it is still the same; raises `MediaError` otherwise."""
    for found in read(link, backup_set.path, limits):
        if found.position == backup_set.position and found.set_id == backup_set.set_id:
            return found
    raise MediaError(
        f"{backup_set.path} does not hold the backup of {backup_set.database} that was recorded: another one stands at "
        f"position {backup_set.position}.",
        hint="The file was overwritten. Choose another backup.",
        path=backup_set.path,
    )


def devices_of(backup_set: BackupSet) -> list[str]:
    """Return all files that a set is spread over."""
    stripes: Sequence[str] = backup_set.details.get("stripes", ())
    return list(stripes) or [backup_set.path]


def file_list(link: Link, backup_set: BackupSet) -> list[Any]:
    """Return the rows of RESTORE FILELISTONLY: the database's files that are in a set."""
    context = link.context(
        "Reading the backup file", database=backup_set.database, path=backup_set.path, doing=Doing.READING
    )
    statement = tsql.file_list(devices_of(backup_set), position=backup_set.position)
    return link.query(context, statement, timeout_s=LONG_S)


def with_database_certificate(link: Link, backup_set: BackupSet) -> BackupSet:
    """Add which certificate the database in a set is encrypted for; that stands beside its files, not in the header."""
    found = next((row.TDEThumbprint for row in file_list(link, backup_set)), None)
    return replace(backup_set, database_thumbprint=_hex(found))


def _from_header(row: Any, devices: Sequence[str], server: Server, zone_of: Mapping[str, zones.Zone]) -> BackupSet:
    set_id = str(row.BackupSetGUID).upper()
    zone = zone_of[set_id]
    kind = DISK_KINDS[row.BackupType]
    return BackupSet(
        set_id=set_id,
        database=row.DatabaseName,
        kind=kind,
        path=devices[0],
        position=row.Position,
        started_at=server.instant(row.BackupStartDate, zone.quarter_hours),
        finished_at=server.instant(row.BackupFinishDate, zone.quarter_hours),
        size_bytes=int(row.CompressedBackupSize or row.BackupSize),
        database_size_bytes=int(row.BackupSize),
        base_id=_guid(row.DifferentialBaseGUID) if kind is BackupKind.DIFFERENTIAL else None,
        description=row.BackupDescription or "",
        copy_only=bool(row.IsCopyOnly),
        thumbprint=_hex(row.EncryptorThumbprint),
        details=_details(
            devices,
            name=row.BackupName,
            taken_by=row.UserName,
            machine=row.MachineName,
            server=row.ServerName,
            first_lsn=_lsn(row.FirstLSN),
            last_lsn=_lsn(row.LastLSN),
            checkpoint_lsn=_lsn(row.CheckpointLSN),
            database_backup_lsn=_lsn(row.DatabaseBackupLSN),
            recovery_fork_guid=_guid(row.RecoveryForkID),
            recovery_model=row.RecoveryModel,
            is_snapshot=bool(row.IsSnapshot),
            is_damaged=bool(row.IsDamaged),
            has_checksums=bool(row.HasBackupChecksums),
            key_algorithm=row.KeyAlgorithm,
            device_type=row.DeviceType,
            database_guid=_guid(row.BindingID),
            family_guid=_guid(row.FamilyGUID),
            zone_from=zone.source,
        ),
    )


def from_history(rows: Iterable[Any], server: Server) -> Iterator[BackupSet]:
    """Make sets from msdb's rows: one a stripe, the stripes of a set one after the other."""
    for _, group in groupby(rows, key=lambda row: row.backup_set_id):
        stripes = list(group)
        yield _from_history(stripes[0], [row.physical_device_name for row in stripes], server)


def _from_history(row: Any, devices: Sequence[str], server: Server) -> BackupSet:
    kind = HISTORY_KINDS[row.type]
    return BackupSet(
        set_id=row.backup_set_uuid.upper(),
        database=row.database_name,
        kind=kind,
        path=devices[0] or "",
        position=row.position,
        started_at=server.instant(row.backup_start_date, row.time_zone),
        finished_at=server.instant(row.backup_finish_date, row.time_zone),
        size_bytes=int(row.compressed_backup_size or row.backup_size or 0),
        database_size_bytes=int(row.backup_size or 0),
        base_id=_guid(row.differential_base_guid) if kind is BackupKind.DIFFERENTIAL else None,
        description=row.description or "",
        copy_only=bool(row.is_copy_only),
        thumbprint=_hex(row.encryptor_thumbprint),
        details=_details(
            devices,
            name=row.name,
            taken_by=row.user_name,
            machine=row.machine_name,
            server=row.server_name,
            first_lsn=_lsn(row.first_lsn),
            last_lsn=_lsn(row.last_lsn),
            checkpoint_lsn=_lsn(row.checkpoint_lsn),
            database_backup_lsn=_lsn(row.database_backup_lsn),
            recovery_fork_guid=_guid(row.recovery_fork_guid),
            recovery_model=row.recovery_model,
            is_snapshot=bool(row.is_snapshot),
            is_damaged=bool(row.is_damaged),
            has_checksums=bool(row.has_backup_checksums),
            key_algorithm=row.key_algorithm,
            device_type=row.device_type,
            database_guid=_guid(row.database_guid),
            family_guid=_guid(row.family_guid),
            zone_from=zones.HISTORY if zones.is_known(row.time_zone) else zones.SERVER,
        ),
    )


def _details(devices: Sequence[str], **facts: object) -> dict[str, object]:
    known = {key: value for key, value in facts.items() if value is not None}
    return known | ({"stripes": list(devices)} if len(devices) > 1 else {})


def _guid(value: object) -> str | None:
    return None if value is None else str(value).upper()


def _lsn(value: Decimal | str | None) -> str | None:
    return None if value is None else str(int(value))


def _hex(value: bytes | None) -> str | None:
    return value.hex().upper() if value else None
