"""A damaged database is found, and its backup counts for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pwsops.errors import EngineError
from pwsops.rules.model import BackupSet
from tests.integration.sqlserver.bench import Bench
from tests.standin.server.messages import said


def on_disk(bench: Bench) -> set[str]:
    return {name for name, is_directory, _ in bench.server.files.listing(bench.directory) if not is_directory}


def refused(bench: Bench, run: int = 2) -> EngineError:
    with pytest.raises(EngineError, match="does not count: the database is damaged") as failed:
        bench.overwrite(run)
    assert not failed.value.transient
    assert "CHECKDB" in failed.value.hint
    return failed.value


def test_a_page_that_the_server_came_upon_fails_the_backup_and_replaces_none(bench: Bench) -> None:
    good = bench.overwrite(1).backup_set
    bench.server.databases["vault"].suspect_page = 77
    error = refused(bench)
    assert "page 77 of file 1: its checksum is wrong" in error.message
    assert bench.path("vault_FULL~damaged.bak") in error.message
    assert bench.engine.verify(good).backup_set == good
    assert bench.engine.differential_base("vault") == good.set_id
    refused(bench, 3)
    assert on_disk(bench) == {"v.bak", "vault_FULL~damaged.bak"}


def test_what_was_written_of_a_damaged_database_says_whose_run_it_was(bench: Bench) -> None:
    bench.server.databases["vault"].suspect_page = 77
    refused(bench)
    (known,) = bench.engine.history()
    assert known.description == "pwsops run 2 (home)"
    assert known.copy_only


def test_a_page_whose_checksum_fails_ends_the_backup_and_what_can_be_read_is_kept(bench: Bench) -> None:
    good = bench.overwrite(1).backup_set
    bench.server.databases["vault"].damaged_page = 78
    error = refused(bench)
    assert error.number == 3043
    assert on_disk(bench) == {"v.bak", "vault_FULL~damaged.bak"}
    (kept,) = bench.engine.read_media(bench.path("vault_FULL~damaged.bak"))
    assert kept.details["is_damaged"]
    assert bench.engine.verify(good).backup_set == good


def test_a_page_that_is_found_while_the_backup_is_taken_counts_too(bench: Bench) -> None:
    good = bench.overwrite(1).backup_set
    fault = bench.server.faults.on("BACKUP", delay_s=0.3)

    def spoil(_: object) -> None:
        bench.server.databases["vault"].suspect_page = 79

    request = bench.request(
        file_name="v.bak", overwrite=True, replaceable=list(bench.known), description="pwsops run 2 (home)"
    )
    with pytest.raises(EngineError, match="page 79") as failed:
        bench.engine.backup(request, on_progress=spoil)
    assert not fault.times
    assert bench.path("v~2.bak") in failed.value.message
    assert on_disk(bench) == {"v.bak", "v~2.bak"}
    assert bench.engine.verify(good).backup_set == good


def test_a_set_that_says_of_itself_that_it_holds_damage_does_not_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pwsops.engines.sqlserver import media

    honest = media.from_headers

    def damaged(*arguments: object) -> list[BackupSet]:
        return [replace(each, details={**each.details, "is_damaged": True}) for each in honest(*arguments)]  # type: ignore[arg-type]

    monkeypatch.setattr(media, "from_headers", damaged)
    assert "its own header says" in refused(bench).message


def test_nobody_looks_for_damage_where_that_is_switched_off(bench: Bench) -> None:
    bench.server.databases["vault"].suspect_page = 77
    assert bench.take(check_structure=False).backup_set.size_bytes > 0


def test_a_question_for_damage_that_is_refused_is_said_and_fails_nothing(bench: Bench) -> None:
    bench.server.faults.on(
        "SELECT", containing="suspect_pages", raise_=[said(229, "SELECT", "x", "msdb", "dbo")], times=None
    )
    messages = bench.take().messages
    assert any("are known to be damaged could not be asked" in each.text for each in messages)


def test_a_full_counts_as_checked_only_where_the_server_could_be_asked_before_and_after(bench: Bench) -> None:
    assert bench.take(file_name="one.bak").checked
    fault = bench.server.faults.on("BACKUP", delay_s=0.3)

    def lock(_: object) -> None:
        bench.server.faults.on("SELECT", containing="suspect_pages", raise_=[said(1205, 51, "lock")], times=None)

    request = bench.request(file_name="two.bak", description="pwsops run 2 (home)")
    result = bench.engine.backup(request, on_progress=lock)
    assert not fault.times
    assert result.checked is False
    assert sum("are known to be damaged could not be asked" in each.text for each in result.messages) == 1


def test_a_set_is_not_taken_over_while_its_server_cannot_be_asked_for_damage(bench: Bench) -> None:
    full = bench.full()
    fault = bench.server.faults.on("SELECT", containing="suspect_pages", raise_=[said(1205, 51, "lock")], times=None)
    with pytest.raises(EngineError) as busy:
        bench.engine.require_sound(full, of_database=True)
    assert busy.value.transient
    fault.times = 0
    bench.engine.require_sound(full, of_database=True)
    # A login that never may is no reason to wait.
    bench.server.faults.on("SELECT", containing="suspect_pages", raise_=[said(229, "SELECT", "x", "msdb", "dbo")])
    bench.engine.require_sound(full, of_database=True)


def test_what_can_be_read_of_a_damaged_database_may_not_be_kept_either(bench: Bench) -> None:
    bench.server.databases["vault"].suspect_page = 77
    bench.server.faults.disk_full("x", times=None)
    assert "could not be kept" in refused(bench).message


def test_a_differential_is_not_looked_at_for_damage(bench: Bench) -> None:
    base = bench.full()
    bench.server.databases["vault"].suspect_page = 77
    assert bench.take(base=base, file_name="d.bak", description="pwsops run 2 (home)").backup_set.base_id == base.set_id


def test_a_failed_full_of_ours_that_became_the_base_is_told_as_ours(bench: Bench) -> None:
    base = bench.full()
    bench.full("failed.bak", description="pwsops run 9 (home)")
    with pytest.raises(EngineError, match=r"a full backup of ours \(pwsops run 9 \(home\)") as unusable:
        bench.take(base=base, file_name="d.bak", description="pwsops run 10 (home)")
    assert "Take a full" in unusable.value.hint
