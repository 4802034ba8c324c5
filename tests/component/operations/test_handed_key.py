"""The key that a service manager hands over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from pwsops.errors import PwsopsError
from pwsops.operations import handed_key, open_operations
from pwsops.secrets import KEY_VARIABLE

KEY = Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(KEY_VARIABLE, "")  # what is set in the test is undone with it
    monkeypatch.setenv(handed_key.DIRECTORY_VARIABLE, str(tmp_path))
    return tmp_path / handed_key.NAME


def test_a_home_is_opened_with_the_key_that_was_handed_over(handed: Path, tmp_path: Path) -> None:
    handed.write_text(f"{KEY}\n")
    open_operations(tmp_path / "home").close()
    assert os.environ[KEY_VARIABLE] == KEY


def test_a_key_in_the_environment_counts_more(handed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed.write_text(KEY)
    monkeypatch.setenv(KEY_VARIABLE, "given")
    handed_key.take()
    assert os.environ[KEY_VARIABLE] == "given"


def test_nothing_handed_over_is_no_key(handed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_key.take()
    monkeypatch.delenv(handed_key.DIRECTORY_VARIABLE)
    handed.write_text(KEY)
    handed_key.take()
    assert os.environ[KEY_VARIABLE] == ""


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_text(" \n"), "is empty"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "cannot be read"),
    ],
)
def test_a_key_that_was_handed_over_and_is_none_is_told(
    handed: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(handed)
    with pytest.raises(PwsopsError, match=said) as caught:
        handed_key.take()
    assert "LoadCredential" in caught.value.hint
    assert os.environ[KEY_VARIABLE] == ""
