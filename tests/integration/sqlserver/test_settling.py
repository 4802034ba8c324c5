"""How a backup ended is told by its file, whatever else cannot be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pwsops.errors import EngineError
from pwsops.rules.model import BackupSet
from tests.integration.sqlserver.bench import Bench, open_bench
from tests.standin import drivers
from tests.standin.server.messages import os_error, said

WAIT_S = 10
RUN = "pwsops run 1 (home)"
LOCKED = said(1205, 51, "lock")


def refuse(bench: Bench, what: str, times: int | None = None) -> None:
    bench.server.faults.on("SELECT", containing=what, raise_=[LOCKED], times=times)


def find(bench: Bench, description: str = RUN) -> BackupSet | None:
    return bench.engine.find_backup(database="vault", directory=bench.directory, description=description)


def test_a_lost_backup_is_proven_by_its_file_where_the_history_refuses(bench: Bench) -> None:
    refuse(bench, "msdb.dbo.backupset AS b")
    bench.server.faults.cut(after=7, finishes=True)
    taken = bench.take().backup_set
    assert bench.engine.read_media(taken.path) == [taken]


def test_a_retry_takes_what_the_attempt_before_it_has_finished(bench: Bench) -> None:
    bench.server.faults.cut(after=7, finishes=True)
    bench.server.faults.on("RESTORE VERIFYONLY", cut_after=1, times=2)
    with pytest.raises(EngineError) as lost:
        bench.take()
    assert lost.value.transient
    assert "the next attempt takes it as it is" in lost.value.hint
    result = bench.take()
    assert len(bench.sent("BACKUP")) == 1
    assert any("An earlier attempt had finished this backup" in each.text for each in result.messages)
    assert bench.engine.read_media(bench.path("one.bak")) == [result.backup_set]


def test_a_retry_waits_for_our_own_backup_as_long_as_its_time_limit_allows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.LIMIT_S", 0.2)
    finish = threading.Event()
    bench.server.faults.cut(after=7, finishes_when=finish)
    with pytest.raises(EngineError, match="still busy"):
        bench.engine.backup(bench.request(time_limit_s=0.4))
    threading.Timer(1.0, finish.set).start()
    taken = bench.engine.backup(bench.request(time_limit_s=WAIT_S)).backup_set
    assert len(bench.sent("BACKUP")) == 1
    assert taken.description == RUN


def test_a_refused_question_is_not_an_end(bench: Bench) -> None:
    """927 is what the requests view says while any database is restored."""
    finish = threading.Event()
    bench.server.faults.cut(after=7, finishes_when=finish)
    asked = bench.server.faults.on("SELECT", containing="percent_complete", raise_=[said(927, "elsewhere")], times=4)

    def release() -> None:
        while asked.times:
            threading.Event().wait(0.01)
        finish.set()

    threading.Thread(target=release, daemon=True).start()
    assert bench.take().backup_set.description == RUN


def test_where_some_database_is_always_being_restored_backups_are_taken_and_settled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.REFUSED_LIMIT_S", 0.3)
    bench.server.faults.on("SELECT", containing="dm_exec_requests", raise_=[said(927, "standby")], times=None)
    taken = bench.take().backup_set
    assert find(bench) == taken
    with pytest.raises(EngineError, match="in the middle of a restore"):
        find(bench, "pwsops run 2 (home)")
    bench.server.faults.cut(after=7, finishes=True)
    second = bench.take(file_name="two.bak", description="pwsops run 2 (home)").backup_set
    assert find(bench, "pwsops run 2 (home)") == second


@pytest.mark.parametrize(
    "breaks", [lambda bench: refuse(bench, "b.description = "), lambda bench: bench.server.history.backups.clear()]
)
def test_a_finished_backup_is_found_in_its_file_where_the_history_has_none(
    bench: Bench, breaks: Callable[[Bench], None]
) -> None:
    other = bench.full("vault_FULL_20260101T000000Z_1.bak", description="pwsops run 0 (home)")
    taken = bench.full("VAULT_FULL_20260102T000000Z_2.BAK")
    bench.server.files.put(bench.path("vault_FULL_20260103T000000Z_3.bak"), 10)
    breaks(bench)
    found = find(bench)
    assert found is not None
    assert found.set_id == taken.set_id != other.set_id
    assert find(bench, "pwsops run 2 (home)") is None


def test_what_could_not_be_asked_for_is_not_told_as_none(bench: Bench) -> None:
    bench.full("vault_FULL.bak")
    refuse(bench, "b.description = ")
    bench.fail("SELECT", said(3634, "FindFirstFile", "5(Access is denied.)", "x"), containing="enumerate_filesystem")
    bench.fail("EXEC", said(229, "EXECUTE", "xp_dirtree", "mssqlsystemresource", "sys"), containing="xp_dirtree")
    with pytest.raises(EngineError, match="Listing the directory"):
        find(bench)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_file_that_cannot_be_opened_now_may_hold_the_backup(bench: Bench, remembered: bool) -> None:
    taken = bench.full("vault_FULL.bak")
    bench.full("vault_FULL_2.bak", description="pwsops run 2 (home)")
    if not remembered:
        bench.server.history.backups.clear()
    in_use = [said(3201, taken.path, os_error(32)), said(3013, "RESTORE HEADERONLY")]
    bench.server.faults.on("RESTORE HEADERONLY", containing="vault_FULL.bak", raise_=in_use)
    with pytest.raises(EngineError, match="in use"):
        find(bench)
    found = find(bench)
    assert found is not None
    assert found.set_id == taken.set_id
    bench.server.files.remove(taken.path)
    assert find(bench) is None


def test_a_share_that_is_away_may_hold_the_backup(bench: Bench) -> None:
    bench.server.files.add_volume("S:")
    bench.server.files.make_directory("S:\\Backup")
    bench.take(directory="S:\\Backup")
    bench.server.files.volumes.pop()
    bench.server.files.remove("S:")
    with pytest.raises(EngineError):
        bench.engine.find_backup(database="vault", directory="S:\\Backup", description=RUN)


def test_a_set_whose_file_was_overwritten_is_not_found(bench: Bench) -> None:
    """The history remembers it for ever, at a place where another set stands now."""
    first = bench.overwrite(1).backup_set
    for run in (2, 3):
        bench.overwrite(run)
    third = find(bench, "pwsops run 3 (home)")
    assert third is not None
    assert third.path == first.path
    assert find(bench) is None


def test_only_a_few_files_are_looked_into(driver: drivers.Driver) -> None:
    with open_bench(driver) as bench:
        for number in range(30):
            bench.server.files.put(bench.path(f"vault_FULL_{number:02}.bak"), 10)
        assert find(bench) is None
        assert len(bench.sent("RESTORE HEADERONLY")) <= 10
        refuse(bench, "b.description = ")
        with pytest.raises(EngineError, match="history cannot be read"):
            find(bench)
