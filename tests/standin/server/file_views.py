"""Functions that look at the disks of the server."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.standin.events import Value
from tests.standin.server.database import Database
from tests.standin.server.messages import os_error, refuse
from tests.standin.server.views import Record, table_function, view

if TYPE_CHECKING:
    from tests.standin.server.context import Context


@table_function("sys.dm_os_file_exists", "file_exists bit, file_is_a_directory bit, parent_directory_exists bit")
def _file_exists(context: Context, path: Value) -> Iterator[Record]:
    yield existence(context, str(path))


def existence(context: Context, path: str) -> dict[str, Value]:
    """Say what is at a path, as the service account sees it: what it may not read is not there."""
    files = context.server.files
    hidden = files.is_denied(files.parent(path)) or files.is_denied(path)
    return {
        "file_exists": path in files and not hidden,
        "file_is_a_directory": files.is_directory(path) and not hidden,
        "parent_directory_exists": files.is_directory(files.parent(path)) and not hidden,
    }


@table_function(
    "sys.dm_os_enumerate_filesystem",
    """full_filesystem_path nvarchar(512), parent_directory nvarchar(512), file_or_directory_name nvarchar(512),
    level int, is_directory bit, is_read_only bit, is_system bit, is_hidden bit, has_integrity_stream bit,
    is_temporary bit, is_sparse bit, creation_time datetime2, last_access_time datetime2, last_write_time datetime2,
    size_in_bytes bigint""",
)
def _enumerate(context: Context, path: Value, pattern: Value) -> Iterator[Record]:
    yield from _below(context, str(path), str(pattern), 0)


def _below(context: Context, directory: str, pattern: str, level: int) -> Iterator[Record]:
    files = context.server.files
    if not files.is_directory(directory):
        raise refuse(3634, os_error(3), "FindFirstFile", files.paths.join(directory, pattern))
    if files.is_denied(directory):
        raise refuse(3634, os_error(5), "FindFirstFile", files.paths.join(directory, pattern))
    for name, is_directory, file in list(files.listing(directory)):
        full = files.paths.join(directory, name)
        if fnmatch.fnmatch(name.lower(), pattern.lower()):
            at = context.server.clock.local(file.modified_at) if file else None
            yield {
                "full_filesystem_path": full, "parent_directory": directory, "file_or_directory_name": name,
                "level": level, "is_directory": is_directory, "is_read_only": False, "is_system": False,
                "is_hidden": False, "has_integrity_stream": False, "is_temporary": False, "is_sparse": False,
                "creation_time": at, "last_access_time": at, "last_write_time": at,
                "size_in_bytes": file.size_bytes if file else 0,
            }  # fmt: skip
        if is_directory and not files.is_denied(full):
            yield from _below(context, full, pattern, level + 1)


@table_function(
    "sys.dm_os_volume_stats",
    """database_id int, file_id int, volume_mount_point nvarchar(512), volume_id nvarchar(512),
    logical_volume_name nvarchar(512), file_system_type nvarchar(512), total_bytes bigint, available_bytes bigint""",
    server_state=True,
)
def _volume_stats(context: Context, database_id: Value, file_id: Value) -> Iterator[Record]:
    for database in context.server.databases.values():
        for file in database.files:
            volume = context.server.files.volume_of(file.path)
            if (database.database_id, file.file_id) == (database_id, file_id) and volume is not None:
                yield {
                    "database_id": database_id, "file_id": file_id, "volume_mount_point": volume.root,
                    "volume_id": volume.root, "logical_volume_name": "", "file_system_type": "NTFS",
                    "total_bytes": volume.total_bytes, "available_bytes": volume.free_bytes,
                }  # fmt: skip


@view(
    "sys.dm_os_enumerate_fixed_drives",
    "fixed_drive_path nvarchar(256), drive_type int, drive_type_desc nvarchar(256), free_space_in_bytes bigint",
)
def _fixed_drives(context: Context, _: Database) -> Iterator[Record]:
    for volume in context.server.files.volumes:
        if not volume.root.startswith("\\\\"):
            yield {
                "fixed_drive_path": volume.root, "drive_type": 3, "drive_type_desc": "DRIVE_FIXED",
                "free_space_in_bytes": volume.free_bytes,
            }  # fmt: skip
