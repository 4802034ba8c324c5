"""Exactly once, for each occurrence, whatever happens around it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from pwsops.catalogue import Catalogue, claims, profiles, runs
from pwsops.catalogue.schema import profiles as profiles_table
from pwsops.catalogue.schema import runs as runs_table
from pwsops.rules.model import BackupKind, ProfileState, RunStatus, Trigger
from tests.clocks import NOON
from tests.homes import HOUR, Home

ONE = NOON + HOUR
"""When an hourly profile that is made at noon is due first."""
MINUTE = timedelta(minutes=1)


def claim(home: Home, *, owner: str = "me", advance: bool = True) -> list[claims.Claimed]:
    with home.core.catalogue.write() as connection:
        claimed = claims.claim(connection, now=home.clock.now(), owner=owner)
    if advance:
        with home.core.catalogue.write() as connection:
            claims.advance(connection, claimed, now=home.clock.now())
    return claimed


def history(home: Home) -> list[tuple[str, datetime, str]]:
    """Status, instant and trigger of every run, oldest first."""
    return [(run.status.value, run.due_at, run.trigger.value) for run in reversed(home.ops.runs.list(limit=None))]


def end_runs(home: Home, status: RunStatus = RunStatus.SUCCEEDED) -> None:
    with home.core.catalogue.write() as connection:
        open_now = runs_table.c.status.in_(runs.OPEN)
        connection.execute(update(runs_table).where(open_now).values(status=status.value, finished_at=ONE))


def row(home: Home, profile_id: int) -> profiles.ProfileRow:
    with home.core.catalogue.read() as connection:
        return profiles.get(connection, profile_id)


def test_nothing_is_claimed_before_its_instant(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE - timedelta(microseconds=1))
    assert claim(home) == []
    assert history(home) == []


def test_what_is_due_is_claimed_once_and_the_next_instant_is_set(home: Home) -> None:
    profile_id = home.add()
    home.clock.set_wall(ONE)
    (claimed,) = claim(home)
    assert (claimed.profile_id, claimed.due_at) == (profile_id, ONE)
    assert row(home, profile_id).next_due_at == ONE + HOUR
    assert claim(home) == []
    assert history(home) == [("queued", ONE, "schedule")]


def test_a_second_claim_after_a_crash_before_the_advance_is_turned_away(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE)
    claim(home, advance=False)
    assert len(claim(home, owner="another")) == 1
    assert history(home) == [("queued", ONE, "schedule")]


def test_a_run_claimed_before_a_crash_is_not_called_missed_afterwards(home: Home) -> None:
    profile_id = home.add()
    home.clock.set_wall(ONE)
    claim(home, advance=False)
    home.clock.set_wall(ONE + 5 * MINUTE)
    claim(home)
    assert history(home) == [("queued", ONE, "schedule")]
    assert row(home, profile_id).next_due_at == ONE + HOUR


def test_what_came_after_a_run_claimed_before_a_crash_was_missed(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE)
    claim(home, advance=False)
    end_runs(home)
    home.clock.set_wall(ONE + 2 * HOUR + 5 * MINUTE)
    claim(home)
    missed, catch_up = reversed(home.ops.runs.list()[:2])
    assert (missed.status, missed.due_at, missed.missed_count) == (RunStatus.MISSED, ONE + HOUR, 2)
    assert catch_up.trigger is Trigger.CATCH_UP
    assert len(history(home)) == 3


def test_the_occurrence_after_a_crash_is_on_time(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE)
    claim(home, advance=False)
    end_runs(home)
    home.clock.set_wall(ONE + HOUR)
    claim(home)
    assert history(home) == [("succeeded", ONE, "schedule"), ("queued", ONE + HOUR, "schedule")]


def test_threads_that_claim_at_once_make_one_run_each(home: Home) -> None:
    for number in range(20):
        home.add(name=f"p{number}")
    home.clock.set_wall(ONE)
    together = Barrier(6, timeout=60)

    def compete(number: int) -> None:
        together.wait()
        claim(home, owner=f"thread {number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(compete, range(6)))
    assert history(home) == [("queued", ONE, "schedule")] * 20


def test_thousands_that_are_due_together_are_all_claimed(home: Home) -> None:
    count = 3000
    first = home.add(name="p")
    with home.core.catalogue.write() as connection:
        original = dict(connection.execute(select(profiles_table).where(profiles_table.c.id == first)).mappings().one())
        copies = [original | {"id": None, "name": f"p{number}"} for number in range(count - 1)]
        connection.execute(profiles_table.insert(), copies)
    home.clock.set_wall(ONE)
    assert len(claim(home)) == count
    with home.core.catalogue.read() as connection:
        assert runs.count(connection, status=RunStatus.QUEUED) == count
        assert connection.execute(select(func.min(profiles_table.c.next_due_at))).scalar() == ONE + HOUR


@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=30)])
def test_a_claim_within_the_grace_is_on_time(home: Home, late: timedelta) -> None:
    home.add()
    home.clock.set_wall(ONE + late)
    claim(home)
    assert history(home) == [("queued", ONE, "schedule")]


def test_a_claim_after_the_grace_is_a_miss_and_a_catch_up(home: Home) -> None:
    home.add()
    now = ONE + timedelta(seconds=31)
    home.clock.set_wall(now)
    claim(home)
    assert history(home) == [("missed", ONE, "schedule"), ("queued", now, "catch_up")]


def test_a_downtime_is_one_row_with_first_last_and_count_and_one_catch_up(home: Home) -> None:
    home.add()
    now = ONE + 5 * HOUR + 10 * MINUTE
    home.clock.set_wall(now)
    claim(home)
    catch_up, missed = home.ops.runs.list()
    assert (missed.status, missed.due_at, missed.missed_until) == (RunStatus.MISSED, ONE, ONE + 5 * HOUR)
    assert missed.missed_count == 6
    assert missed.summary.startswith("6 runs were missed")
    assert missed.finished_at == now
    assert (catch_up.status, catch_up.trigger, catch_up.due_at) == (RunStatus.QUEUED, Trigger.CATCH_UP, now)


def test_after_a_downtime_that_ends_on_time_the_last_is_no_miss(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE + 2 * HOUR + timedelta(seconds=5))
    claim(home)
    assert history(home) == [("missed", ONE, "schedule"), ("queued", ONE + 2 * HOUR, "schedule")]
    assert home.ops.runs.list()[1].missed_count == 2


def test_each_downtime_has_its_own_row(home: Home) -> None:
    home.add()
    for hours in (3, 8):
        home.clock.set_wall(NOON + hours * HOUR + 10 * MINUTE)
        claim(home)
        end_runs(home)
    assert [run.missed_count for run in home.ops.runs.list(status=RunStatus.MISSED)] == [5, 3]


def test_a_catch_up_is_full_if_a_full_was_among_the_missed(home: Home) -> None:
    profile_id = home.add(renew_full="weekly:tue")
    with home.core.catalogue.write() as connection:
        profiles.set_state(connection, profile_id, last_full_due_at=NOON, next_kind=BackupKind.DIFFERENTIAL.value)
    home.clock.set_wall(datetime(2026, 3, 3, 5, 30, tzinfo=UTC))
    claim(home)
    assert home.ops.runs.list()[0].kind is BackupKind.FULL


def test_a_catch_up_is_incremental_if_no_full_was_among_the_missed(home: Home) -> None:
    profile_id = home.add(renew_full="weekly:tue")
    with home.core.catalogue.write() as connection:
        profiles.set_state(connection, profile_id, last_full_due_at=NOON, next_kind=BackupKind.DIFFERENTIAL.value)
    home.clock.set_wall(ONE + 5 * HOUR + 10 * MINUTE)
    claim(home)
    assert home.ops.runs.list()[0].kind is BackupKind.DIFFERENTIAL


def test_the_first_run_is_still_full_when_it_was_missed(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE + 3 * HOUR + 10 * MINUTE)
    claim(home)
    assert home.ops.runs.list()[0].kind is BackupKind.FULL


@pytest.mark.parametrize("late", [timedelta(), 10 * MINUTE])
def test_a_run_is_skipped_while_the_one_before_it_still_goes(home: Home, late: timedelta) -> None:
    home.add()
    home.clock.set_wall(ONE)
    claim(home)
    home.clock.set_wall(ONE + HOUR + late)
    claim(home)
    skipped = home.ops.runs.list()[0]
    assert (skipped.status, skipped.summary) == (RunStatus.SKIPPED, claims.SKIPPED)
    assert skipped.finished_at == home.clock.now()
    assert home.ops.runs.count(status=RunStatus.QUEUED) == 1


def test_another_profile_is_not_skipped_for_it(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE)
    claim(home)
    home.add(name="q")
    home.clock.set_wall(ONE + HOUR)
    claim(home)
    assert [run.status for run in home.ops.runs.list("q")] == [RunStatus.QUEUED]


def test_nothing_is_claimed_after_the_end_date(home: Home) -> None:
    profile_id = home.add(until=date(2026, 3, 2))
    last = datetime(2026, 3, 2, 23, tzinfo=UTC)
    home.clock.set_wall(last)
    claim(home)
    assert row(home, profile_id).next_due_at is None
    end_runs(home)
    home.clock.set_wall(last + 48 * HOUR)
    assert claim(home) == []
    assert home.ops.runs.list(limit=1)[0].due_at == last


def test_an_inactive_profile_is_not_claimed(home: Home) -> None:
    home.add()
    home.ops.profiles.deactivate("p")
    home.clock.set_wall(ONE)
    assert claim(home) == []


def test_a_deleted_profile_is_not_claimed(home: Home) -> None:
    home.add()
    home.ops.profiles.delete("p")
    home.clock.set_wall(ONE)
    assert claim(home) == []


def test_an_edit_before_the_next_occurrence_takes_effect(home: Home) -> None:
    home.add()
    edited = home.ops.profiles.get("p")
    edited.every = 3
    home.ops.profiles.save("p", edited)
    home.clock.set_wall(ONE)
    assert claim(home) == []
    home.clock.set_wall(NOON + 3 * HOUR)
    claim(home)
    assert history(home) == [("queued", NOON + 3 * HOUR, "schedule")]


def test_an_edit_between_claim_and_advance_is_not_overwritten(home: Home) -> None:
    profile_id = home.add()
    home.clock.set_wall(ONE)
    claimed = claim(home, advance=False)
    edited = home.ops.profiles.get("p")
    edited.every = 5
    home.ops.profiles.save("p", edited)
    with home.core.catalogue.write() as connection:
        claims.advance(connection, claimed, now=home.clock.now())
    assert row(home, profile_id).next_due_at == datetime(2026, 3, 2, 15, tzinfo=UTC)


def test_a_switch_off_between_claim_and_advance_is_not_overwritten(home: Home) -> None:
    profile_id = home.add()
    home.clock.set_wall(ONE)
    claimed = claim(home, advance=False)
    home.ops.profiles.deactivate("p")
    with home.core.catalogue.write() as connection:
        claims.advance(connection, claimed, now=home.clock.now())
    assert row(home, profile_id).next_due_at is None


def test_after_a_full_that_goes_on_the_next_is_planned_incremental(home: Home) -> None:
    profile_id = home.add()
    home.clock.set_wall(ONE)
    claim(home)
    assert row(home, profile_id).next_kind is BackupKind.DIFFERENTIAL


def test_a_full_that_failed_before_the_advance_is_planned_full_again(home: Home) -> None:
    profile_id = home.add()
    home.clock.set_wall(ONE)
    claimed = claim(home, advance=False)
    end_runs(home, RunStatus.FAILED)
    with home.core.catalogue.write() as connection:
        claims.advance(connection, claimed, now=home.clock.now())
    assert row(home, profile_id).next_kind is BackupKind.FULL


def test_a_renewed_full_that_was_skipped_is_planned_full_again(home: Home) -> None:
    profile_id = home.add(renew_full="weekly:tue")
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    with home.core.catalogue.write() as connection:
        profiles.set_state(connection, profile_id, last_full_due_at=NOON)
        profiles.schedule(connection, [(profile_id, midnight - HOUR, BackupKind.DIFFERENTIAL)])
    home.clock.set_wall(midnight - HOUR)
    claim(home)
    assert row(home, profile_id).next_kind is BackupKind.FULL
    home.clock.set_wall(midnight)
    claim(home)
    assert home.ops.runs.list()[0].status is RunStatus.SKIPPED
    assert row(home, profile_id).next_kind is BackupKind.FULL


def test_a_clock_set_back_runs_no_occurrence_twice(home: Home) -> None:
    home.add()
    home.clock.set_wall(ONE)
    claim(home)
    end_runs(home)
    home.clock.set_wall(ONE - 30 * MINUTE)
    with home.core.catalogue.write() as connection:
        claims.refresh(connection, now=home.clock.now())
    home.clock.set_wall(ONE)
    claim(home)
    assert history(home) == [("succeeded", ONE, "schedule")]


def test_refresh_moves_what_lies_ahead_and_leaves_what_is_due(home: Home) -> None:
    ahead, due, off = home.add(name="ahead"), home.add(name="due"), home.add(name="off", active=False)
    wrong = NOON + timedelta(minutes=17)
    with home.core.catalogue.write() as connection:
        # As if a zone's rules had changed since, or the clock had been set.
        profiles.schedule(connection, [(ahead, wrong, BackupKind.FULL), (due, NOON - HOUR, BackupKind.FULL)])
        claims.refresh(connection, now=NOON)
    assert row(home, ahead).next_due_at == ONE
    assert row(home, due).next_due_at == NOON - HOUR
    assert row(home, off).next_due_at is None


def test_refresh_plans_a_profile_that_has_no_instant(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        profiles.schedule(connection, [(profile_id, None, None)])
        claims.refresh(connection, now=NOON)
    assert row(home, profile_id).next_due_at == ONE


def test_only_runs_that_wait_for_nobody_are_taken(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        ids = [
            runs.add(
                connection,
                profile_id=profile_id,
                profile="p",
                due_at=NOON + timedelta(seconds=seconds),
                kind=BackupKind.FULL,
                trigger=Trigger.MANUAL,
                owner=owner,
            )
            for seconds, owner in ((2, None), (1, None), (3, "another"), (4, "me"))
        ]
        assert claims.take_queued(connection, owner="me") == [ids[1], ids[0], ids[3]]
        assert claims.take_queued(connection, owner="third") == []


def test_a_profile_that_is_not_due_is_not_claimed_as_late(home: Home) -> None:
    # Guards against a caller that asks for the wrong rows.
    profile_id = home.add(active=False)
    with home.core.catalogue.write() as connection, pytest.raises(LookupError):
        claims._claim_late(connection, profiles.get(connection, profile_id), now=NOON, owner="me")


def test_a_name_is_free_again_once_its_profile_is_deleted(home: Home) -> None:
    first = home.add()
    home.ops.profiles.delete("p")
    second = home.add()
    assert row(home, first).deleted_at == NOON
    assert row(home, second).state is ProfileState.ACTIVE
    assert row(home, first).state is ProfileState.INACTIVE


def test_many_profiles_can_be_fetched_by_their_ids(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    with catalogue.read() as connection:
        assert profiles.by_ids(connection, range(25_000)) == []
    catalogue.close()
