"""Functions of one value or none, and the globals."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.standin.events import ColumnType, Value
from tests.standin.server.accounts import sid_of
from tests.standin.server.messages import refuse
from tests.standin.server.properties import database_property, permission, server_property
from tests.standin.server.values import as_text, cast, compare, parse_datetime

if TYPE_CHECKING:
    from tests.standin.server.context import Context

TEXT, INT, WHEN = ColumnType.NVARCHAR, ColumnType.INT, ColumnType.DATETIME2
FUNCTIONS: dict[str, tuple[ColumnType | None, Callable[..., Value]]] = {}
"""By name: the type of the result (None: that of the first argument), and what gives it."""


def function(name: str, kind: ColumnType | None) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Register a function; it is given the context and the arguments."""

    def register(one: Callable[..., Value]) -> Callable[..., Value]:
        FUNCTIONS[name] = (kind, one)
        return one

    return register


def call(context: Context, name: str, arguments: list[Value]) -> Value:
    """Call a function by its name in capitals; 195 where there is none."""
    if name not in FUNCTIONS:
        raise refuse(195, name.lower())
    return FUNCTIONS[name][1](context, *arguments)


def result_type(name: str) -> ColumnType | None:
    """Return the type of a function's result, None where it is that of its first argument."""
    return FUNCTIONS[name][0] if name in FUNCTIONS else None


def global_variable(context: Context, name: str) -> Value:
    """Return what a name with two `@` stands for."""
    found: dict[str, Value] = {
        "@@VERSION": context.server.banner,
        "@@SERVERNAME": context.server.name,
        "@@SPID": context.session.session_id,
        "@@TRANCOUNT": context.session.transactions,
        "@@ROWCOUNT": context.session.row_count,
        "@@ERROR": context.session.last_error,
        "@@LANGUAGE": "us_english",
        "@@LOCK_TIMEOUT": -1,
        "@@MAX_PRECISION": 38,
        "@@MICROSOFTVERSION": int(context.server.version.split(".")[0]) << 24,
    }
    if name.upper() not in found:
        raise refuse(137, name)
    return found[name.upper()]


def _login_of(context: Context, sid: object) -> str | None:
    return next((one.name for one in context.server.accounts.values() if sid_of(one.name) == sid), None)


def _user_name(context: Context) -> str:
    account, current = context.account, context.current
    if account.is_sysadmin or current.owner == account.name:
        return "dbo"
    return account.name if account.has_user(current.name) else "guest"


