from __future__ import annotations

import os
from pathlib import Path

import pytest

from pwsops.errors import Refused
from pwsops.signin import private_file
from pwsops.signin.keys import kept_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "it.json"
    private_file.write(path, b"first")
    return path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_written_is_for_its_owner_alone(path: Path) -> None:
    assert mode(path) == 0o600
    assert private_file.read(path) == b"first"
    assert [one.name for one in path.parent.iterdir()] == ["it.json"]


def test_no_file_is_none(tmp_path: Path) -> None:
    assert private_file.read(tmp_path / "it.json") is None


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    path.chmod(0o644)
    assert private_file.read(path) == b"first"
    assert mode(path) == 0o600


@pytest.mark.parametrize("wide", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_believed(path: Path, wide: int) -> None:
    path.chmod(wide)
    with pytest.raises(Refused, match="others may write"):
        private_file.read(path)


def test_a_link_a_pipe_and_a_directory_are_not_believed(path: Path) -> None:
    link, pipe, folder = (path.with_name(name) for name in ("link", "pipe", "folder"))
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    folder.mkdir()
    for one in (link, pipe, folder):
        with pytest.raises(Refused):
            private_file.read(one)


def test_a_file_of_somebody_else_is_not_believed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65533)
    with pytest.raises(Refused, match="another user"):
        private_file.read(path)


def test_a_huge_file_is_not_read(path: Path) -> None:
    os.truncate(path, private_file.LARGEST + 1)
    with pytest.raises(Refused, match="larger"):
        private_file.read(path)


def test_what_cannot_be_written_leaves_what_was_there(path: Path) -> None:
    with pytest.raises(Refused, match="cannot be written"):
        private_file.write(path.parent / "none" / "it.json", b"second")
    (path.parent / "dir").mkdir()
    with pytest.raises(Refused):
        private_file.write(path.parent / "dir", b"second")
    assert sorted(one.name for one in path.parent.iterdir()) == ["dir", "it.json"]


def test_a_change_is_seen_at_once_and_damage_hides_what_was_known(path: Path) -> None:
    def parse(content: bytes | None) -> str:
        return "nothing" if content is None else content.decode()

    watched = private_file.Watched(path, parse)
    assert watched.get() == watched.get() == "first"
    private_file.write(path, b"other")
    assert watched.get() == "other"
    private_file.write(path, b"\xff")
    with pytest.raises(Refused, match="damaged"):
        watched.get()
    path.unlink()
    assert watched.get() == "nothing"


def test_a_key_is_made_once_and_a_damaged_one_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    assert len(kept_key(path)) == 32
    assert kept_key(path) == kept_key(path)
    private_file.write(path, b"short")
    with pytest.raises(Refused):
        kept_key(path)
