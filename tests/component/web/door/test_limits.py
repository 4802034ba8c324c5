"""How much the door lets in at once."""

from __future__ import annotations

import resource
import select
import socket
from collections.abc import Callable
from typing import Any

import pytest

from pwsops.web.door import limits as limits_module
from pwsops.web.door.crowd import Crowd
from pwsops.web.door.limits import RESERVE, Limits, raise_descriptors
from tests.clocks import wait_until
from tests.component.web.door.conftest import Served
from tests.raw import PATIENCE_S, Socket, token_of

Behind = Callable[..., Served]


def hung_up(wire: socket.socket) -> bool:
    readable, _, _ = select.select([wire], [], [], 0)
    try:
        return bool(readable) and wire.recv(1) == b""
    except ConnectionResetError:
        return True


def test_strangers_give_way_to_newcomers_and_those_signed_in_stay(behind: Behind) -> None:
    served = behind(limits=Limits(connections=12, strangers=4, strangers_a_peer=4))
    with served.opened("ada") as page:
        idle = [socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) for _ in range(20)]
        try:
            wait_until(lambda: sum(hung_up(wire) for wire in idle) == 16, "sixteen strangers to be sent away", 60)
            assert served.ask("/signin").status == 200
            assert served.ask("/static/js/bokeh-gl.min.js", "ada").status == 200
            page.message("PULL-DOC-REQ", {})
            assert "PULL-DOC-REPLY" in page.kinds("PULL-DOC-REPLY")
        finally:
            for wire in idle:
                wire.close()


def test_a_connection_that_sends_no_header_in_time_is_closed(behind: Behind) -> None:
    served = behind(limits=Limits(header_s=0.2, body_s=0.2))
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow:")
        assert wire.recv(1) == b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as wire:
        own = "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
        wire.sendall(f"POST /signin HTTP/1.1\r\n{own}Content-Length: 9\r\n\r\nx".encode())
        assert wire.recv(1) == b""


def test_a_request_too_large_is_not_read(behind: Behind) -> None:
    served = behind(limits=Limits(header_bytes=2_000, body_bytes=1_000))
    own = {"Origin": f"http://127.0.0.1:{served.port}"}
    assert served.ask("/signin", method="POST", body=b"x" * 1_000, **own).text == "1000"
    assert served.ask("/signin", method="POST", body=b"x" * 1_001, **own).status == 400
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000)
        assert wire.recv(1) in (b"", b"H")
    assert served.ask("/signin").status == 200


def test_a_person_has_so_many_pages_and_no_more_by_however_many_visits(behind: Behind) -> None:
    served = behind(limits=Limits(pages_a_person=2, pages=3))
    served.page("ada@home")
    served.page("ada@work")
    served.enter("ada")
    refused = served.ask("/", "ada")
    assert refused.status == 503
    assert refused.headers["Retry-After"] == "15"
    # Others are not kept out by that, until there are too many in all.
    served.page("eve")
    served.enter("joe")
    assert served.ask("/", "joe").status == 503
    assert len(served.sessions()) <= 3


def test_a_person_has_so_many_connections_and_no_more_by_however_many_visits(behind: Behind) -> None:
    served = behind(limits=Limits(connections_a_person=2))
    token = token_of(served.page("ada"))
    other = token_of(served.page("ada@work"))
    served.enter("eve")
    with served.socket("ada", token) as first, served.socket("ada@work", other) as second:
        assert isinstance(first, Socket)
        assert isinstance(second, Socket)
        for visit, its in (("ada", token), ("ada@work", other)):
            with served.socket(visit, its) as third:
                assert third == 503
        assert served.ask("/", "eve", method="HEAD").status == 204


class Stream:
    def __init__(self) -> None:
        self.gone = False

    def close(self) -> None:
        self.gone = True

    def closed(self) -> bool:
        return self.gone


def crowd(proxies: tuple[str, ...] = (), **limits: int) -> tuple[Crowd, Callable[[str], Stream]]:
    made = Crowd(Limits(**limits), proxies)
    served: list[Any] = []
    serve = made.guard(lambda stream, address: served.append(stream))

    def come(peer: str) -> Stream:
        stream = Stream()
        serve(stream, (peer, 1))  # type: ignore[arg-type]
        assert served[-1] is stream
        return stream

    return made, come


def test_one_address_keeps_no_other_out() -> None:
    _, come = crowd(connections=20, strangers=10, strangers_a_peer=3)
    other = come("10.0.0.1")
    loud = [come("10.0.0.2") for _ in range(8)]
    assert not other.gone
    assert [stream.gone for stream in loud] == [True] * 5 + [False] * 3


def test_a_proxy_brings_as_many_as_there_is_room_for() -> None:
    made, come = crowd(("10.0.0.2",), connections=20, strangers=5, strangers_a_peer=2)
    brought = [come("10.0.0.2") for _ in range(6)]
    assert [stream.gone for stream in brought] == [True] + [False] * 5
    assert len(made) == 5


def test_those_signed_in_have_a_share_of_their_own() -> None:
    made, come = crowd(connections=5, strangers=3, strangers_a_peer=3, connections_a_person=2)
    streams = [come("10.0.0.1") for _ in range(3)]
    assert [made.know(stream, "ada") for stream in streams] == [True, True, False]  # type: ignore[arg-type]
    assert made.know(streams[0], "ada")  # type: ignore[arg-type]
    eve = come("10.0.0.1")
    assert not made.know(eve, "eve")  # type: ignore[arg-type]
    streams[0].close()
    assert made.know(eve, "eve")  # type: ignore[arg-type]


def test_a_socket_without_an_address_is_nobodys() -> None:
    made = Crowd(Limits(strangers=1))
    made.guard(lambda stream, address: None)(Stream(), "")  # type: ignore[arg-type]
    assert len(made) == 1


@pytest.mark.parametrize("descriptors", [64, 256, 1_024, 4_096, 1 << 20])
def test_a_reserve_of_descriptors_stays_free(descriptors: int) -> None:
    limits = Limits().within(descriptors)
    assert limits.connections <= max(32, descriptors - RESERVE)
    assert limits.strangers < limits.connections <= Limits().connections
    assert limits.strangers_a_peer <= limits.strangers


def test_the_number_of_descriptors_is_raised_as_far_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(limits_module.resource, "setrlimit", lambda *args: told.append(args))
    for pair, said, expected in (
        ((1_024, 4_096), [(resource.RLIMIT_NOFILE, (4_096, 4_096))], 4_096),
        ((4_096, 4_096), [], 4_096),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), [], 1 << 20),
    ):
        told.clear()
        monkeypatch.setattr(limits_module.resource, "getrlimit", lambda _, pair=pair: pair)
        assert raise_descriptors() == expected
        assert told == said
