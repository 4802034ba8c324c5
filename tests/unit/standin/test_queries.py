"""Queries are evaluated: joins, filters, groups, types; and what does not exist is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from pwsops.engines.sqlserver import queries
from tests.clocks import ManualClock
from tests.standin.events import ColumnType, Value
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database

ASKED = sorted(name for name in vars(queries) if name.isupper() and not name.startswith("_"))
# What each kind of parameter can be; by name where that matters.
ANYTHING = "2026-01-01"
FITTING = {"SET": "6F9619FF-8B86-D011-B42D-00C04FC964FF", "LISTING": "D:\\"}


@pytest.mark.parametrize("name", ASKED)
def test_every_query_of_the_product_is_answered_with_a_result(client: Client, name: str) -> None:
    text: str = getattr(queries, name)
    number = iter(range(1, 10))
    batch = re.sub(r"\?", lambda _: f"@P{next(number)}", text)
    assert client.done(batch, *[FITTING.get(name, ANYTHING)] * text.count("?")).columns


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 % 4", 3),
        ("7.0 / 2", Decimal("3.5")),
        ("N'a' + N'b'", "ab"),
        ("N'a' + NULL", None),
        ("CONCAT(N'a', NULL, 1)", "a1"),
        ("ISNULL(NULL, N'x')", "x"),
        ("COALESCE(NULL, NULL, 3)", 3),
        ("NULLIF(1, 1)", None),
        ("CASE WHEN 1 = 2 THEN 'a' WHEN 'A' = 'a ' THEN 'b' ELSE 'c' END", "b"),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
        ("IIF(NULL = NULL, 1, 0)", 0),
        ("CAST('12' AS int)", 12),
        ("TRY_CAST('x' AS int)", None),
        ("CAST(N'abcdef' AS nvarchar(3))", "abc"),
        ("CONVERT(varchar(30), CAST('2026-03-02T12:30:00' AS datetime), 120)", "2026-03-02 12:30:00"),
        ("CONVERT(varchar(50), 0xAB01, 1)", "0xAB01"),
        ("CAST('6f9619ff-8b86-d011-b42d-00c04fc964ff' AS uniqueidentifier)",
         UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        ("CAST(CAST('6f9619ff-8b86-d011-b42d-00c04fc964ff' AS uniqueidentifier) AS nvarchar(36))",
         "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
        ("DATEADD(month, 1, CAST('2026-01-31' AS datetime2))", datetime(2026, 2, 28)),
        ("DATEADD(minute, -15, CAST('2026-01-01' AS datetime2))", datetime(2025, 12, 31, 23, 45)),
        ("DATEDIFF(day, '2026-01-01T23:00:00', '2026-01-02T01:00:00')", 1),
        ("DATEDIFF(month, '2026-01-31', '2026-02-01')", 1),
        ("DATEPART(hour, CAST('2026-01-01T13:00:00' AS datetime))", 13),
        ("LEN(N'ab  ')", 2),
        ("DATALENGTH(N'ab')", 4),
        ("QUOTENAME(N'a]b')", "[a]]b]"),
        ("LEFT(N'abc', 2) + RIGHT(N'xyz', 1)", "abz"),
        ("CHARINDEX(N'B', N'abc')", 2),
        ("SUBSTRING(N'abcdef', 2, 3)", "bcd"),
        ("REPLACE(N'a.b', N'.', N'-')", "a-b"),
        ("DB_ID(N'nobody')", None),
        ("DB_NAME(1)", "master"),
        ("SUSER_SNAME()", "sa"),
        ("(SELECT COUNT(*) FROM vault.dbo.notes)", 50),
        ("@@SPID", 51),
        ("@@TRANCOUNT", 0),
        ("6 & 3 | 8", 10),
    ],
)  # fmt: skip
def test_an_expression_has_the_value_it_has_on_the_server(client: Client, expression: str, value: Value) -> None:
    assert client.done(f"SELECT {expression} AS it").values == [(value,)]


def test_local_and_universal_time_follow_the_clock(clock: ManualClock) -> None:
    client = Client(ScriptedServer(clock=clock, offset=timedelta(hours=-3, minutes=-30)))
    local, universal, both = client.done(
        "SELECT SYSDATETIME() AS l, SYSUTCDATETIME() AS u, CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) AS b"
    ).values[0]
    assert universal == clock.now().replace(tzinfo=None)
    assert local == universal - timedelta(hours=3, minutes=30)
    assert both == "2026-03-02 08:30:00.0000000 -03:30"


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("id = 3", 1),
        ("id IN (1, 2, 999)", 2),
        ("id NOT IN (1, NULL)", 0),
        ("id BETWEEN 10 AND 19", 10),
        ("text LIKE N'ROW 1 %'", 1),
        ("text LIKE N'row [12]_ %'", 20),
        ("text LIKE N'row [^1]%'", 39),
        ("text LIKE N'%x%%' ESCAPE N'x'", 0),
        ("NOT (id < 40)", 10),
        ("id IS NULL OR text IS NOT NULL", 50),
        ("NULL = NULL", 0),
        ("EXISTS (SELECT * FROM vault.dbo.notes AS other WHERE other.id = notes.id + 1)", 49),
        ("id = '7'", 1),
    ],
)
def test_a_filter_keeps_what_it_says(client: Client, condition: str, count: int) -> None:
    assert client.done(f"SELECT COUNT(*) AS n FROM vault.dbo.notes WHERE {condition}").values == [(count,)]


PAIR = "(VALUES (1, N'a'), (2, N'b'), (2, N'c')) AS x (k, v)"
OTHER = "(VALUES (2, N'B'), (3, N'C')) AS y (k, w)"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (f"SELECT v, w FROM {PAIR} JOIN {OTHER} ON x.k = y.k", [("b", "B"), ("c", "B")]),
        (f"SELECT v, w FROM {PAIR} LEFT JOIN {OTHER} ON y.k = x.k", [("a", None), ("b", "B"), ("c", "B")]),
        (f"SELECT v, w FROM {PAIR} RIGHT JOIN {OTHER} ON x.k = y.k", [("b", "B"), ("c", "B"), (None, "C")]),
        (f"SELECT COUNT(*) AS n FROM {PAIR} CROSS JOIN {OTHER}", [(6,)]),
        (f"SELECT COUNT(*) AS n FROM {PAIR}, {OTHER} WHERE x.k > y.k", [(0,)]),
        (f"SELECT v, z.w FROM {PAIR} OUTER APPLY (SELECT TOP (1) w FROM {OTHER} WHERE y.k > x.k ORDER BY w DESC) AS z",
         [("a", "C"), ("b", "C"), ("c", "C")]),
        (f"SELECT k, COUNT(*) AS n, MAX(v) AS m FROM {PAIR} GROUP BY k HAVING COUNT(*) > 1", [(2, 2, "c")]),
        (f"SELECT DISTINCT k FROM {PAIR} ORDER BY k DESC", [(2,), (1,)]),
        (f"SELECT TOP 1 v FROM {PAIR} ORDER BY k DESC, v DESC", [("c",)]),
        (f"SELECT v FROM {PAIR} ORDER BY v OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", [("b",)]),
        (f"SELECT v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM {PAIR} ORDER BY v",
         [("a", 1), ("b", 2), ("c", 1)]),
        (f"SELECT v, COUNT(*) OVER (PARTITION BY k) AS n FROM {PAIR} ORDER BY v", [("a", 1), ("b", 2), ("c", 2)]),
        (f"SELECT STRING_AGG(v, N', ') AS all_of_them FROM {PAIR}", [("a, b, c",)]),
        (f"WITH c AS (SELECT k, v FROM {PAIR} WHERE k = 2) SELECT a.v, b.v FROM c AS a JOIN c AS b ON a.v < b.v",
         [("b", "c")]),
        (f"SELECT k FROM {PAIR} UNION SELECT k FROM {OTHER} ORDER BY k", [(1,), (2,), (3,)]),
        (f"SELECT k FROM {PAIR} UNION ALL SELECT k FROM {OTHER} ORDER BY 1 DESC", [(3,), (2,), (2,), (2,), (1,)]),
        ("SELECT SUM(id) AS s, MIN(id) AS l, AVG(id) AS a FROM vault.dbo.notes WHERE id < 0", [(None, None, None)]),
        ("DECLARE @n int = 2; SET @n = @n + 1; SELECT @n AS n", [(3,)]),
        ("DECLARE @n sysname; SELECT @n = name FROM sys.databases WHERE database_id = 1; SELECT @n AS n",
         [("master",)]),
        ("USE vault; SELECT name FROM sys.tables OPTION (RECOMPILE)", [("notes",)]),
    ],
)  # fmt: skip
def test_a_query_gives_the_rows_it_asks_for(client: Client, query: str, rows: list[tuple[Value, ...]]) -> None:
    assert client.done(query).values == rows


def test_columns_have_the_types_of_the_views_even_without_rows(client: Client) -> None:
    columns = client.done(
        "SELECT b.backup_set_uuid, b.first_lsn, b.backup_start_date, b.name, COUNT(*) OVER () AS n, b.is_copy_only, "
        "CAST(b.backup_size AS bigint) AS size, MAX(b.position) OVER () AS top_position FROM msdb.dbo.backupset AS b"
    ).columns
    assert [column.type for column in columns] == [
        ColumnType.UNIQUEIDENTIFIER, ColumnType.NUMERIC, ColumnType.DATETIME, ColumnType.NVARCHAR, ColumnType.INT,
        ColumnType.BIT, ColumnType.BIGINT, ColumnType.INT,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("batch", "numbers"),
    [
        ("SELECT nothing FROM sys.databases", [207]),
        ("SELECT d.nothing FROM sys.databases AS d", [207]),
        ("SELECT x.name FROM sys.databases AS d", [4104]),
        ("SELECT name FROM sys.databases AS d WHERE nothing = 1", [207]),
        ("SELECT b.nothing FROM msdb.dbo.backupset AS b", [207]),
        ("SELECT name FROM sys.databases AS a CROSS JOIN sys.databases AS b", [209]),
        ("SELECT * FROM nobody", [208]),
        ("SELECT * FROM sys.nothing", [208]),
        ("SELECT * FROM nobody.sys.tables", [208]),
        ("SELECT NOSUCH(1) AS x", [195]),
        ("SELECT @missing AS x", [137]),
        ("SELECT FROM", [156]),
        ("SELECT 1 FROM sys.databases WHERE", [102]),
        ("SELECT CAST('x' AS int) AS x", [245]),
        ("SELECT CAST('x' AS datetime) AS x", [241]),
        ("SELECT 1 / 0 AS x", [8134]),
        ("SELECT (SELECT name FROM sys.databases) AS x", [512]),
        ("NONSENSE", [102]),
        ("EXEC sp_nothing", [2812]),
        ("USE nobody", [911]),
    ],
)
def test_what_does_not_exist_or_parse_is_refused_by_its_number(client: Client, batch: str, numbers: list[int]) -> None:
    assert client.ask(batch).errors == numbers


def test_a_batch_that_does_not_parse_does_nothing(client: Client, vault: Database) -> None:
    assert client.ask("DELETE FROM vault.dbo.notes; SELEC").errors == [102]
    assert len(vault.read_rows()) == 50


def test_rows_are_written_by_statements(client: Client, vault: Database) -> None:
    client.done("USE vault; INSERT INTO notes (id, text) VALUES (100, N'new'), (101, N'newer')")
    client.done("UPDATE dbo.notes SET text = text + N'!' WHERE id = 100; DELETE dbo.notes WHERE id < 50")
    assert vault.read_rows() == [(100, "new!"), (101, "newer")]
    assert client.ask("INSERT INTO notes VALUES (100, N'again')").errors == [2627]
    client.done("CREATE TABLE more (id int NOT NULL PRIMARY KEY, text nvarchar(max))")
    assert client.ask("CREATE TABLE dbo.More (id int)").errors == [2714]
    vault.read_only = True
    assert client.ask("DELETE FROM notes").errors == [3906]


def test_an_instant_with_a_zone_is_given_as_text(client: Client, clock: ManualClock) -> None:
    assert clock.now() == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert client.done("SELECT SYSDATETIMEOFFSET() AS now").values == [("2026-03-02 12:00:00.0000000 +00:00",)]
