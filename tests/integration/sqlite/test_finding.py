"""Looking for backups that nobody recorded, as a worker does it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.found import FileState
from pwsops.engines.registry import media_finder
from pwsops.engines.sqlite import finder, finding
from pwsops.engines.sqlite.process import Worker
from pwsops.errors import Cancelled, EngineError


def test_what_cannot_be_looked_into_is_told_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where everybody may read everything, as root does."""
    for name in ("open", "shut"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    (tmp_path / "open" / ".pwsops-backup-0.tmp").touch()
    really: Callable[[Any], Any] = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found, unread = finding.walk(str(tmp_path))
    assert found == [str(tmp_path / "open" / "a")]
    assert unread == [(str(tmp_path / "shut"), "it cannot be looked into: Permission denied")]


def test_a_file_that_may_not_be_read_is_told_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, limit: int) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("pwsops.foreign.read", refuse)
    assert finding.read(["/a/b"]) == [("/a/b", FileState.UNREAD, "it cannot be read: Permission denied")]


def test_where_a_worker_fails_each_of_its_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(worker: Worker) -> None:
        raise EngineError("It hangs.", hint="Wait.")

    monkeypatch.setattr(finder.Worker, "run", fail)
    looking = media_finder()
    assert [tuple(each) for each in looking.files("/a").unread] == [("/a", "It hangs.")]
    assert [tuple(each) for each in looking.media("/a", ["/a/b", "/a/c"]).unread] == [
        ("/a/b", "It hangs."),
        ("/a/c", "It hangs."),
    ]

    def stop(worker: Worker) -> None:
        raise Cancelled("Stopped.", hint="Again.")

    monkeypatch.setattr(finder.Worker, "run", stop)
    for ask in (lambda: looking.files("/a"), lambda: looking.media("/a", [])):
        with pytest.raises(Cancelled):
            ask()


def test_a_name_that_is_no_text_is_told_and_cannot_be_recorded(tmp_path: Path) -> None:
    from benchmarks import vault
    from tests.integration.sqlite.support import Place

    place = Place(tmp_path, {})
    vault.create(place.path(), 1)
    taken = Path(place.take().backup_set.path)
    os.rename(taken, os.fsencode(taken.parent) + b"/\xff.bak")
    looking = media_finder()
    listed = looking.files(str(taken.parent))
    found = looking.media(str(taken.parent), listed.paths)
    assert (found.sets, found.others) == ([], 2), "the recovery kit is none"
    assert "no text" in found.unread[0].reason
