from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from pwsops.errors import Conflict, InvalidInput, Refused
from pwsops.signin import private_file, roles
from pwsops.web import access, server
from pwsops.web.live import process
from tests.component.web.conftest import FakeOperations


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "::ffff:127.0.0.1"])
def test_this_machine_s_own_addresses_are_loopback(address: str) -> None:
    assert access.is_loopback(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "", "::", "192.168.1.5", "fe80::1%eth0", "db.example", "::ffff:10.0.0.1"]
)
def test_others_are_not_let_near_while_none_of_them_could_sign_in(ops: FakeOperations, address: str) -> None:
    assert not access.is_loopback(address)
    authentication = ops.people.authentication()
    with pytest.raises(Refused) as refused:
        server._check_address(address, authentication)
    assert "pwsops user add" in refused.value.hint
    authentication.users.add("ada", "walrus teapot oblong")
    with pytest.raises(Refused):
        server._check_address(address, authentication)
    private_file.write(ops.home / roles.FILE_NAME, b'[[person]]\nsubject = "ada"\nrole = "viewer"\n')
    server._check_address(address, authentication)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1:5006", "[::1]", "[::1]:5006", "localhost", "LocalHost:80"])
def test_a_host_that_can_only_mean_this_machine_is_its_own(host: str) -> None:
    assert access.is_known_host(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5006", "127.0.0.1.evil.example", "localhost.evil.example:5006", "192.168.1.5",
     "0.0.0.0:5006", "[fe80::1]:5006", "[::1].evil.example", "127.0.0.1%25x", "localhost:80:80", "", "::1:5006"],
)  # fmt: skip
def test_any_other_host_is_not(host: str) -> None:
    assert not access.is_known_host(host)


def session_from(peer: str, headers: dict[str, str]) -> object:
    request = SimpleNamespace(remote_ip=peer, headers=headers)
    return SimpleNamespace(curdoc=SimpleNamespace(session_context=SimpleNamespace(request=request)), user="ada")


@pytest.mark.parametrize(
    ("peer", "headers", "refused"),
    [
        ("127.0.0.1", {}, False),
        ("::1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("10.0.0.7", {}, True),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, True),
        ("127.0.0.1", {"x-forwarded-for": "somebody"}, True),
        ("127.0.0.1", {"Host": "localhost:5006"}, False),
        ("127.0.0.1", {"host": "evil.example:5006"}, True),
    ],
)
def test_a_session_from_another_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, peer: str, headers: dict[str, str], refused: bool
) -> None:
    monkeypatch.setattr(access.pn, "state", session_from(peer, headers))
    if refused:
        with pytest.raises(Refused):
            access.check_peer()
    else:
        access.check_peer()


def test_the_toolkit_s_own_authentication_lets_nobody_in_and_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANEL_BASIC_AUTH", "users.json")
    monkeypatch.setattr(access.pn, "state", session_from("10.0.0.7", {}))
    with pytest.raises(Refused, match="another machine"):
        access.check_peer()


def test_what_a_token_says_of_a_connection_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = session_from("10.0.0.7", {"Host": "localhost"})
    told = there.curdoc.session_context.request  # type: ignore[attr-defined]
    there.curdoc.session_context.request = SimpleNamespace(  # type: ignore[attr-defined]
        headers={"Host": "localhost"}, remote_ip="127.0.0.1", _request=told
    )
    monkeypatch.setattr(access.pn, "state", there)
    with pytest.raises(Refused):
        access.check_peer()


def test_panel_serve_says_what_it_cannot_be_protected_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ops: FakeOperations
) -> None:
    monkeypatch.setattr("pwsops.operations.open_operations", lambda actor: ops)
    monkeypatch.setattr(process.atexit, "register", lambda *_: None)
    monkeypatch.setattr(access, "_was_logged", False)
    for _ in range(2):
        process._open()
    assert capsys.readouterr().err.count("Every user of this machine") == 1


def test_an_address_for_others_is_refused_before_anything_is_opened(ops: FakeOperations) -> None:
    with pytest.raises(Refused):
        server.serve(ops, address="0.0.0.0")  # type: ignore[arg-type]
    assert ops.attached == 0


