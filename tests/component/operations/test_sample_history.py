"""The invented past: believable, marked as what it is, and never beside what is true."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.catalogue import Catalogue
from pwsops.errors import Denied, Refused
from pwsops.operations import Operations, Role, open_operations
from pwsops.operations.sample_home import is_sample, open_or_sample
from pwsops.operations.samples import HOURLY, NIGHTLY
from pwsops.rules.model import ProfileState, RunStatus, Trigger
from tests.clocks import NOON, ManualClock
from tests.people import acting_as


@pytest.fixture
def ops(tmp_path: Path, clock: ManualClock):  # type: ignore[no-untyped-def]
    opened = open_operations(tmp_path / "home", actor="ann", clock=clock)
    yield opened
    opened.close()


def test_it_has_runs_of_every_kind_up_to_now(ops: Operations) -> None:
    count = ops.samples.history()
    runs = ops.reports.runs()
    assert count == len(runs) == ops.runs.count()
    assert runs.due_at.min() >= NOON - timedelta(weeks=6)
    assert NOON - timedelta(hours=1) <= runs.due_at.max() < NOON
    assert {"succeeded", "failed", "missed", "skipped", "cancelled"} == set(runs.status)
    assert {Trigger.SCHEDULE.value, Trigger.CATCH_UP.value} == set(runs.trigger)
    assert {"full", "differential"} == set(runs.kind)
    missed = runs[runs.status == "missed"].iloc[0]
    assert missed.missed_count > 10
    assert missed.missed_until > missed.due_at


def test_each_incremental_has_its_full_and_the_databases_grow(ops: Operations) -> None:
    ops.samples.history()
    sets = ops.reports.sets()
    fulls = set(sets.set_id[sets.kind == "full"])
    assert set(sets.base_id.dropna()) <= fulls
    assert sets[sets.kind == "differential"].base_id.notna().all()
    for _, rows in sets.groupby("database"):
        assert rows.database_size_bytes.iloc[-1] > rows.database_size_bytes.iloc[0]
    assert ops.reports.databases().unprotected_s.max() < 24 * 3600


def test_failures_name_a_cause_and_a_cure(ops: Operations) -> None:
    ops.samples.history()
    items = ops.reports.items()
    failed = items[items.status == "failed"]
    assert len(failed) > 3
    assert (failed.error.str.len() > 20).all()
    assert (failed.hint.str.len() > 20).all()
    assert len(ops.reports.messages()) == len(failed)


def test_it_says_that_it_is_invented_and_runs_nothing(ops: Operations) -> None:
    ops.samples.history()
    assert [(one.name, one.state, one.next_due_at) for one in ops.profiles.list()] == [
        (HOURLY, ProfileState.INACTIVE, None), (NIGHTLY, ProfileState.INACTIVE, None),
    ]  # fmt: skip
    assert "Sample" in HOURLY
    assert "Sample" in NIGHTLY
    note = ops.audit.list(limit=1)[0]
    assert note.action == "invent a sample history"
    assert "no file behind them" in note.detail
    assert ops.reports.sets().path.str.endswith("_sample.bak").all()
    assert ops.restores.sources("samples", "company-vault.sqlite3") == []


def test_it_is_the_same_each_time(tmp_path: Path, clock: ManualClock, ops: Operations) -> None:
    ops.samples.history(weeks=2)
    other = open_operations(tmp_path / "other", clock=clock)
    other.samples.history(weeks=2)
    columns = ["run_id", "profile", "status", "due_at", "finished_at", "size_bytes"]
    assert ops.reports.runs()[columns].equals(other.reports.runs()[columns])
    other.close()


def test_a_home_with_a_profile_or_a_history_gets_none(ops: Operations) -> None:
    ops.samples.create(with_profile=True)
    with pytest.raises(Refused, match="profiles or a history of its own"):
        ops.samples.history()
    ops.profiles.delete("Sample vaults")
    with pytest.raises(Refused):
        ops.samples.history()
    assert ops.runs.count() == 1
    with pytest.raises(Denied):
        acting_as(ops, Role.VIEWER, "vera").samples.history()


def test_a_backup_taken_after_it_is_a_real_one(ops: Operations, clock: ManualClock) -> None:
    ops.samples.history(weeks=1)
    clock.advance(hours=1)
    assert ops.runs.run_here(HOURLY).status is RunStatus.SUCCEEDED
    assert [one.kind.value for one in ops.restores.sources("samples", "company-vault.sqlite3")] == ["full"]


def test_an_empty_home_stays_empty_and_samples_take_its_place(tmp_path: Path) -> None:
    opened = open_or_sample(tmp_path / "home")
    assert opened.home == tmp_path / "home" / "sample-home"
    assert is_sample(opened)
    count = opened.runs.count()
    opened.close()
    again = open_or_sample(str(tmp_path / "home"))
    assert again.runs.count() == count > 0
    again.close()
    catalogue = Catalogue(tmp_path / "home")
    with catalogue.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 0
    catalogue.close()


def test_a_home_with_something_to_see_is_opened_itself(tmp_path: Path) -> None:
    before = open_operations(tmp_path / "home")
    before.samples.create(with_profile=True)
    before.close()
    opened = open_or_sample(tmp_path / "home", actor="ann")
    assert (opened.home, opened.principal.name) == (tmp_path / "home", "ann")
    assert not is_sample(opened)
    opened.close()
