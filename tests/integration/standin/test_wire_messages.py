"""What a statement says while it runs, in both shapes of the stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyodbc
import pytest

from tests.integration.standin.scripted import Scripted, connect, one_column, percent, texts
from tests.standin.drivers import Driver
from tests.standin.events import ColumnType, Done, Event, Said
from tests.standin.wire import Shape, StandIn

BACKUP = "BACKUP DATABASE vault TO DISK = 'vault.bak'"
SUCCESS = Said(number=3014, text="BACKUP DATABASE successfully processed 100 pages.")
SAID = [percent(10), percent(50), percent(100), SUCCESS]


def drained(cursor: pyodbc.Cursor) -> list[list[str]]:
    """Return the messages of each result, to the last."""
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


def test_ten_thousand_messages_arrive_in_order(driver: Driver) -> None:
    # Each a result of its own: in one result the time that the driver manager takes grows with their square.
    script = [*(Said(number=3211, text=f"message {number}") for number in range(10_000)), Done()]
    with StandIn(Scripted({BACKUP: script}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        found = [text for said in drained(cursor) for text in said]
    assert found == [f"message {number}" for number in range(10_000)]


def test_a_thousand_messages_fit_into_one_result(driver: Driver) -> None:
    script = [*(Said(number=3211, text=f"message {number} 😀") for number in range(1000)), Done()]
    with StandIn(Scripted({BACKUP: script})) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        assert drained(cursor) == [[f"message {number} 😀" for number in range(1000)]]


def test_a_message_is_seen_while_the_statement_goes_on(driver: Driver) -> None:
    seen = threading.Event()

    def backup(_: threading.Event) -> Iterator[Event]:
        # Microsoft's driver shows a message when the next one is there.
        yield from (percent(10), percent(20))
        yield Said(number=3014, text="seen in time" if seen.wait(10) else "never seen")
        yield Done()

    with StandIn(Scripted({BACKUP: backup}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        assert texts(cursor) == ["10 percent processed."]
        seen.set()
        assert ["seen in time"] in drained(cursor)


def test_a_message_before_rows_is_a_result_before_them_in_the_done_more_shape(driver: Driver) -> None:
    script = [Said(number=50000, text="hello"), *one_column(ColumnType.INT, 1)]
    with StandIn(Scripted({BACKUP: script}), shape=Shape.DONE_MORE) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        assert (cursor.description, texts(cursor)) == (None, ["hello"])
        assert cursor.nextset()
        assert cursor.fetchall()[0][0] == 1


def test_a_message_before_rows_comes_with_them_in_the_plain_shape(driver: Driver) -> None:
    script = [Said(number=50000, text="hello"), *one_column(ColumnType.INT, 1), Said(number=0, text="bye"), Done()]
    with StandIn(Scripted({BACKUP: script})) as stand_in:
        cursor = connect(driver, stand_in).execute(BACKUP)
        assert texts(cursor) == ["hello"]
        assert cursor.fetchall()[0][0] == 1
        assert cursor.nextset()
        assert texts(cursor) == ["bye"]
