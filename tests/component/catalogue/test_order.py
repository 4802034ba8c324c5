"""What is "last": the order of claims, whatever a clock said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pwsops.catalogue import claims, profiles, runs
from pwsops.rules.model import BackupKind, Health, RunStatus
from pwsops.rules.protection import Cause
from tests.clocks import NOON
from tests.homes import HOUR, Home

YEAR = timedelta(days=400)


def ran_ahead(home: Home, **fields: object) -> None:
    """One run while the clock is more than a year ahead; then it is right again."""
    home.add(**fields)
    home.clock.set_wall(NOON + YEAR)
    assert home.run() is RunStatus.SUCCEEDED
    home.clock.set_wall(NOON)


def test_a_failure_after_a_run_of_the_future_is_the_last_run(home: Home) -> None:
    ran_ahead(home)
    home.server.fail("one", ValueError("gone"), times=9)
    home.run()
    view = home.ops.profiles.view("p")
    assert view.last_run is not None
    assert (view.last_run.status, view.health) == (RunStatus.FAILED, Health.ORANGE)
    assert [run.id for run in home.ops.profiles.diagnose("p").failures] == [2]


def test_nothing_of_the_future_says_that_nothing_would_be_lost(home: Home) -> None:
    ran_ahead(home)
    (one,) = [view for view in home.ops.databases.list("srv") if view.name == "one"]
    assert one.exposure_s is None
    (finding,) = [each for each in one.verdict.findings if each.cause is Cause.CLOCK_IN_DOUBT]
    assert finding.at is not None
    assert finding.at.isoformat().startswith("2027-04-06T12:00")


def test_the_next_run_after_a_full_of_the_future_is_a_full_and_then_all_goes_on_as_before(home: Home) -> None:
    ran_ahead(home)
    home.run()
    home.run()
    kinds = [run.items[0].kind for run in reversed(home.ops.runs.list(limit=None)) if run.due_at < NOON + HOUR]
    assert kinds == [BackupKind.FULL, BackupKind.DIFFERENTIAL]


def test_a_planned_incremental_is_a_full_where_the_base_is_of_the_future(home: Home) -> None:
    ran_ahead(home)
    home.run(kind=BackupKind.DIFFERENTIAL)
    item = home.ops.runs.get(2).items[0]
    assert item.kind is BackupKind.FULL
    assert "clock is in doubt" in item.reason


def test_a_start_works_out_again_what_was_planned_while_the_clock_was_ahead(home: Home) -> None:
    ran_ahead(home)
    with home.core.catalogue.write() as connection:
        profiles.schedule(connection, [(1, NOON + YEAR, BackupKind.DIFFERENTIAL)])
        claims.refresh(connection, now=home.clock.now())
        row = profiles.get(connection, 1)
    assert (row.next_due_at, row.next_kind) == (NOON + HOUR, BackupKind.FULL)
    assert home.ops.profiles.preview("p", count=1)[0].kind is BackupKind.FULL


def test_an_instant_that_a_clock_ahead_used_up_is_run_when_it_really_comes(home: Home) -> None:
    home.add()
    home.clock.set_wall(NOON + 24 * HOUR)
    with home.core.catalogue.write() as connection:
        found = claims.claim(connection, now=home.clock.now(), owner="me")
        runs.change(connection, claims.take_queued(connection, owner="me")[-1], status=RunStatus.SUCCEEDED.value)
        claims.advance(connection, found, now=home.clock.now())
    home.clock.set_wall(NOON)
    with home.core.catalogue.write() as connection:
        claims.refresh(connection, now=home.clock.now())
        profiles.schedule(connection, [(1, NOON + 24 * HOUR, BackupKind.FULL)])
    home.clock.set_wall(NOON + 24 * HOUR)
    with home.core.catalogue.write() as connection:
        claims.claim(connection, now=home.clock.now(), owner="me")
        assert len(claims.take_queued(connection, owner="me")) == 1


def test_the_newest_set_is_the_one_that_was_taken_last(home: Home) -> None:
    ran_ahead(home, incremental=False)
    home.run()
    dates = [one.finished_at for one in home.ops.restores.sources("srv", "one")]
    assert dates == [NOON + timedelta(seconds=1), datetime(2027, 4, 6, 12, 0, 1, tzinfo=UTC)]
