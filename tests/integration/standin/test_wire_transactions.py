"""Transactions as drivers ask for them: by a request of their own, not in T-SQL."""

from __future__ import annotations

import pyodbc
import pytest

from tests.integration.standin.raw import RawClient
from tests.integration.standin.scripted import Scripted, connect
from tests.standin.drivers import Driver
from tests.standin.events import Done, Said
from tests.standin.wire import Encryption, StandIn
from tests.standin.wire.packets import RESET_CONNECTION, Kind

BEGIN, COMMIT, ROLLBACK = "BEGIN TRANSACTION", "COMMIT TRANSACTION", "ROLLBACK TRANSACTION"


def test_with_autocommit_there_is_none(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in).execute("DO IT")
    assert server.statements == ["DO IT"]


def test_a_commit_and_a_rollback_reach_the_server(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connection = connect(driver, stand_in, autocommit=False)
        connection.execute("ONE")
        connection.commit()
        connection.execute("TWO")
        connection.rollback()
    assert server.statements[:6] == [BEGIN, "ONE", COMMIT, BEGIN, "TWO", ROLLBACK]


def test_closing_without_a_commit_rolls_back(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connection = connect(driver, stand_in, autocommit=False)
        connection.execute("ONE")
        connection.close()
        assert server.closed.acquire(timeout=5)
    assert server.statements[:3] == [BEGIN, "ONE", ROLLBACK]


def test_turning_autocommit_on_again_ends_it(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connection = connect(driver, stand_in, autocommit=False)
        connection.execute("ONE")
        connection.commit()
        connection.autocommit = True
        connection.execute("TWO")
    assert server.statements[-1] == "TWO"
    assert server.statements.count(BEGIN) == sum(server.statements.count(end) for end in (COMMIT, ROLLBACK))


def test_a_commit_that_fails_is_raised(driver: Driver) -> None:
    failure = [Said(number=3902, severity=16, text="The COMMIT has no corresponding BEGIN."), Done(failed=True)]
    with StandIn(Scripted({COMMIT: failure})) as stand_in:
        connection = connect(driver, stand_in, autocommit=False)
        connection.execute("ONE")
        with pytest.raises(pyodbc.Error, match=r"\(3902\)"):
            connection.commit()


def test_a_session_that_is_reset_rolls_back_and_says_so() -> None:
    server = Scripted()
    with StandIn(server, encryption=Encryption.NONE) as stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.login()
        client.send(Kind.TRANSACTION, b"\x04\0\0\0" + b"\x05\0" + b"\0\0")
        client.receive()
        reply = client.batch("DO IT", status=RESET_CONNECTION)
    assert b"\xe3\x03\x00\x12\x00\x00" in reply  # ENVCHANGE 18
    assert server.statements == [BEGIN, ROLLBACK, "DO IT"]
