"""Calls of procedures in the forms that pyodbc does not bring the drivers to use."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from tests.integration.standin.raw import NO_HEADERS, RawClient
from tests.integration.standin.scripted import Scripted
from tests.standin.events import Done, Said
from tests.standin.wire import Encryption, StandIn
from tests.standin.wire.packets import Kind

EXECUTESQL, PREPARE, EXECUTE, PREPEXEC, UNPREPARE = 10, 11, 12, 13, 15
NEXT_CALL = b"\xff"
RETURN_STATUS, RETURN_VALUE, DONE_PROC = b"\x79", b"\xac", b"\xfe"


def text(value: str, name: str = "") -> bytes:
    encoded = value.encode("utf-16-le")
    return _named(name) + b"\0\xe7\x40\x1f" + bytes(5) + struct.pack("<H", len(encoded)) + encoded


def number(value: int | None, name: str = "", *, output: bool = False) -> bytes:
    data = b"\0" if value is None else b"\x04" + struct.pack("<i", value)
    return _named(name) + bytes([output]) + b"\x26\x04" + data


def _named(name: str) -> bytes:
    return bytes([len(name)]) + name.encode("utf-16-le")


def call(procedure: int, *parameters: bytes) -> bytes:
    return struct.pack("<HHH", 0xFFFF, procedure, 0) + b"".join(parameters)


@pytest.fixture
def server() -> Scripted:
    failing = [Said(number=208, severity=16, text="Invalid object name."), Done(failed=True)]
    return Scripted({"FAIL": failing})


@pytest.fixture
def client(server: Scripted) -> Iterator[RawClient]:
    with StandIn(server, encryption=Encryption.NONE) as stand_in, RawClient(stand_in.port) as client:
        client.prelogin()
        client.login()
        yield client


def ask(client: RawClient, *calls: bytes) -> bytes:
    client.send(Kind.RPC, NO_HEADERS + NEXT_CALL.join(calls))
    return client.receive()


def handle_in(reply: bytes) -> int:
    """Find the handle of a prepared statement: the last output parameter, before the end of the procedure."""
    (handle,) = struct.unpack_from("<i", reply, len(reply) - 13 - 4)
    return int(handle)


def test_a_statement_is_executed_with_parameters_under_their_declared_names(
    server: Scripted, client: RawClient
) -> None:
    ask(client, call(EXECUTESQL, text("ASK @a, @b"), text("@a int, @b nvarchar(10)"), number(1), text("two")))
    ask(client, call(EXECUTESQL, text("ASK @a, @b"), text("@a int, @b int"), number(2, "@b"), number(1, "@a")))
    ask(client, call(EXECUTESQL, text("ASK NOTHING")))
    assert server.asked == [
        ("ASK @a, @b", {"@a": 1, "@b": "two"}),
        ("ASK @a, @b", {"@b": 2, "@a": 1}),
        ("ASK NOTHING", {}),
    ]


def test_a_prepared_statement_is_executed_by_its_handle_until_it_is_let_go(server: Scripted, client: RawClient) -> None:
    prepared = call(PREPARE, number(None, output=True), text("@P1 int"), text("ASK @P1"), number(1))
    handle = handle_in(ask(client, prepared))
    assert server.asked == []
    ask(client, call(EXECUTE, number(handle), number(7)))
    assert server.asked == [("ASK @P1", {"@P1": 7})]
    ask(client, call(UNPREPARE, number(handle)))
    assert b"\xf3\x1f\x00\x00" in ask(client, call(EXECUTE, number(handle), number(8)))  # 8179
    assert len(server.asked) == 1


def test_preparing_anew_lets_the_old_statement_go(client: RawClient) -> None:
    old = handle_in(ask(client, call(PREPEXEC, number(None), text(""), text("ONE"))))
    new = handle_in(ask(client, call(PREPEXEC, number(old), text(""), text("TWO"))))
    assert new != old
    assert b"\xf3\x1f\x00\x00" in ask(client, call(EXECUTE, number(old)))


def test_several_calls_in_one_message_are_done_in_order_and_answered_in_one(
    server: Scripted, client: RawClient
) -> None:
    reply = ask(client, call(EXECUTESQL, text("ONE")), call(EXECUTESQL, text("TWO")))
    assert server.statements == ["ONE", "TWO"]
    more, last = b"\xfe\x01\x00", b"\xfe\x00\x00"
    assert reply.index(more) < reply.index(last)


def test_a_procedure_ends_with_its_status_and_an_error_is_marked(client: RawClient) -> None:
    good, bad = ask(client, call(EXECUTESQL, text("ONE"))), ask(client, call(EXECUTESQL, text("FAIL")))
    assert good[-18:] == RETURN_STATUS + struct.pack("<i", 0) + DONE_PROC + bytes(12)
    assert bad[-18:] == RETURN_STATUS + struct.pack("<i", 1) + DONE_PROC + b"\x02" + bytes(11)
