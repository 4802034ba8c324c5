"""The full that an incremental needs is found where the server remembers it, before any directory is read."""

from __future__ import annotations

import pytest

from pwsops.errors import MediaError, PwsopsError
from pwsops.operations import fulls
from pwsops.rules.model import BackupSet
from tests.integration.sqlserver.bench import Bench
from tests.standin.server.messages import said


def incremental(bench: Bench, full_name: str, directory: str | None = None) -> tuple[BackupSet, BackupSet]:
    full = bench.full(full_name, **({} if directory is None else {"directory": directory}))
    taken = bench.take(base=full, file_name="vault_DIFF.bak", description="pwsops run 2 (home)").backup_set
    return full, taken


def crowd(bench: Bench, count: int = 300) -> None:
    for number in range(count):
        bench.server.files.put(bench.path(f"other_{number}.bak"), 10)


def looked_for(bench: Bench, taken: BackupSet) -> tuple[list[str], int]:
    """Return the paths that were found, and how many files were opened for that."""
    before = len(bench.sent("RESTORE HEADERONLY"))
    told = fulls.remembered(bench.engine, taken.base_id or "", [])
    found = [each for path in told for each in bench.engine.read_media(path) if each.set_id == taken.base_id]
    found = found or list(fulls.beside(bench.engine, taken, [], tells=lambda path: True))
    return [each.path for each in found], len(bench.sent("RESTORE HEADERONLY")) - before


def test_it_is_found_in_another_directory_by_the_servers_history(bench: Bench) -> None:
    bench.server.files.make_directory("D:\\Fulls")
    full, taken = incremental(bench, "vault_FULL.bak", "D:\\Fulls")
    crowd(bench)
    assert looked_for(bench, taken) == ([full.path], 1)


def test_without_the_history_the_likeliest_files_are_opened_first_in_either_case_of_letters(bench: Bench) -> None:
    full, taken = incremental(bench, "VAULT_FULL.BAK")
    crowd(bench)
    bench.server.history.backups.clear()
    assert looked_for(bench, taken) == ([full.path], 1)


def test_not_every_file_of_a_directory_is_opened_and_that_is_said(bench: Bench) -> None:
    full, taken = incremental(bench, "vault_FULL.bak")
    crowd(bench)
    bench.server.files.remove(full.path)
    bench.server.history.backups.clear()
    with pytest.raises(MediaError, match="likeliest of the 300 files"):
        looked_for(bench, taken)
    assert len(bench.sent("RESTORE HEADERONLY")) < 60


def test_that_the_history_could_not_be_asked_is_not_told_as_none(bench: Bench) -> None:
    _, taken = incremental(bench, "vault_FULL.bak")
    bench.server.faults.on("SELECT", containing="b.backup_set_uuid = CAST", raise_=[said(1205, 51, "lock")], times=None)
    refused: list[PwsopsError] = []
    told = fulls.remembered(bench.engine, taken.base_id or "", refused)
    assert told == []
    assert len(refused) == 1
