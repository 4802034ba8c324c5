"""What a statement says while it runs, in both shapes of the stream."""

from __future__ import annotations

import pyodbc
import pytest

from tests.integration.standin.scripted import Scripted, connect, percent, texts
from tests.standin.drivers import Driver
from tests.standin.events import Done, Said
from tests.standin.wire import Shape, StandIn

BACKUP = "BACKUP DATABASE vault TO DISK = 'vault.bak'"
SUCCESS = Said(number=3014, text="BACKUP DATABASE successfully processed 100 pages.")
SAID = [percent(10), percent(50), percent(100), SUCCESS]


def drained(cursor: pyodbc.Cursor) -> list[list[str]]:
    """Give the messages of each result, to the last."""
    found = [texts(cursor)]
    while cursor.nextset():
        found.append(texts(cursor))
    return found


@pytest.mark.parametrize("encryption", ["none", "login_only", "full"])
def test_messages_arrive_in_order_and_complete(driver: Driver, encryption: str) -> None:
    server = Scripted({BACKUP: [*SAID, Done()]})
    with StandIn(server, encryption=encryption) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        cursor.execute(BACKUP)
        assert [text for found in drained(cursor) for text in found] == [said.text for said in SAID]


def test_in_the_plain_shape_all_messages_come_with_the_only_result(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: [*SAID, Done()]})) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        cursor.execute(BACKUP)
        assert drained(cursor) == [[said.text for said in SAID]]


def test_in_the_done_more_shape_each_message_is_a_result_of_its_own(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: [*SAID, Done()]}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        cursor.execute(BACKUP)
        assert [found for found in drained(cursor) if found] == [[said.text] for said in SAID]


def test_a_message_keeps_its_number(driver: Driver) -> None:
    with StandIn(Scripted({BACKUP: [SUCCESS, Done()]})) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        cursor.execute(BACKUP)
        assert [state for state, _ in cursor.messages] == ["[01000] (3014)"]