def test_a_port_in_use_is_said_and_nothing_is_scheduled(ops: FakeOperations) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=str(port)) as conflict:
            server.serve(ops, port=port)  # type: ignore[arg-type]
    assert f"--port {port + 1}" in conflict.value.hint
    assert ops.attached == 0


def test_a_port_that_may_not_be_had_is_said() -> None:
    error = server._cannot_listen("127.0.0.1", 80, PermissionError(13, "Permission denied"))
    assert isinstance(error, InvalidInput)
    assert "Permission denied" in error.message


def test_the_address_that_is_listened_on_is_a_name_and_everywhere_is_none() -> None:
    assert server._names("10.0.0.1", ["DB.example"]) == ["db.example", "10.0.0.1"]
    assert server._names("0.0.0.0", ["db.example"]) == ["db.example"]
    assert server._names("::", []) == []


@pytest.mark.parametrize(
    ("address", "named"),
    [("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("::", "localhost"), ("::1", "[::1]"), ("10.0.0.1", "10.0.0.1"),
     ("2001:db8::5", "[2001:db8::5]"), ("localhost", "localhost")],
)  # fmt: skip
def test_the_address_that_is_printed_is_one_that_is_answered(address: str, named: str) -> None:
    assert server._host(address) == named
    assert access.is_known_host(f"{named}:5006", server._names(address, []))


@pytest.mark.parametrize(
    "name", ["http://db.example", "db.example:5006", "db.example/", "*.example", "a b", "", "[::1]"]
)
def test_a_host_that_no_browser_could_name_is_refused(ops: FakeOperations, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a machine") as wrong:
        server.serve(ops, hosts=["fine.example", name])  # type: ignore[arg-type]
    assert "--host" in wrong.value.hint
    assert ops.attached == 0


def test_it_serves_until_it_is_told_to_end_and_leaves_nothing(ops: FakeOperations) -> None:
    ready: list[tuple[str, int]] = []
    before = signal.getsignal(signal.SIGTERM)
    others = set(threading.enumerate())
    """What pages of other tests asked for may still be under way."""

    def end(url: str) -> None:
        ready.append((url, ops.attached))
        signal.raise_signal(signal.SIGTERM)

    server.serve(ops, port=0, on_ready=end)  # type: ignore[arg-type]
    url, attached = ready[0]
    assert url.startswith("http://127.0.0.1:")
    assert attached == 1
    assert signal.getsignal(signal.SIGTERM) is before
    assert process._store is None
    assert "pwsops-pages" not in {thread.name for thread in set(threading.enumerate()) - others}


def test_other_names_get_the_reason_and_nothing_else(ops: FakeOperations) -> None:
    said: dict[str, tuple[int, str]] = {}
    websocket = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "aaaaaaaaaaaaaaaaaaaaaa==",
                 "Sec-WebSocket-Version": "13", "Origin": "http://evil.example"}  # fmt: skip

    def ask(port: int, host: str, path: str, method: str, headers: dict[str, str]) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, "" if answer.status == 200 else answer.read().decode()

    def visit(url: str) -> None:
        port = int(urlsplit(url).port or 0)
        try:
            for path in ("/", "/ws", "/favicon.ico", "/static/js/bokeh.min.js"):
                said[path] = ask(port, f"evil.example:{port}", path, "GET", websocket if path == "/ws" else {})
            said["own"] = ask(port, f"localhost:{port}", "/favicon.ico", "GET", {})
            said["own number"] = ask(port, f"127.0.0.2:{port}", "/favicon.ico", "GET", {})
        finally:
            # To the process: the main thread has to wake.
            os.kill(os.getpid(), signal.SIGTERM)

    def ready(url: str) -> None:
        # Whoever asks must not be the one who answers.
        threading.Thread(target=visit, args=(url,), daemon=True).start()

    server.serve(ops, port=0, on_ready=ready)  # type: ignore[arg-type]
    own = {said.pop("own")[0], said.pop("own number")[0]}
    assert own == {401}
    assert {code for code, _ in said.values()} == {403}
    assert all("its own names" in text and "Open it as localhost" in text for _, text in said.values())
    assert len(said) == 4
