"""Catalogue views of the whole server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

from tests.standin.events import Value
from tests.standin.server.accounts import sid_of
from tests.standin.server.database import Database, DataFile
from tests.standin.server.messages import TEXTS
from tests.standin.server.views import Record, view

if TYPE_CHECKING:
    from tests.standin.server.context import Context

STATES = {
    "ONLINE": 0,
    "RESTORING": 1,
    "RECOVERING": 2,
    "RECOVERY_PENDING": 3,
    "SUSPECT": 4,
    "EMERGENCY": 5,
    "OFFLINE": 6,
}
MODELS = {"FULL": 1, "BULK_LOGGED": 2, "SIMPLE": 3}
ACCESS = {"MULTI_USER": 0, "SINGLE_USER": 1, "RESTRICTED_USER": 2}
GROUP = uuid5(NAMESPACE_OID, "availability group")
REPLICA = uuid5(NAMESPACE_OID, "availability replica")
FIRST_MESSAGE_OF_USERS = 50000


def in_utc(instant: datetime) -> datetime:
    """Return an instant as a date without a zone, in UTC."""
    return instant.astimezone(UTC).replace(tzinfo=None)


@view(
    "sys.databases",
    """name sysname, database_id int, source_database_id int, owner_sid varbinary(85), create_date datetime,
    compatibility_level tinyint, collation_name sysname, user_access tinyint, user_access_desc nvarchar(60),
    is_read_only bit, is_auto_close_on bit, state tinyint, state_desc nvarchar(60), is_in_standby bit,
    is_cleanly_shutdown bit, recovery_model tinyint, recovery_model_desc nvarchar(60), page_verify_option tinyint,
    page_verify_option_desc nvarchar(60), is_encrypted bit, is_master_key_encrypted_by_server bit,
    log_reuse_wait tinyint, log_reuse_wait_desc nvarchar(60),
    is_distributor bit, replica_id uniqueidentifier, group_database_id uniqueidentifier, is_query_store_on bit,
    containment tinyint, containment_desc nvarchar(60), is_accelerated_database_recovery_on bit,
    is_trustworthy_on bit, is_broker_enabled bit, is_db_chaining_on bit, is_cdc_enabled bit, is_published bit,
    is_merge_published bit, is_subscribed bit, physical_database_name sysname""",
)
def _databases(context: Context, _: Database) -> Iterator[Record]:
    server = context.server
    for one in server.databases.values():
        if not context.account.sees(one.name, one.owner):
            continue
        source = server.databases.get(one.snapshot_of) if one.snapshot_of else None
        waits = one.recovery_model != "SIMPLE" and one.log_used_bytes > 0
        online = one.state == "ONLINE"
        yield {
            "name": one.name, "database_id": one.database_id,
            "source_database_id": source.database_id if source else None,
            "owner_sid": sid_of(one.owner), "create_date": server.clock.local(one.created_at),
            "compatibility_level": one.compatibility_level, "collation_name": one.collation if online else None,
            "user_access": ACCESS[one.user_access], "user_access_desc": one.user_access,
            "is_read_only": one.read_only, "is_auto_close_on": False, "state": STATES[one.state],
            "state_desc": one.state, "is_in_standby": one.standby, "is_cleanly_shutdown": False,
            "recovery_model": MODELS[one.recovery_model], "recovery_model_desc": one.recovery_model,
            "page_verify_option": 2, "page_verify_option_desc": "CHECKSUM",
            "is_master_key_encrypted_by_server": one.name == "master" and server.opens_master_key,
            "is_encrypted": one.tde_thumbprint is not None, "log_reuse_wait": 2 if waits else 0,
            "log_reuse_wait_desc": "LOG_BACKUP" if waits else "NOTHING", "is_distributor": False,
            "replica_id": REPLICA if one.replica_role else None,
            "group_database_id": uuid5(GROUP, one.name) if one.replica_role else None, "is_query_store_on": False,
            "containment": 0, "containment_desc": "NONE", "is_accelerated_database_recovery_on": False,
            "physical_database_name": one.name, **{name: name in one.switched_on for name in SWITCHES},
        }  # fmt: skip


SWITCHES = (
    "is_trustworthy_on", "is_broker_enabled", "is_db_chaining_on", "is_cdc_enabled", "is_published",
    "is_merge_published", "is_subscribed",
)  # fmt: skip
FILE_COLUMNS = """file_id int, file_guid uniqueidentifier, type tinyint, type_desc nvarchar(60), data_space_id int,
    name sysname, physical_name nvarchar(260), state tinyint, state_desc nvarchar(60), size int, max_size int,
    growth int, is_media_read_only bit, is_read_only bit, is_sparse bit, is_percent_growth bit,
    is_name_reserved bit, create_lsn numeric, differential_base_lsn numeric,
    differential_base_guid uniqueidentifier, differential_base_time datetime"""


def file_record(context: Context, database: Database, file: DataFile) -> dict[str, Value]:
    """Return the row of a database's file; only data files have a differential base."""
    base = database.base if file.kind == "ROWS" else None
    return {
        "database_id": database.database_id, "file_id": file.file_id,
        "file_guid": uuid5(database.family, str(file.file_id)), "type": int(file.kind == "LOG"),
        "type_desc": file.kind, "data_space_id": int(file.kind == "ROWS"), "name": file.name,
        "physical_name": file.path, "state": STATES[database.state], "state_desc": database.state,
        "size": database.pages_of(file), "max_size": -1, "growth": 8192, "is_media_read_only": False,
        "is_read_only": database.read_only, "is_sparse": database.snapshot_of is not None, "is_percent_growth": False,
        "is_name_reserved": False, "differential_base_lsn": base.first_lsn if base else None,
        "differential_base_guid": base.guid if base else None,
        "differential_base_time": context.server.clock.local(base.at) if base else None,
    }  # fmt: skip


