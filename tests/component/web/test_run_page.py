"""A run's page: how it compares with the runs before it, and what can be done from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from pwsops.operations.records import RunMeasure, RunView
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from pwsops.rules.rights import Principal, Role, Way
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.run import trend
from pwsops.web.pages.run.page import Run
from pwsops.web.pages.starting import GONE
from tests.component.web.conftest import NOW, FakeOperations, make_item, make_profile, make_run


def measure(number: int, duration_s: float | None = 2.0, **values: Any) -> RunMeasure:
    known = {"due_at": NOW, "status": RunStatus.SUCCEEDED, "kind": BackupKind.FULL, "size_bytes": number * 1000}
    return RunMeasure(run_id=number, duration_s=duration_s, **known | values)


def took(number: int, seconds: float, size_bytes: int, status: RunStatus = RunStatus.SUCCEEDED) -> RunView:
    item = make_item(status, database="a.db", kind=BackupKind.FULL, size_bytes=size_bytes, set_id=f"set-{number}")
    return make_run(number, status, finished_at=NOW + timedelta(seconds=seconds), items=[item])


@pytest.fixture
def session(store: Store, ops: FakeOperations) -> Iterator[Session]:
    ops.run_views = [took(3, 8, 3_000), took(2, 4, 2_000), took(1, 2, 1_000)]
    session = Session(store, None)
    session.nav.go(page="run", run=3)
    yield session
    session.close()


def shown(session: Session) -> str:
    return str(Run(session)._piece.html)


def button(html: str, label: str) -> str:
    found = re.search(rf'<button[^>]*aria-label="{label}"[^>]*>', html)
    assert found is not None
    return found.group()


def test_two_charts_show_what_the_last_runs_took_and_wrote_and_words_say_it(session: Session) -> None:
    html = shown(session)
    assert html.count('<svg viewBox="0 0 30 62"') == 2
    words = "This run took 8.0 s. The 2 full runs before it took 3.0 s at the median, 2.0 s to 4.0 s."
    assert f'aria-label="Duration: {words}"' in html
    assert f"<strong>Duration</strong> {words}" in html
    assert "This run wrote 3.0 kB. The 2 full runs before it wrote 1.5 kB at the median, 1.0 kB to 2.0 kB." in html
    assert "The same as a list" in html
    assert html.count("<title>Run ") == 6


def test_a_first_run_has_nothing_to_be_compared_with(session: Session) -> None:
    session.nav.run = 1
    assert "<svg viewBox" not in shown(session)


def test_a_run_is_compared_with_those_of_its_kind_that_succeeded() -> None:
    duration, size = trend.charts(
        [
            measure(1, 60.0),
            measure(2, 1.0, kind=BackupKind.DIFFERENTIAL, size_bytes=10),
            measure(3, 9.0, kind=BackupKind.DIFFERENTIAL, size_bytes=None, status=RunStatus.FAILED),
            measure(4, None, kind=BackupKind.DIFFERENTIAL, size_bytes=None, status=RunStatus.MISSED),
            measure(5, 2.0, kind=BackupKind.DIFFERENTIAL, size_bytes=20),
        ],
        5,
    )
    assert duration.words == "This run took 2.0 s. The incremental run before it took 1.0 s."
    assert size.words == "This run wrote 20 bytes. The incremental run before it wrote 10 bytes."
    looks = [bar.look for bar in duration.bars]
    assert looks == ["full", "differential", "tone-red", "tone-orange", "differential here"]
    assert [bar.height for bar in duration.bars] == [60, 1.5, 9, 0, 2]
    assert all(bar.y + bar.height == trend.HEIGHT for bar in duration.bars)


def test_a_run_that_goes_on_is_not_measured_yet() -> None:
    duration, _ = trend.charts([measure(1), measure(2), measure(3, None, size_bytes=None, status=RunStatus.RUNNING)], 3)
    assert duration.words == "The 2 full runs before it took 2.0 s each."
    assert trend.charts([], 3) == []


def test_what_a_run_took_and_is_still_there_can_be_restored(session: Session, ops: FakeOperations) -> None:
    assert "Restore" not in shown(session)
    ops.run_sets = [
        BackupSet(
            set_id="set-3",
            database="a.db",
            kind=BackupKind.FULL,
            path="/b/a.bak",
            position=2,
            size_bytes=3_000,
            database_size_bytes=9,
            started_at=NOW,
            finished_at=NOW,
        )
    ]
    html = shown(session)
    address = "?page=restore&amp;instance=vaults&amp;database=a.db&amp;file=%2Fb%2Fa.bak&amp;position=2"
    assert f'<a class="button" href="{address}"' in html
    assert 'aria-label="Restore … a.db from this backup"' in html


def test_the_profile_is_started_again_and_edited_from_here(session: Session, ops: FakeOperations) -> None:
    page = Run(session)
    page._piece.take({"action": "start", "key": "Vaults"})
    assert ops.done == [("start", "Vaults")]
    page._piece.take({"action": "edit", "key": "Vaults"})
    assert (session.nav.page, session.nav.profile) == ("wizard", "Vaults")


def test_why_it_cannot_be_started_or_edited_is_said(session: Session, ops: FakeOperations) -> None:
    ops.profile_views = [make_profile(running=make_run(4, RunStatus.RUNNING))]
    session._take(session.store.snapshot())
    assert 'title="Vaults is running."' in button(shown(session), "Start again: Vaults")
    ops.profile_views = []
    session._take(session.store.snapshot())
    for label in ("Start again: Vaults", "Edit profile Vaults"):
        assert f'title="{GONE}"' in button(shown(session), label)


def test_who_may_only_look_is_told_why(session: Session, ops: FakeOperations) -> None:
    ops.principal = Principal(name="v", role=Role.VIEWER, way=Way.SIGNED_IN)
    html = shown(session)
    assert "Restore …" not in html
    for label in ("Start again: Vaults", "Edit profile Vaults"):
        assert "Your role is viewer" in button(html, label)
