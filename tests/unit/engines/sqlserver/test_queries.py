from __future__ import annotations

import re
from itertools import count

import pytest

from pwsops.engines.sqlserver import queries
from tests.unit.engines.sqlserver.parser import parses

QUERIES = {name: text for name, text in vars(queries).items() if name.isupper() and not name.startswith("_")}
QUERIES["SEVERITIES"] = queries.severities(3)
QUERIES["contents"] = queries.contents("a]b'c")
QUERIES["orphans"] = queries.orphans("a]b'c")


def numbered(query: str) -> str:
    numbers = count(1)
    return re.sub(r"\?", lambda _: f"@P{next(numbers)}", query)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_parses_and_its_broken_twin_does_not(query: str) -> None:
    assert parses(numbered(query))
    assert not parses(re.sub(r"SELECT|EXEC", "SELECT FROM", numbered(query), count=1))


def test_no_query_leaves_a_type_that_the_driver_cannot_read() -> None:
    for query in QUERIES.values():
        for call in ("SERVERPROPERTY(", "SYSDATETIMEOFFSET("):
            assert query.count(call) == query.count(f"CAST({call}")


BOUNDS = ("backup_finish_date >= ?", "backup_set_uuid = ", "backup_set_uuid IN (")
"""By time, or by identity."""
OF_HISTORY = {
    name: text for name, text in QUERIES.items() if re.search("FROM msdb.dbo.backupset|JOIN msdb.dbo.backupset", text)
}


@pytest.mark.parametrize("query", [*OF_HISTORY.values(), queries.zones(3)], ids=[*OF_HISTORY, "zones"])
def test_no_question_to_the_history_reads_years_or_waits_long_for_a_lock(query: str) -> None:
    assert any(bound in query for bound in BOUNDS)
    assert query.lstrip().startswith("SET LOCK_TIMEOUT 5000;")
    assert query.rstrip().endswith("SET LOCK_TIMEOUT -1;")


def test_there_are_questions_to_the_history() -> None:
    assert {"LOG_BACKUPS", "LOG_CHAINS", "HISTORY", "SETS_DESCRIBED", "BASES"} <= OF_HISTORY.keys()