function("SERVERPROPERTY", TEXT)(lambda context, name: server_property(context.server, str(name)))
function("DATABASEPROPERTYEX", TEXT)(lambda context, name, one: database_property(context.server, str(name), str(one)))
function("SUSER_SNAME", TEXT)(lambda context, *sid: _login_of(context, sid[0]) if sid else context.account.name)
function("SUSER_NAME", TEXT)(lambda context: context.account.name)
function("ORIGINAL_LOGIN", TEXT)(lambda context: context.account.name)
function("SYSTEM_USER", TEXT)(lambda context: context.account.name)
function("USER_NAME", TEXT)(_user_name)
function("HOST_NAME", TEXT)(lambda context: context.session.login.host)
function("APP_NAME", TEXT)(lambda context: context.session.login.application)
function("SYSDATETIME", WHEN)(lambda context: context.server.clock.local(context.server.clock.now()))
function("GETDATE", ColumnType.DATETIME)(lambda context: context.server.clock.local(context.server.clock.now()))
function("SYSUTCDATETIME", WHEN)(lambda context: context.server.clock.now().replace(tzinfo=None))
function("GETUTCDATE", ColumnType.DATETIME)(lambda context: context.server.clock.now().replace(tzinfo=None))
function("NEWID", ColumnType.UNIQUEIDENTIFIER)(lambda context: uuid4())
function("LEN", INT)(lambda context, text: None if text is None else len(as_text(text).rstrip(" ")))
function("DATALENGTH", INT)(
    lambda context, one: None if one is None else len(one) if isinstance(one, bytes) else 2 * len(as_text(one))
)
function("UPPER", TEXT)(lambda context, text: None if text is None else as_text(text).upper())
function("LOWER", TEXT)(lambda context, text: None if text is None else as_text(text).lower())
function("LTRIM", TEXT)(lambda context, text: None if text is None else as_text(text).lstrip(" "))
function("RTRIM", TEXT)(lambda context, text: None if text is None else as_text(text).rstrip(" "))
function("TRIM", TEXT)(lambda context, text: None if text is None else as_text(text).strip(" "))
function("LEFT", TEXT)(lambda context, text, count: None if text is None else as_text(text)[: int(count)])
function("RIGHT", TEXT)(lambda context, text, count: None if text is None else as_text(text)[-int(count) :])
function("REPLACE", TEXT)(
    lambda context, text, old, new: None if None in (text, old, new) else as_text(text).replace(str(old), str(new))
)
function("SUBSTRING", TEXT)(
    lambda context, text, start, count: None if text is None else as_text(text)[int(start) - 1 :][: int(count)]
)
function("CHARINDEX", INT)(
    lambda context, part, text, start=1: as_text(text).lower().find(as_text(part).lower(), int(start) - 1) + 1
)
function("NCHAR", TEXT)(lambda context, code: chr(int(code)))
function("CHAR", TEXT)(lambda context, code: chr(int(code)))
function("CONCAT", TEXT)(lambda context, *parts: "".join(as_text(one) for one in parts if one is not None))
function("CONCAT_WS", TEXT)(
    lambda context, mark, *parts: as_text(mark).join(as_text(one) for one in parts if one is not None)
)
function("NULLIF", None)(lambda context, one, other: None if compare(one, other) == 0 else one)
function("ABS", None)(lambda context, one: None if one is None else abs(one))
function("CEILING", None)(lambda context, one: None if one is None else -int(-one // 1))
function("FLOOR", None)(lambda context, one: None if one is None else int(one // 1))
function("ROUND", None)(lambda context, one, digits: None if one is None else round(one, int(digits)))
function("IS_SRVROLEMEMBER", INT)(lambda context, role, *login: int(context.account.is_in(str(role))))


@function("QUOTENAME", TEXT)
def _quote_name(context: Context, name: Value, *mark: Value) -> Value:
    if name is None or len(str(name)) > 128:
        return None
    return "[" + str(name).replace("]", "]]") + "]"


@function("SYSDATETIMEOFFSET", WHEN)
def _now_with_offset(context: Context) -> Value:
    now = context.server.clock.now()
    return now.astimezone(timezone(context.server.clock.offset_at(now)))


@function("DB_ID", ColumnType.SMALLINT)
def _database_id(context: Context, *name: Value) -> Value:
    found = context.server.databases.get(str(name[0]) if name else context.session.database)
    return found.database_id if found else None


@function("DB_NAME", TEXT)
def _database_name(context: Context, *number: Value) -> Value:
    if not number:
        return context.session.database
    return next((one.name for one in context.server.databases.values() if one.database_id == number[0]), None)


@function("HAS_DBACCESS", INT)
def _has_access(context: Context, name: Value) -> Value:
    database = context.server.databases.get(str(name))
    if database is None:
        return None
    return int(database.state == "ONLINE" and context.account.may_enter(database.name, database.owner))


@function("IS_MEMBER", INT)
def _is_member(context: Context, role: Value) -> Value:
    owner = context.account.is_sysadmin or context.account.name == context.current.owner
    roles = context.account.databases.get(context.session.database, set())
    return int((owner and str(role).lower() == "db_owner") or str(role).lower() in roles)


@function("HAS_PERMS_BY_NAME", INT)
def _has_permission(context: Context, securable: Value, kind: Value, name: Value, *more: Value) -> Value:
    return permission(context, securable, kind, str(name))


@function("SYS.FN_HADR_BACKUP_IS_PREFERRED_REPLICA", ColumnType.BIT)
def _is_preferred(context: Context, name: Value) -> Value:
    database = context.server.databases.get(str(name))
    return database is None or database.replica_role != "PRIMARY" or not context.server.prefers_secondary


STEPS: dict[str, timedelta] = {
    "day": timedelta(days=1), "dd": timedelta(days=1), "d": timedelta(days=1), "dayofyear": timedelta(days=1),
    "week": timedelta(weeks=1), "wk": timedelta(weeks=1), "ww": timedelta(weeks=1),
    "hour": timedelta(hours=1), "hh": timedelta(hours=1),
    "minute": timedelta(minutes=1), "mi": timedelta(minutes=1), "n": timedelta(minutes=1),
    "second": timedelta(seconds=1), "ss": timedelta(seconds=1), "s": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1), "ms": timedelta(milliseconds=1),
    "microsecond": timedelta(microseconds=1), "mcs": timedelta(microseconds=1),
}  # fmt: skip
MONTHS = {"month": 1, "mm": 1, "m": 1, "quarter": 3, "qq": 3, "q": 3, "year": 12, "yy": 12, "yyyy": 12}


def _moment(value: Value) -> datetime:
    return value if isinstance(value, datetime) else parse_datetime(str(value))


@function("DATEADD", WHEN)
def _date_add(context: Context, part: str, count: Value, when: Value) -> Value:
    if count is None or when is None:
        return None
    number = int(str(cast(count, "int")))
    moment = _moment(when)
    if part in STEPS:
        return moment + number * STEPS[part]
    months = moment.year * 12 + moment.month - 1 + number * MONTHS[part]
    year, month = months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@function("DATEDIFF", INT)
def _date_difference(context: Context, part: str, start: Value, end: Value) -> Value:
    """Count the borders of a part of the date between two instants."""
    if start is None or end is None:
        return None
    first, last = _moment(start).replace(tzinfo=None), _moment(end).replace(tzinfo=None)
    if part in MONTHS:
        return (last.year * 12 + last.month - 1) // MONTHS[part] - (first.year * 12 + first.month - 1) // MONTHS[part]
    step = STEPS[part]
    zero = datetime(1899, 12, 31)
    return (last - zero) // step - (first - zero) // step


FUNCTIONS["DATEDIFF_BIG"] = (ColumnType.BIGINT, _date_difference)


@function("DATEPART", INT)
def _date_part(context: Context, part: str, when: Value) -> Value:
    if when is None:
        return None
    moment: Any = _moment(when)
    names = {"yy": "year", "yyyy": "year", "mm": "month", "m": "month", "dd": "day", "d": "day", "hh": "hour",
             "mi": "minute", "n": "minute", "ss": "second", "s": "second"}  # fmt: skip
    name = names.get(part, part)
    if name in ("weekday", "dw"):
        return int(moment.isoweekday() % 7 + 1)
    return int(getattr(moment, name))
