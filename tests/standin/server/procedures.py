"""Extended procedures that look at the disks and the registry of the server, and delete files."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime

from tests.standin.events import Columns, Done, Event, Row, Value
from tests.standin.server.context import Context
from tests.standin.server.file_views import existence
from tests.standin.server.files import OsError
from tests.standin.server.media import Media
from tests.standin.server.messages import os_error, refuse
from tests.standin.server.rows_statements import evaluator
from tests.standin.server.statements import Execute
from tests.standin.server.values import columns, parse_datetime

MB = 1 << 20
EXISTS = columns("File_Exists int, File_is_a_Directory int, Parent_Directory_Exists int")
REGISTRY = columns("Value nvarchar(4000), Data nvarchar(4000)")

Procedure = Callable[[Context, Sequence[Value], Execute], Generator[Event]]


def execute(context: Context, statement: Execute) -> Generator[Event]:
    """Run a procedure; 2812 where there is none, 229 where it may not be run."""
    name = statement.procedure
    if name not in _PROCEDURES:
        raise refuse(2812, name)
    if not context.account.may_execute(name):
        raise refuse(229, "EXECUTE", name, "mssqlsystemresource", "sys", state=5)
    arguments = [evaluator(context).value(one) for one in statement.arguments]
    yield from _PROCEDURES[name](context, arguments, statement)


def _result(specification: str, rows: Sequence[tuple[Value, ...]]) -> Generator[Event]:
    yield Columns(columns=columns(specification))
    for row in rows:
        yield Row(values=row)
    yield Done(rows=len(rows))


def _file_exists(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    """For all but administrators the caller's rights count, and a SQL login has none on the disk."""
    found = existence(context, str(arguments[0]))
    flags = [int(bool(one)) if context.account.is_sysadmin else 0 for one in found.values()]
    if 1 in statement.outputs:
        context.variables[statement.outputs[1].lower()] = flags[0]
        yield Done()
        return
    yield Columns(columns=EXISTS)
    yield Row(values=tuple(flags))
    yield Done(rows=1)


def _directory_tree(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    directory = str(arguments[0])
    depth = int(str(arguments[1])) if len(arguments) > 1 else 0
    with_files = len(arguments) > 2 and bool(arguments[2])
    rows = list(_below(context, directory, depth, 1)) if context.account.is_sysadmin else []
    if with_files:
        return _result("subdirectory nvarchar(512), depth int, file int", rows)
    shown = [row[:2] for row in rows if not row[2]]
    return _result("subdirectory nvarchar(512), depth int", shown)


def _below(context: Context, directory: str, depth: int, level: int) -> Iterator[tuple[str, int, int]]:
    files = context.server.files
    if not files.is_directory(directory) or files.is_denied(directory):
        return
    for name, is_directory, _ in list(files.listing(directory)):
        yield name, level, int(not is_directory)
        if is_directory and (depth == 0 or level < depth):
            yield from _below(context, files.paths.join(directory, name), depth, level + 1)


def _fixed_drives(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    local = [one for one in context.server.files.volumes if not one.root.startswith("\\\\")]
    rows = [(one.root[:1], one.free_bytes // MB) for one in local]
    return _result("drive nvarchar(1), free int", rows)


def _create_subdirectory(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    files = context.server.files
    path = str(arguments[0])
    if files.is_denied(files.parent(path)):
        raise refuse(22048, os_error(5))
    files.make_directory(path)
    yield Done()


def _delete_files(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    """`xp_delete_files`: each argument is a path, whose last part may have wildcards."""
    for one in arguments:
        for path in _matching(context, str(one)):
            try:
                context.server.files.delete(path)
            except OsError as error:
                raise refuse(22049, "xp_delete_files", os_error(error.code)) from None
    yield Done()


def _matching(context: Context, pattern: str) -> list[str]:
    files = context.server.files
    directory, last = files.parent(pattern), files.paths.basename(pattern)
    if not set(last) & set("*?"):
        return [pattern] if pattern in files else []
    return [
        files.paths.join(directory, name)
        for name, is_directory, _ in list(files.listing(directory))
        if not is_directory and fnmatch.fnmatch(name.lower(), last.lower())
    ]


def _delete_file(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    """`xp_delete_file 0, path, extension, date`: it reads the header first, and passes over what it cannot read."""
    if arguments[0] != 0:
        raise refuse(22049, "xp_delete_file", "Invalid Parameter")
    path = str(arguments[1])
    files = context.server.files
    for one in _old_files(context, path, arguments) if files.is_directory(path) else _matching(context, path):
        content = files.check_readable(one).content if not files.is_denied(one) else None
        if isinstance(content, Media) and not content.encrypted and not content.header_damaged:
            files.delete(one)
    yield Done()


def _old_files(context: Context, directory: str, arguments: Sequence[Value]) -> list[str]:
    files = context.server.files
    extension = str(arguments[2]).lower() if len(arguments) > 2 else ""
    before = _instant(context, arguments[3]) if len(arguments) > 3 else None
    return [
        file.path
        for name, _, file in list(files.listing(directory))
        if file is not None and name.lower().endswith(f".{extension}") and (before is None or file.modified_at < before)
    ]


def _instant(context: Context, value: Value) -> datetime:
    local = value if isinstance(value, datetime) else parse_datetime(str(value))
    return context.server.clock.instant(local)


def _read_registry(context: Context, arguments: Sequence[Value], statement: Execute) -> Generator[Event]:
    known = {"backupdirectory": context.server.folder("Backup"), "defaultdata": context.server.folder("DATA"),
             "defaultlog": context.server.folder("DATA")}  # fmt: skip
    name = str(arguments[2])
    data = known.get(name.lower())
    if 3 in statement.outputs:
        context.variables[statement.outputs[3].lower()] = data
        yield Done()
        return
    yield Columns(columns=REGISTRY)
    if data is not None:
        yield Row(values=(name, data))
    yield Done(rows=int(data is not None))


_PROCEDURES: dict[str, Procedure] = {
    "xp_fileexist": _file_exists,
    "xp_dirtree": _directory_tree,
    "xp_fixeddrives": _fixed_drives,
    "xp_create_subdir": _create_subdirectory,
    "xp_delete_files": _delete_files,
    "xp_delete_file": _delete_file,
    "xp_instance_regread": _read_registry,
}
