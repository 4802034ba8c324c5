"""A connection that is lost in the middle, and how little the drivers say of it."""

from __future__ import annotations

import pyodbc
import pytest

from tests.integration.standin.scripted import Scripted, connect, one_column, percent, texts
from tests.standin.drivers import Driver
from tests.standin.events import ColumnType, Cut
from tests.standin.wire import Shape, StandIn

BACKUP = "BACKUP DATABASE vault TO DISK = 'vault.bak'"
SCRIPT = [percent(10), percent(20), Cut()]


def is_lost(error: pyodbc.Error) -> bool:
    return error.args[0] == "08S01" or "(20017)" in error.args[1]


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_in_the_plain_shape_the_statement_raises(driver: Driver, reset: bool, encrypted: bool) -> None:
    options = {"encryption": "full" if encrypted else "none", "reset_on_cut": reset}
    with StandIn(Scripted({BACKUP: SCRIPT}), **options) as stand_in:
        connection = connect(driver, stand_in)
        with pytest.raises(pyodbc.Error) as told:
            connection.execute(BACKUP)
        assert told.value.args[0] == "08S01" or not driver.is_microsofts
        assert not connection.closed


def test_in_the_done_more_shape_microsofts_driver_raises_nothing(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: SCRIPT}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        said = []
        while cursor.nextset():
            said += [state for state, _ in cursor.messages]
            if "[01000] (20017)" in said:
                break
        if driver.is_microsofts:
            assert "[08S01] (10054)" in said
        else:
            with pytest.raises(pyodbc.Error, match="HY000"):
                cursor.nextset()


def test_in_the_middle_of_rows_the_fetch_raises(driver: Driver) -> None:
    columns, row, _ = one_column(ColumnType.INT, 1)
    with StandIn(Scripted({"SELECT": [columns, row, Cut()]})) as stand_in:
        cursor = connect(driver, stand_in).execute("SELECT")
        with pytest.raises(pyodbc.Error) as told:
            cursor.fetchall()
        assert is_lost(told.value)


def test_a_lost_connection_does_not_know_it(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: [Cut()]})) as stand_in:
        connection = connect(driver, stand_in)
        for _ in range(2):
            with pytest.raises(pyodbc.Error):
                connection.execute(BACKUP)
        assert not connection.closed


def test_the_session_is_closed_and_others_go_on(driver: Driver) -> None:
    server = Scripted({BACKUP: [Cut()]})
    with StandIn(server) as stand_in:
        other = connect(driver, stand_in)
        with pytest.raises(pyodbc.Error):
            connect(driver, stand_in).execute(BACKUP)
        assert server.closed.acquire(timeout=5)
        other.execute("DO IT")


def test_what_was_said_before_the_cut_still_arrives(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: SCRIPT}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        assert texts(cursor) == ["10 percent processed."]
        assert cursor.nextset()
        assert "20 percent processed." in texts(cursor)
