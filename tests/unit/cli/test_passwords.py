"""The password of a file on the command line."""

from __future__ import annotations

import io
from typing import Any

import pytest
import typer

from pwsops.cli import passwords


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_is_a_line_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" pa55 \r\nmore\n"))
    assert passwords.file_password("Password", from_stdin=True) == " pa55 "


def test_where_nobody_can_be_asked_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("unread"))
    assert passwords.file_password("Password", from_stdin=False) == ""


@pytest.mark.parametrize("confirm", [True, False])
def test_at_a_terminal_it_is_asked_for_without_being_shown(monkeypatch: pytest.MonkeyPatch, confirm: bool) -> None:
    asked: list[dict[str, Any]] = []

    def prompt(what: str, **how: Any) -> str:
        asked.append({"what": what, **how})
        return "pa55"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr(typer, "prompt", prompt)
    assert passwords.file_password("Password", from_stdin=False, confirm=confirm) == "pa55"
    assert (asked[0]["what"], asked[0]["hide_input"], asked[0]["confirmation_prompt"]) == ("Password", True, confirm)
