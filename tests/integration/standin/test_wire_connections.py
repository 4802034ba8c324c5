"""Many clients at once, odd clients, and a stand-in that ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.standin.raw import RawClient
from tests.integration.standin.scripted import Scripted, connect, one_column, percent
from tests.standin.drivers import Driver
from tests.standin.events import ColumnType, Done, Event
from tests.standin.wire import Encryption, StandIn
from tests.standin.wire.packets import Kind, Malformed, packed

MANY = 50
ATTENTION = b"\x06\x01\x00\x08\x00\x00\x01\x00"
ACKNOWLEDGED = b"\xfd\x20\x00\x00\x00" + bytes(8)


def test_fifty_clients_are_answered_at_the_same_time(driver: Driver) -> None:
    everybody = threading.Barrier(MANY)

    def together(_: threading.Event) -> list[object]:
        everybody.wait(30)
        return one_column(ColumnType.INT, 1)

    with StandIn(Scripted({"MEET": together})) as stand_in, ThreadPoolExecutor(MANY) as pool:
        connections = list(pool.map(lambda _: connect(driver, stand_in), range(MANY)))
        assert stand_in.connections == MANY
        found = list(pool.map(lambda connection: connection.execute("MEET").fetchall()[0][0], connections))
    assert found == [1] * MANY


def test_leaving_the_stand_in_ends_what_still_runs(driver: Driver) -> None:
    begun, ended = threading.Event(), threading.Event()

    def held(cancelled: threading.Event) -> list[Done]:
        begun.set()
        if cancelled.wait(10):
            ended.set()
        return [Done()]

    server = Scripted({"HOLD": held})
    with ThreadPoolExecutor(1) as pool:
        with StandIn(server) as stand_in:
            running = pool.submit(connect(driver, stand_in).execute, "HOLD")
            assert begun.wait(10)
        assert running.exception(timeout=10) is not None
    assert ended.is_set()
    assert server.closed.acquire(timeout=1)


def test_an_attention_with_nothing_to_stop_is_acknowledged() -> None:
    with StandIn(Scripted(), encryption=Encryption.NONE) as stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.login()
        client.send_bytes(ATTENTION)
        assert client.receive() == ACKNOWLEDGED


def test_a_message_in_several_packets_is_put_together() -> None:
    server = Scripted()
    text = "SELECT " + "x" * 5000
    with StandIn(server, encryption=Encryption.NONE) as stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.login()
        client.send_bytes(packed(Kind.BATCH, b"\x04\0\0\0" + text.encode("utf-16-le"), 512, ends=True))
        client.receive()
    assert server.statements == [text]


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x01\x01\x00\x08\0\0\0\0", b"\x12\x01\x00\x02\0\0\0\0"])
def test_a_client_that_speaks_something_else_is_sent_away(first: bytes) -> None:
    stand_in = StandIn(Scripted(), encryption=Encryption.NONE)
    with pytest.raises(ExceptionGroup) as told, stand_in, RawClient(stand_in.port) as client:
        client.send_bytes(first + bytes(30_000))
        with pytest.raises((EOFError, ConnectionError)):
            client.receive()
    assert told.group_contains(Malformed)


def test_a_statement_waits_for_a_client_that_does_not_read_and_is_still_cancelled() -> None:
    said: list[int] = []
    much = threading.Event()

    def endless(cancelled: threading.Event) -> Iterator[Event]:
        for number in itertools.count():
            said.append(number)
            if number == 1000:
                much.set()
            yield percent(number % 100)
            if cancelled.is_set():
                return

    server = Scripted({"STREAM": endless})
    with StandIn(server, encryption=Encryption.NONE) as stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.login()
        client.send(Kind.BATCH, b"\x04\0\0\0" + "STREAM".encode("utf-16-le"))
        assert much.wait(10)
        client.send_bytes(ATTENTION)
        reply = client.receive()
        assert client.receive() == ACKNOWLEDGED
    assert reply.count("percent processed.".encode("utf-16-le")) == len(said)


def test_a_client_that_leaves_in_the_middle_stops_the_statement() -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(_: threading.Event) -> Iterator[Event]:
        try:
            while True:
                yield percent(1)
                begun.set()
        finally:
            ended.set()

    server = Scripted({"STREAM": endless})
    with StandIn(server, encryption=Encryption.NONE) as stand_in:
        with RawClient(stand_in.port) as client:
            client.prelogin()
            client.login()
            client.send(Kind.BATCH, b"\x04\0\0\0" + "STREAM".encode("utf-16-le"))
            assert begun.wait(10)
        assert server.closed.acquire(timeout=10)
    assert ended.is_set()


@pytest.mark.parametrize("kind", [Kind.SSPI, Kind.PRELOGIN])
def test_a_request_that_is_none_is_refused_with_an_error(kind: Kind) -> None:
    stand_in = StandIn(Scripted(), encryption=Encryption.NONE)
    with pytest.raises(ExceptionGroup) as told, stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.login()
        client.send(kind, b"\0" * 8)
        assert "The stand-in broke".encode("utf-16-le") in client.receive()
    assert told.group_contains(Malformed)


def test_a_login_that_points_outside_of_itself_is_sent_away() -> None:
    stand_in = StandIn(Scripted(), encryption=Encryption.NONE)
    with pytest.raises(ExceptionGroup) as told, stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.send(Kind.LOGIN, b"\xff" * 94)
        with pytest.raises((EOFError, ConnectionError)):
            client.receive()
    assert told.group_contains(Malformed)
