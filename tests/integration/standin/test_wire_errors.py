"""Errors of statements, and what is left of them in each driver."""

from __future__ import annotations

import pyodbc
import pytest

from tests.integration.standin.scripted import Scripted, connect, one_column, percent, texts
from tests.standin.drivers import Driver
from tests.standin.events import ColumnType, Done, Said
from tests.standin.wire import Shape, StandIn

BACKUP = "BACKUP DATABASE vault TO DISK = 'vault.bak'"
DENIED = Said(number=262, severity=14, text="BACKUP DATABASE permission denied in database 'vault'.")
NO_DEVICE = Said(number=3201, severity=16, text="Cannot open backup device 'vault.bak'.")
ABNORMAL = Said(number=3013, severity=16, text="BACKUP DATABASE is terminating abnormally.")
FAILED = Done(failed=True)


def raised(cursor: pyodbc.Cursor, statement: str) -> pyodbc.Error:
    with pytest.raises(pyodbc.Error) as told:
        cursor.execute(statement)
    return told.value


@pytest.mark.parametrize("shape", Shape)
def test_of_an_error_and_its_wrapper_freetds_shows_the_more_severe(driver: Driver, shape: Shape) -> None:
    with StandIn(Scripted({BACKUP: [DENIED, ABNORMAL, FAILED]}), shape=shape) as stand_in:
        error = raised(connect(driver, stand_in).cursor(), BACKUP)
    assert ("(262)" if driver.is_microsofts else "(3013)") in error.args[1]


@pytest.mark.parametrize("shape", Shape)
def test_of_equally_severe_errors_the_first_is_shown(driver: Driver, shape: Shape) -> None:
    with StandIn(Scripted({BACKUP: [NO_DEVICE, ABNORMAL, FAILED]}), shape=shape) as stand_in:
        error = raised(connect(driver, stand_in).cursor(), BACKUP)
    assert "(3201)" in error.args[1]


def test_messages_before_an_error_are_lost_in_the_plain_shape(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: [percent(10), NO_DEVICE, ABNORMAL, FAILED]})) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        raised(cursor, BACKUP)
    assert not cursor.messages


def test_messages_before_an_error_come_one_by_one_in_the_done_more_shape(driver: Driver) -> None:
    script = [percent(10), percent(20), NO_DEVICE, ABNORMAL, FAILED]
    with StandIn(Scripted({BACKUP: script}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        cursor.execute(BACKUP)
        assert texts(cursor) == ["10 percent processed."]
        assert cursor.nextset()
        assert texts(cursor) == ["20 percent processed."]
        with pytest.raises(pyodbc.ProgrammingError, match=r"\(3201\)"):
            cursor.nextset()
        assert not cursor.messages
        assert not cursor.nextset()


def test_an_error_in_the_middle_of_rows_is_raised_by_the_fetch(driver: Driver) -> None:
    columns, row, _ = one_column(ColumnType.INT, 1)
    with StandIn(Scripted({"SELECT": [columns, row, NO_DEVICE, ABNORMAL, FAILED]})) as stand_in:
        cursor = connect(driver, stand_in).execute("SELECT")
        with pytest.raises(pyodbc.ProgrammingError, match=r"\(3201\)"):
            cursor.fetchall()
        assert not cursor.nextset()


def test_the_connection_outlives_an_error(driver: Driver) -> None:
    server = Scripted({BACKUP: [NO_DEVICE, ABNORMAL, FAILED]})
    with StandIn(server) as stand_in:
        connection = connect(driver, stand_in)
        raised(connection.cursor(), BACKUP)
        connection.execute("DO IT")
    assert server.statements[-1] == "DO IT"


@pytest.mark.parametrize(
    ("number", "severity", "microsofts", "freetds"),
    [(911, 16, "08004", "08004"), (1205, 13, "40001", "42000"), (3201, 16, "42000", "42000")],
)
def test_a_numbers_sqlstate_is_the_drivers_choice(
    driver: Driver, number: int, severity: int, microsofts: str, freetds: str
) -> None:
    script = [Said(number=number, severity=severity, text="Failed."), FAILED]
    with StandIn(Scripted({"DO IT": script})) as stand_in:
        error = raised(connect(driver, stand_in).cursor(), "DO IT")
    assert error.args[0] == (microsofts if driver.is_microsofts else freetds)


def test_what_breaks_behind_the_wire_is_told_to_the_client_and_to_the_test(driver: Driver) -> None:
    def broken(_: object) -> list[Done]:
        raise KeyError("a mistake of the test")

    stand_in = StandIn(Scripted({"DO IT": broken}))
    with pytest.raises(ExceptionGroup) as told, stand_in:
        assert "a mistake of the test" in raised(connect(driver, stand_in).cursor(), "DO IT").args[1]
    assert told.group_contains(KeyError)
