from __future__ import annotations

import signal
import socket
import threading
from types import SimpleNamespace

import pytest

from pwsops.errors import Conflict, InvalidInput, Refused
from pwsops.views import access, server, state
from tests.unit.views.conftest import FakeOperations


@pytest.fixture(autouse=True)
def _no_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PANEL_BASIC_AUTH", "PANEL_OAUTH_PROVIDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "::ffff:127.0.0.1"])
def test_this_machine_s_own_addresses_are_loopback(address: str) -> None:
    assert access.is_loopback(address)
    access.check_address(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "", "::", "192.168.1.5", "fe80::1%eth0", "db.example", "::ffff:10.0.0.1"]
)
def test_others_are_refused_without_authentication(address: str) -> None:
    with pytest.raises(Refused) as refused:
        access.check_address(address)
    assert "PANEL_BASIC_AUTH" in refused.value.hint


def test_authentication_opens_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANEL_BASIC_AUTH", "users.json")
    access.check_address("0.0.0.0")
    assert access.authentication() == {"basic_auth": "users.json"}
    monkeypatch.delenv("PANEL_BASIC_AUTH")
    monkeypatch.setenv("PANEL_OAUTH_PROVIDER", "github")
    assert access.authentication() == {"oauth_provider": "github"}


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


def test_with_authentication_any_peer_may_come_and_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access.pn, "state", session_from("10.0.0.7", {}))
    assert access.signed_in() == ""
    monkeypatch.setenv("PANEL_BASIC_AUTH", "users.json")
    access.check_peer()
    assert access.signed_in() == "ada"


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


def test_only_this_server_s_own_names_may_talk_to_it() -> None:
    assert server._origins("127.0.0.1", 5006) == ["localhost:5006", "127.0.0.1:5006"]
    assert f"{socket.gethostname()}:80" in server._origins("10.0.0.1", 80)
    assert server._origins("::1", 80) == server._origins("127.0.0.1", 80)


def test_it_serves_until_it_is_told_to_end_and_leaves_nothing(ops: FakeOperations) -> None:
    ready: list[tuple[str, int]] = []
    before = signal.getsignal(signal.SIGTERM)

    def end(url: str) -> None:
        ready.append((url, ops.attached))
        signal.raise_signal(signal.SIGTERM)

    server.serve(ops, port=0, on_ready=end)  # type: ignore[arg-type]
    url, attached = ready[0]
    assert url.startswith("http://127.0.0.1:")
    assert attached == 1
    assert signal.getsignal(signal.SIGTERM) is before
    assert state._store is None
    assert "pwsops-pages" not in {thread.name for thread in threading.enumerate()}


def test_the_page_for_signing_in_asks_nobody_outside() -> None:
    text = (server.HERE / "templates" / "login.html").read_text(encoding="utf-8")
    assert "http" not in text
    assert 'name="username"' in text
