"""Many clients at once, odd clients, and a stand-in that ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.standin.raw import RawClient
from tests.integration.standin.scripted import Scripted, connect, one_column
from tests.standin.drivers import Driver
from tests.standin.events import ColumnType, Done
from tests.standin.wire import Encryption, StandIn
from tests.standin.wire.packets import Kind, Malformed, packed

MANY = 50


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
        client.send_bytes(b"\x06\x01\x00\x08\x00\x00\x01\x00")
        assert client.receive() == b"\xfd\x20\x00\x00\x00" + bytes(8)


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
