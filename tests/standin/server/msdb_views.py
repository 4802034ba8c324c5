"""The tables of msdb that remember backups and restores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid5

from tests.standin.server.database import Database
from tests.standin.server.history import BackupRecord
from tests.standin.server.views import Record, view

if TYPE_CHECKING:
    from tests.standin.server.context import Context

DISK_DEVICE = 2
VIRTUAL_DEVICE = 7


@view(
    "msdb.dbo.backupset",
    """backup_set_id int, backup_set_uuid uniqueidentifier, media_set_id int, first_family_number tinyint,
    first_media_number smallint, last_family_number tinyint, last_media_number smallint, position int,
    expiration_date datetime, software_vendor_id int, name nvarchar(128), description nvarchar(255),
    user_name nvarchar(128), software_major_version tinyint, software_minor_version tinyint,
    software_build_version smallint, time_zone smallint, first_lsn numeric, last_lsn numeric, checkpoint_lsn numeric,
    database_backup_lsn numeric, database_creation_date datetime, backup_start_date datetime,
    backup_finish_date datetime, type nvarchar(1), compatibility_level tinyint, database_version int,
    backup_size numeric, database_name nvarchar(128), server_name nvarchar(128), machine_name nvarchar(128),
    flags int, collation_name nvarchar(128), family_guid uniqueidentifier, has_bulk_logged_data bit, is_snapshot bit,
    is_readonly bit, is_single_user bit, has_backup_checksums bit, is_damaged bit, begins_log_chain bit,
    has_incomplete_metadata bit, is_force_offline bit, is_copy_only bit, first_recovery_fork_guid uniqueidentifier,
    last_recovery_fork_guid uniqueidentifier, fork_point_lsn numeric, database_guid uniqueidentifier,
    differential_base_lsn numeric, differential_base_guid uniqueidentifier, compressed_backup_size numeric,
    recovery_model nvarchar(60), key_algorithm nvarchar(32), encryptor_thumbprint varbinary(20),
    encryptor_type nvarchar(32)""",
)
def _backup_sets(context: Context, _: Database) -> Iterator[Record]:
    for record in context.server.history.backups:
        yield {**_what(context, record), **_lsns(record), **_flags(record)}


def _what(context: Context, record: BackupRecord) -> Record:
    one = record.stored
    local = context.server.clock.local
    major, minor, build = (int(part) for part in one.version.split(".")[:3])
    return {
        "backup_set_id": record.backup_set_id, "backup_set_uuid": one.guid,
        "media_set_id": record.media_set.media_set_id, "first_family_number": 1, "first_media_number": 1,
        "last_family_number": len(record.media_set.paths), "last_media_number": 1, "position": one.position,
        "expiration_date": local(one.expires_at) if one.expires_at else None, "software_vendor_id": 4608,
        "name": one.name, "description": one.description, "user_name": one.user, "software_major_version": major,
        "software_minor_version": minor, "software_build_version": build, "time_zone": one.quarters,
        "database_creation_date": local(one.database_created_at), "backup_start_date": local(one.started_at),
        "backup_finish_date": local(one.finished_at), "type": one.kind,
        "compatibility_level": one.compatibility_level, "database_version": 957, "backup_size": one.size_bytes,
        "database_name": one.database, "server_name": one.server_name, "machine_name": one.machine_name,
        "collation_name": one.collation, "compressed_backup_size": one.compressed_bytes,
        "recovery_model": one.recovery_model, "key_algorithm": one.algorithm, "encryptor_thumbprint": one.thumbprint,
        "encryptor_type": "CERTIFICATE" if one.thumbprint else None,
    }  # fmt: skip


def _lsns(record: BackupRecord) -> Record:
    one = record.stored
    base = one.base if one.kind == "I" else None
    return {
        "first_lsn": one.first_lsn, "last_lsn": one.last_lsn, "checkpoint_lsn": one.checkpoint_lsn,
        "database_backup_lsn": one.database_backup_lsn, "family_guid": one.family,
        "database_guid": uuid5(one.family, one.fork.hex),
        "first_recovery_fork_guid": one.fork, "last_recovery_fork_guid": one.fork,
        "differential_base_lsn": base.first_lsn if base else None,
        "differential_base_guid": base.guid if base else None,
    }  # fmt: skip


def _flags(record: BackupRecord) -> Record:
    one = record.stored
    return {
        "flags": 528 if one.checksums else 512, "has_bulk_logged_data": False, "is_snapshot": one.is_snapshot,
        "is_readonly": False, "is_single_user": False, "has_backup_checksums": one.checksums,
        "is_damaged": one.holds_damage, "begins_log_chain": False, "has_incomplete_metadata": False,
        "is_force_offline": False, "is_copy_only": one.copy_only,
    }  # fmt: skip


@view(
    "msdb.dbo.backupmediaset",
    "media_set_id int, media_uuid uniqueidentifier, media_family_count tinyint, name nvarchar(128), "
    "description nvarchar(255), software_name nvarchar(128), mirror_count tinyint, is_password_protected bit, "
    "is_compressed bit, is_encrypted bit",
)
def _media_sets(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.history.media_sets:
        yield {
            "media_set_id": one.media_set_id, "media_uuid": one.families[0].set_guid,
            "media_family_count": len(one.paths),
            "name": one.families[0].name, "software_name": "Microsoft SQL Server", "mirror_count": 1,
            "is_password_protected": False, "is_compressed": False,
            "is_encrypted": one.families[0].encrypted,
        }  # fmt: skip


@view(
    "msdb.dbo.backupmediafamily",
    "media_set_id int, family_sequence_number tinyint, media_family_id uniqueidentifier, media_count int, "
    "logical_device_name nvarchar(128), physical_device_name nvarchar(260), device_type tinyint, mirror tinyint",
)
def _families(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.history.media_sets:
        for number, path in enumerate(one.paths, start=1):
            yield {
                "media_set_id": one.media_set_id, "family_sequence_number": number,
                "media_family_id": one.families[number - 1].family_guid, "media_count": 1,
                "physical_device_name": path, "device_type": VIRTUAL_DEVICE if path.startswith("{") else DISK_DEVICE,
                "mirror": 0,
            }  # fmt: skip


@view(
    "msdb.dbo.backupfile",
    "backup_set_id int, logical_name nvarchar(128), physical_name nvarchar(260), file_type nvarchar(1), "
    "file_number numeric, file_size numeric, backup_size numeric, state_desc nvarchar(64)",
)
def _backup_files(context: Context, _: Database) -> Iterator[Record]:
    for record in context.server.history.backups:
        for one in record.stored.files:
            yield {
                "backup_set_id": record.backup_set_id, "logical_name": one.file.name, "physical_name": one.file.path,
                "file_type": "L" if one.file.kind == "LOG" else "D", "file_number": one.file.file_id,
                "file_size": one.size_bytes, "backup_size": one.backed_up_bytes, "state_desc": "ONLINE",
            }  # fmt: skip


@view(
    "msdb.dbo.restorehistory",
    "restore_history_id int, restore_date datetime, destination_database_name nvarchar(128), user_name nvarchar(128), "
    "backup_set_id int, restore_type nvarchar(1), replace bit, recovery bit, restart bit, stop_at datetime",
)
def _restores(context: Context, _: Database) -> Iterator[Record]:
    local = context.server.clock.local
    for one in context.server.history.restores:
        yield {
            "restore_history_id": one.restore_history_id, "restore_date": local(one.restored_at),
            "destination_database_name": one.database, "user_name": one.user, "backup_set_id": one.backup_set_id,
            "restore_type": one.kind, "replace": one.replace, "recovery": one.recovery, "restart": False,
            "stop_at": local(one.stop_at) if one.stop_at else None,
        }  # fmt: skip


@view("msdb.dbo.suspect_pages", "database_id int, file_id int, page_id bigint, event_type int, error_count int")
def _suspect_pages(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.databases.values():
        if one.suspect_page is not None:
            yield {
                "database_id": one.database_id, "file_id": 1, "page_id": one.suspect_page, "event_type": 2,
                "error_count": 1,
            }  # fmt: skip
