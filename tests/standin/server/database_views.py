"""Views inside a database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid5

from tests.standin.server.accounts import sid_of
from tests.standin.server.content import PAGE_BYTES
from tests.standin.server.database import LOG_PAGES, Database
from tests.standin.server.server_views import FILE_COLUMNS, file_record
from tests.standin.server.views import Record, view

if TYPE_CHECKING:
    from tests.standin.server.context import Context

FIRST_OBJECT = 245575913


def _tables(database: Database) -> Iterator[tuple[int, str, int]]:
    """Return each table with its number and how many rows it has."""
    for place, (name, rows) in enumerate(sorted(database.content.tables.items())):
        yield FIRST_OBJECT + place * 16, name, len(rows)


@view(
    "sys.tables",
    """name sysname, object_id int, principal_id int, schema_id int, type nvarchar(2), type_desc nvarchar(60),
    create_date datetime, modify_date datetime, is_ms_shipped bit""",
)
def _user_tables(context: Context, database: Database) -> Iterator[Record]:
    created = context.server.clock.local(database.created_at)
    for number, name, _ in _tables(database):
        yield {
            "name": name, "object_id": number, "schema_id": 1, "type": "U", "type_desc": "USER_TABLE",
            "create_date": created, "modify_date": created, "is_ms_shipped": False,
        }  # fmt: skip


@view(
    "sys.database_principals",
    "name sysname, principal_id int, type nvarchar(1), type_desc nvarchar(60), sid varbinary(85), "
    "authentication_type_desc nvarchar(60)",
)
def _users(context: Context, database: Database) -> Iterator[Record]:
    named = ((number, name, login) for number, (name, login) in enumerate(database.users.items(), start=5))
    for number, name, login in ((1, "dbo", database.owner), *named):
        yield {
            "name": name, "principal_id": number, "type": "S", "type_desc": "SQL_USER", "sid": sid_of(login),
            "authentication_type_desc": "INSTANCE",
        }  # fmt: skip


@view("sys.schemas", "name sysname, schema_id int, principal_id int")
def _schemas(context: Context, database: Database) -> Iterator[Record]:
    for number, name in ((1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")):
        yield {"name": name, "schema_id": number, "principal_id": number}


@view(
    "sys.partitions",
    "partition_id bigint, object_id int, index_id int, partition_number int, hobt_id bigint, rows bigint",
)
def _partitions(context: Context, database: Database) -> Iterator[Record]:
    for number, _, rows in _tables(database):
        for index in (1, 2):
            yield {
                "partition_id": number * 10 + index, "object_id": number, "index_id": index, "partition_number": 1,
                "hobt_id": number * 10 + index, "rows": rows,
            }  # fmt: skip


@view("sys.database_files", FILE_COLUMNS)
def _files(context: Context, database: Database) -> Iterator[Record]:
    for file in database.files:
        yield file_record(context, database, file)


@view(
    "sys.dm_db_log_space_usage",
    "database_id smallint, total_log_size_in_bytes bigint, used_log_space_in_bytes bigint, "
    "used_log_space_in_percent real, log_space_in_bytes_since_last_backup bigint",
    server_state=True,
)
def _log_space(context: Context, database: Database) -> Iterator[Record]:
    total = LOG_PAGES * PAGE_BYTES + database.log_used_bytes
    yield {
        "database_id": database.database_id, "total_log_size_in_bytes": total,
        "used_log_space_in_bytes": database.log_used_bytes,
        "used_log_space_in_percent": 100 * database.log_used_bytes / total,
        "log_space_in_bytes_since_last_backup": database.log_used_bytes,
    }  # fmt: skip


@view(
    "sys.database_recovery_status",
    "database_id int, database_guid uniqueidentifier, family_guid uniqueidentifier, last_log_backup_lsn numeric, "
    "recovery_fork_guid uniqueidentifier, first_recovery_fork_guid uniqueidentifier, fork_point_lsn numeric",
)
def _recovery(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.databases.values():
        yield {
            "database_id": one.database_id, "database_guid": uuid5(one.family, one.fork.hex),
            "family_guid": one.family, "last_log_backup_lsn": one.log_backed_up_to, "recovery_fork_guid": one.fork,
        }  # fmt: skip
