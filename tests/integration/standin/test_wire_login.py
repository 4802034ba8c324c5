"""Who is let in, and what the server hears of him."""

from __future__ import annotations

import time

import pyodbc
import pytest

from tests.integration.standin.raw import RawClient
from tests.integration.standin.scripted import Scripted, connect
from tests.standin.drivers import Driver
from tests.standin.events import Said
from tests.standin.wire import Encryption, StandIn

REFUSED = Said(number=18456, severity=14, state=8, text="Login failed for user 'sa'.")
NO_DATABASE = Said(number=4060, severity=11, text='Cannot open database "gone" requested by the login.')


def test_the_server_hears_who_comes(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in, user="anna", password="pä$$ wörd;", DATABASE="vault", APP="pwsops").close()
    (login,) = server.logins
    assert (login.user, login.database, login.application) == ("anna", "vault", "pwsops")
    assert login.host
    assert not login.integrated


@pytest.mark.parametrize("password", ["secret", "pä$$ wörd", "{semi;colon}", "😀", "x" * 128])
def test_a_password_arrives_as_it_was_written(driver: Driver, password: str) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in, password=password).close()
    assert server.logins[0].password == password.strip("{}")


def test_a_brace_in_a_password_is_doubled_for_one_driver_only(driver: Driver) -> None:
    # FreeTDS takes both braces for the password's own, so for it a brace must stay single.
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in, password="{a}}b}" if driver.is_microsofts else "{a}b}").close()
    assert server.logins[0].password == "a}b"


def test_a_refused_login_says_why(driver: Driver) -> None:
    server = Scripted()
    server.refuses = (REFUSED,)
    with (
        StandIn(server) as stand_in,
        pytest.raises(pyodbc.Error, match=r"Login failed for user 'sa'\. \(18456\)") as told,
    ):
        connect(driver, stand_in)
    assert told.value.args[0] == ("28000" if driver.is_microsofts else "42000")


def test_of_two_reasons_each_driver_shows_another(driver: Driver) -> None:
    server = Scripted()
    server.refuses = (NO_DATABASE, REFUSED)
    with StandIn(server) as stand_in, pytest.raises(pyodbc.Error) as told:
        connect(driver, stand_in, DATABASE="gone")
    assert ("(4060)" if driver.is_microsofts else "(18456)") in told.value.args[1]


def test_the_session_is_closed_when_the_client_leaves(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in).close()
        assert server.closed.acquire(timeout=5)


def test_the_database_is_the_one_asked_for(driver: Driver) -> None:
    with StandIn(Scripted()) as stand_in:
        asked = connect(driver, stand_in, DATABASE="vault")
        default = connect(driver, stand_in)
        assert asked.getinfo(pyodbc.SQL_DATABASE_NAME) == "vault"
        assert default.getinfo(pyodbc.SQL_DATABASE_NAME) == "master"


def test_a_login_with_the_accounts_own_ticket_is_refused_by_its_number() -> None:
    server = Scripted()
    with StandIn(server, encryption=Encryption.NONE) as stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        reply = client.login(integrated=True)
    assert b"\x14\x48\x00\x00" in reply  # 18452
    assert "cannot be used with Integrated authentication".encode("utf-16-le") in reply
    assert server.logins == []


def test_a_server_that_never_answers_ends_in_a_login_timeout(driver: Driver) -> None:
    begun = time.monotonic()
    with StandIn(Scripted(), silent=True) as stand_in, pytest.raises(pyodbc.OperationalError, match="HYT00"):
        pyodbc.connect(driver.string(stand_in), timeout=1)
    assert time.monotonic() - begun < 60


def test_a_slow_server_is_waited_for(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server, delay_s=0.2) as stand_in:
        connect(driver, stand_in).close()
    assert len(server.logins) == 1


def test_a_port_where_nobody_listens_refuses(driver: Driver) -> None:
    # Microsoft's driver tries again until its time is over.
    with StandIn(Scripted(), listening=False) as stand_in, pytest.raises(pyodbc.OperationalError) as told:
        pyodbc.connect(driver.string(stand_in), timeout=1)
    assert told.value.args[0] == ("HYT00" if driver.is_microsofts else "08S01")