@view("sys.master_files", f"database_id int, {FILE_COLUMNS}")
def _master_files(context: Context, _: Database) -> Iterator[Record]:
    rights = ("CREATE ANY DATABASE", "ALTER ANY DATABASE", "VIEW ANY DEFINITION")
    if any(context.account.may(right) for right in rights):
        for database in context.server.databases.values():
            for file in database.files:
                yield file_record(context, database, file)


@view(
    "sys.certificates",
    """name sysname, certificate_id int, principal_id int, pvt_key_encryption_type nvarchar(2),
    pvt_key_encryption_type_desc nvarchar(60), is_active_for_begin_dialog bit, issuer_name nvarchar(442),
    cert_serial_number nvarchar(64), subject nvarchar(4000), expiry_date datetime, start_date datetime,
    thumbprint varbinary(32), attested_by nvarchar(260), pvt_key_last_backup_date datetime""",
)
def _certificates(context: Context, database: Database) -> Iterator[Record]:
    if database.name != "master":
        return
    local = context.server.clock.local
    for one in context.server.certificates.values():
        if not context.sees(one.name):
            continue
        letters, words = one.protection
        yield {
            "name": one.name, "certificate_id": one.certificate_id, "principal_id": 1,
            "pvt_key_encryption_type": letters, "pvt_key_encryption_type_desc": words,
            "is_active_for_begin_dialog": True, "issuer_name": one.subject,
            "cert_serial_number": one.thumbprint.hex(" "), "subject": one.subject,
            # Unlike other dates these are in UTC.
            "expiry_date": in_utc(one.expires_at), "start_date": in_utc(one.starts_at), "thumbprint": one.thumbprint,
            "pvt_key_last_backup_date": local(one.key_backed_up_at) if one.key_backed_up_at else None,
        }  # fmt: skip


@view(
    "sys.symmetric_keys",
    "name sysname, principal_id int, symmetric_key_id int, key_length int, algorithm_desc nvarchar(60), "
    "create_date datetime",
)
def _symmetric_keys(context: Context, database: Database) -> Iterator[Record]:
    if database.name == "master" and context.server.has_master_key:
        yield {
            "name": "##MS_DatabaseMasterKey##", "principal_id": 1, "symmetric_key_id": 101, "key_length": 256,
            "algorithm_desc": "AES_256", "create_date": context.server.clock.local(context.server.started_at),
        }  # fmt: skip


@view(
    "sys.messages",
    "message_id int, language_id smallint, severity tinyint, is_event_logged bit, text nvarchar(2048)",
)
def _messages(context: Context, _: Database) -> Iterator[Record]:
    for number, (severity, text) in TEXTS.items():
        pattern = re.sub(r"\{[^}]*\}", "%ls", text)
        shown = 10 if severity == 0 else severity
        yield {"message_id": number, "language_id": 1033, "severity": shown, "is_event_logged": False, "text": pattern}


@view(
    "sys.server_principals",
    "name sysname, principal_id int, sid varbinary(85), type nvarchar(1), type_desc nvarchar(60), is_disabled bit",
)
def _principals(context: Context, _: Database) -> Iterator[Record]:
    for number, one in enumerate(context.server.accounts.values(), start=1):
        if one is context.account or one.name == "sa" or context.account.may("VIEW ANY DEFINITION"):
            yield {
                "name": one.name, "principal_id": number, "sid": sid_of(one.name), "type": "S",
                "type_desc": "SQL_LOGIN", "is_disabled": one.disabled,
            }  # fmt: skip


@view(
    "sys.configurations",
    "configuration_id int, name nvarchar(35), value int, value_in_use int, description nvarchar(255)",
)
def _configurations(context: Context, _: Database) -> Iterator[Record]:
    server = context.server
    settings = {
        1579: ("backup compression default", int(server.compress_by_default)),
        1584: ("backup checksum default", int(server.checksum_by_default)),
        16390: ("xp_cmdshell", 0),
    }
    for number, (name, value) in settings.items():
        yield {
            "configuration_id": number, "name": name, "value": value, "value_in_use": value, "description": name,
        }  # fmt: skip


@view(
    "sys.availability_groups", "group_id uniqueidentifier, name sysname, automated_backup_preference_desc nvarchar(60)"
)
def _groups(context: Context, _: Database) -> Iterator[Record]:
    if any(one.replica_role for one in context.server.databases.values()):
        preference = "SECONDARY" if context.server.prefers_secondary else "PRIMARY"
        yield {"group_id": GROUP, "name": "ag1", "automated_backup_preference_desc": preference}


@view(
    "sys.availability_replicas",
    "replica_id uniqueidentifier, group_id uniqueidentifier, replica_server_name nvarchar(256), backup_priority int",
)
def _replicas(context: Context, _: Database) -> Iterator[Record]:
    if any(one.replica_role for one in context.server.databases.values()):
        yield {
            "replica_id": REPLICA, "group_id": GROUP, "replica_server_name": context.server.name, "backup_priority": 50,
        }  # fmt: skip
