import io
import os
from types import SimpleNamespace

import pytest

from pwsops.cli.session import confirmed, server_path
from pwsops.errors import Refused


def operations(**engines):
    known = [SimpleNamespace(name=name, engine=engine) for name, engine in engines.items()]
    return SimpleNamespace(instances=SimpleNamespace(list=lambda: known))


@pytest.fixture
def at_terminal(monkeypatch):
    """Answer as a person at the terminal."""

    def answer(text, terminal=True):
        stdin, stderr = io.StringIO(text + "\n"), io.StringIO()
        for stream in (stdin, stderr):
            monkeypatch.setattr(stream, "isatty", lambda: terminal)
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("sys.stderr", stderr)
        return stderr

    return answer


def confirm(**changes):
    confirmed("This replaces it.", "db.sqlite3", **({"yes": False, "refusal": "Not confirmed."} | changes))


def test_yes_asks_nothing(at_terminal):
    asked = at_terminal("", terminal=False)
    confirm(yes=True)
    assert asked.getvalue() == ""


def test_nobody_to_ask_is_a_refusal_that_names_yes(at_terminal):
    at_terminal("db.sqlite3", terminal=False)
    with pytest.raises(Refused) as refusal:
        confirm()
    assert refusal.value.message == "Not confirmed."
    assert "--yes" in refusal.value.hint


def test_the_name_typed_out_goes_on(at_terminal):
    asked = at_terminal("db.sqlite3")
    confirm()
    assert "This replaces it. Type db.sqlite3" in asked.getvalue()


@pytest.mark.parametrize("typed", ["y", "", "DB.SQLITE3"])
def test_anything_else_typed_is_a_refusal(at_terminal, typed):
    at_terminal(typed)
    with pytest.raises(Refused):
        confirm()


def test_a_relative_path_of_the_embedded_engine_is_one_from_here():
    assert server_path(operations(here="sqlite"), "here", "backups") == os.path.abspath("backups")
    assert server_path(operations(), None, "x.bak") == os.path.abspath("x.bak")


def test_a_path_on_another_server_is_left_alone():
    assert server_path(operations(there="sqlserver"), "there", "D:\\backups") == "D:\\backups"
