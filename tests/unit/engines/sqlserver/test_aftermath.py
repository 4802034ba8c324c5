from __future__ import annotations

import pytest

from pwsops.engines.sqlserver import aftermath
from tests.unit.engines.sqlserver.parser import parses

NAME = "va]ult"
OFF = {"owner": "ann", "is_cdc_enabled": 0} | dict.fromkeys((*aftermath._SWITCHES, *aftermath._REPLICATION), 0)
COLUMNS = [*aftermath._SWITCHES, "is_cdc_enabled", "owner"]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("was_on", [True, False])
def test_each_statement_that_makes_it_as_before_parses(column: str, was_on: bool) -> None:
    on = OFF | {column: "b]ob" if column == "owner" else 1}
    (note,) = aftermath.changes(NAME, on, OFF) if was_on else aftermath.changes(NAME, OFF, on)
    statement = note.partition("As before: ")[2]
    assert "[va]]ult]" in statement
    assert parses(statement)
    assert not parses(statement + " AND")
