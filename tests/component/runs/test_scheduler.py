"""The scheduler thread, led by a clock that moves only when told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pwsops.catalogue import Connection, claims, profiles, runs, service_state
from pwsops.clock import Clock, SystemClock
from pwsops.errors import EngineError, PwsopsError
from pwsops.operations import Operations, open_operations
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from pwsops.runs import scheduler as service_module
from pwsops.runs.liveness import Liveness
from pwsops.runs.runner import Runner
from pwsops.runs.scheduler import Service, is_running
from tests.clocks import ManualClock, wait_until
from tests.homes import HOUR, Home

MINUTE = timedelta(minutes=1)
NOON = datetime(2099, 3, 2, 12, tzinfo=UTC)
"""Far ahead: the alarms ring by the machine's own clock, and these must not; one test has the real thing."""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setattr(service_module, "WATCH_EVERY_S", 0.01)
    home.clock.set_wall(NOON)


@contextmanager
def led(home: Home, *, parallel: int = 2, clock: Clock | None = None) -> Iterator[Service]:
    """A service of this process that leads."""
    want(home, True)
    made = candidate(home, parallel=parallel, clock=clock)
    made.attach()
    try:
        yield made
    finally:
        made.detach()


def candidate(home: Home, *, parallel: int = 2, clock: Clock | None = None) -> Service:
    core = home.core
    return Service(
        core.catalogue,
        clock=clock or core.clock,
        liveness=core.liveness,
        runner=core.runner,
        parallel_runs=parallel,
    )


def want(home: Home, wanted: bool) -> None:
    with home.core.catalogue.write() as connection:
        service_state.want(connection, wanted)


def statuses(home: Home, name: str | None = None) -> list[str]:
    return [run.status.value for run in reversed(home.ops.runs.list(name, limit=None))]


def ended(home: Home, count: int, status: RunStatus = RunStatus.SUCCEEDED) -> None:
    wait_until(lambda: home.ops.runs.count(status=status) >= count, f"{count} {status.value} runs")


def test_what_is_due_runs_when_the_clock_gets_there(home: Home) -> None:
    home.add()
    with led(home):
        home.clock.advance(timedelta(minutes=59))
        assert home.ops.runs.list() == []
        home.clock.advance(MINUTE)
        ended(home, 1)
        home.clock.advance(HOUR)
        ended(home, 2)
    assert [run.due_at for run in home.ops.runs.list()] == [NOON + 2 * HOUR, NOON + HOUR]


def test_a_due_run_takes_place_by_the_alarm_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "WATCH_EVERY_S", 3600.0)
    profile_id = home.add()
    clock = SystemClock()
    with home.core.catalogue.write() as connection:
        due = clock.now() + timedelta(seconds=0.3)
        profiles.schedule(connection, [(profile_id, due, BackupKind.FULL)])
    core = home.core
    monkeypatch.setattr(claims, "refresh", lambda connection, now: None)
    want(home, True)
    made = candidate(home, clock=clock)
    made._try_to_lead()
    try:
        ended(home, 1)
    finally:
        made.detach()
    (run,) = home.ops.runs.list()
    assert run.due_at == due.replace(microsecond=run.due_at.microsecond)
    with core.catalogue.read() as connection:
        row = runs.get(connection, run.id)
    assert row is not None
    assert timedelta(0) <= row["claimed_at"] - due < timedelta(minutes=1)


def test_a_new_profile_is_taken_up_without_being_told(home: Home) -> None:
    with led(home):
        home.add()
        home.clock.advance(HOUR)
        ended(home, 1)


def test_a_run_started_by_hand_begins_at_once(home: Home) -> None:
    home.add()
    with led(home):
        run = home.ops.runs.start("p")
        assert home.ops.runs.wait(run.id, timeout_s=60).status is RunStatus.SUCCEEDED


def test_a_deleted_and_an_inactive_profile_are_left_alone(home: Home) -> None:
    for name in ("gone", "off", "on"):
        home.add(name=name)
    with led(home):
        home.ops.profiles.delete("gone")
        home.ops.profiles.deactivate("off")
        home.clock.advance(HOUR)
        ended(home, 1)
    assert {run.profile for run in home.ops.runs.list()} == {"on"}


def test_after_a_downtime_what_was_missed_is_told_and_made_up_for_once(home: Home) -> None:
    home.add()
    home.clock.advance(3 * HOUR + 10 * MINUTE)
    with led(home):
        ended(home, 1)
    assert statuses(home) == ["missed", "succeeded"]


def test_a_clock_set_forwards_is_noticed(home: Home) -> None:
    home.add()
    with led(home):
        home.clock.set_wall(NOON + 3 * HOUR + 10 * MINUTE)
        ended(home, 1)
    assert statuses(home) == ["missed", "succeeded"]


def test_a_clock_set_back_brings_what_lies_ahead_nearer_and_repeats_nothing(home: Home) -> None:
    profile_id = home.add()
    with led(home):
        home.clock.advance(HOUR)
        ended(home, 1)
        home.clock.set_wall(NOON - 30 * MINUTE)
        wait_until(lambda: due_of(home, profile_id) == NOON, "the instant worked out again")
        home.clock.advance(30 * MINUTE)
        ended(home, 2)
        home.clock.advance(HOUR)
        wait_until(lambda: due_of(home, profile_id) == NOON + 2 * HOUR, "the repeated instant passed")
    assert sorted(run.due_at for run in home.ops.runs.list()) == [NOON, NOON + HOUR]


def due_of(home: Home, profile_id: int) -> object:
    with home.core.catalogue.read() as connection:
        return profiles.get(connection, profile_id).next_due_at


def test_zones_that_changed_meanwhile_are_taken_up_at_the_start(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        profiles.schedule(connection, [(profile_id, NOON + 17 * MINUTE, BackupKind.FULL)])
    with led(home):
        assert due_of(home, profile_id) == NOON + HOUR


def test_no_more_runs_than_allowed_go_on_at_once(home: Home) -> None:
    released = home.server.hold()
    for number in range(3):
        home.add(name=f"p{number}")
    with led(home, parallel=1):
        home.clock.advance(HOUR)
        wait_until(lambda: home.ops.runs.count(status=RunStatus.RUNNING) == 1, "the first run")
        assert home.ops.runs.count(status=RunStatus.QUEUED) == 2
        released.set()
        ended(home, 3)


def test_a_run_still_going_when_the_next_is_due_has_it_skipped(home: Home) -> None:
    released = home.server.hold()
    home.add()
    with led(home):
        home.clock.advance(HOUR)
        wait_until(lambda: "running" in statuses(home), "the first run")
        home.clock.advance(HOUR)
        ended(home, 1, RunStatus.SKIPPED)
        released.set()
        ended(home, 1)
        home.clock.advance(HOUR)
        ended(home, 2)
    assert statuses(home) == ["succeeded", "skipped", "succeeded"]


def test_what_another_process_asks_to_stop_is_stopped(home: Home) -> None:
    home.server.hold()
    home.add()
    with led(home):
        run = home.ops.runs.start("p")
        assert home.server.started.wait(20)
        with home.core.catalogue.write() as connection:
            runs.change(connection, run.id, cancel_requested=True)
        ended(home, 1, RunStatus.CANCELLED)


def test_one_leads_and_the_other_takes_over_when_it_ends(home: Home) -> None:
    home.add()
    with led(home) as first:
        second = candidate(home)
        second.attach()
        assert first.leads
        assert not second.leads
        first.detach()
        wait_until(lambda: second.leads, "the takeover")
        home.clock.advance(HOUR)
        ended(home, 1)
        second.detach()
    assert not is_running(home.path)


def test_stopping_the_service_stops_it_and_starting_starts_it_again(home: Home) -> None:
    home.add()
    with led(home) as service:
        service.attach()  # a second time changes nothing
        assert is_running(home.path)
        want(home, False)
        wait_until(lambda: not is_running(home.path), "the stop")
        home.clock.advance(HOUR)
        want(home, True)
        wait_until(lambda: service.leads, "the start")
        ended(home, 1)


def test_a_service_that_is_not_wanted_does_not_lead(home: Home) -> None:
    service = candidate(home)
    service.attach()
    assert not service.leads
    assert not is_running(home.path)
    service.detach()


def test_runs_that_wait_when_a_service_ends_are_done_by_the_next(home: Home) -> None:
    home.server.hold()
    for name in ("first", "second"):
        home.add(name=name)
    with led(home, parallel=1):
        begun = home.ops.runs.start("first")
        assert home.server.started.wait(20)
        home.clock.advance(timedelta(seconds=1))
        waiting = home.ops.runs.start("second")
    assert home.ops.runs.get(begun.id).status is RunStatus.CANCELLED
    assert home.ops.runs.get(waiting.id).status is RunStatus.QUEUED
    home.server.hold().set()
    with led(home):
        ended(home, 1)
    assert home.ops.runs.get(waiting.id).status is RunStatus.SUCCEEDED


def test_a_waiting_run_of_a_dead_process_is_done(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        runs.add(
            connection,
            profile_id=profile_id,
            profile="p",
            due_at=NOON,
            kind=BackupKind.FULL,
            trigger=Trigger.MANUAL,
            owner="dead",
        )
    with led(home):
        ended(home, 1)


def test_a_process_that_dies_while_another_leads_has_its_run_settled(home: Home) -> None:
    other = Liveness(home.path)
    profile_id = home.add()
    with led(home):
        with home.core.catalogue.write() as connection:
            run_id = runs.add(
                connection,
                profile_id=profile_id,
                profile="p",
                due_at=NOON,
                kind=BackupKind.FULL,
                trigger=Trigger.MANUAL,
                owner=other.token,
            )
            runs.start(connection, run_id, owner=other.token, databases=["one"], now=NOON)
        other.close()
        home.clock.advance(timedelta(seconds=6))
        ended(home, 1, RunStatus.FAILED)


def flaky(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, times: int) -> threading.Event:
    """Let a function fail so many times; the event tells that it has."""
    original, left, failed = getattr(where, name), [times], threading.Event()

    def maybe(*args: Any, **kwargs: Any) -> Any:
        if left[0]:
            left[0] -= 1
            failed.set()
            raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)
        return original(*args, **kwargs)

    monkeypatch.setattr(where, name, maybe)
    return failed


def test_a_catalogue_that_fails_for_a_moment_loses_no_change(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.add()
    with led(home):
        failed = flaky(monkeypatch, claims, "claim", 3)
        home.ops.runs.start("p")
        assert failed.wait(20)
        ended(home, 1)


def test_a_clock_that_is_set_while_the_catalogue_fails_is_noticed_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    with led(home):
        failed = flaky(monkeypatch, claims, "refresh", 3)
        home.clock.set_wall(NOON + HOUR)
        assert failed.wait(20)
        ended(home, 1)


def test_a_service_that_cannot_begin_lets_the_lock_go_and_may_be_tried_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    want(home, True)
    flaky(monkeypatch, claims, "claim", 1)
    service = candidate(home)
    with pytest.raises(PwsopsError):
        service.attach()
    assert not is_running(home.path)
    service.attach()
    assert service.leads
    service.detach()


def test_an_alarm_that_could_not_claim_rings_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "WATCH_EVERY_S", 3600.0)  # nobody else claims meanwhile
    home.add()
    with led(home, clock=SystemClock()) as service:
        rung: list[Any] = []
        scheduler = service._scheduler
        assert scheduler is not None
        monkeypatch.setattr(scheduler, "add_job", lambda *args, **kwargs: rung.append(kwargs["run_date"]))
        flaky(monkeypatch, claims, "claim", 1)
        before = SystemClock().now()
        service._alarm()
        assert before < rung[0] < before + timedelta(seconds=30)
        rung.clear()
        service._alarm()  # and then it works, and sets the next one
        assert len(rung) == 1


def test_an_alarm_after_the_end_is_silent(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with led(home) as service:
        service.detach()
        flaky(monkeypatch, service, "_claim", 1)
        service._alarm()
        assert not service.leads


def test_an_alarm_that_comes_after_the_end_claims_nothing(home: Home) -> None:
    home.add()
    with led(home) as service:
        service.detach()
        home.clock.advance(HOUR)
        service._alarm()
    assert statuses(home) == []


def test_the_service_ends_while_an_alarm_sets_the_next(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.add()
    claiming, ending, original = threading.Event(), threading.Event(), profiles.earliest_due

    def slow(connection: Connection) -> datetime | None:
        if threading.current_thread().name.startswith("ThreadPoolExecutor"):
            claiming.set()
            # Ending has to wait for this claim, not this claim for the end.
            ending.wait(0.2)
        return original(connection)

    class Scheduler(service_module.BackgroundScheduler):
        def shutdown(self, wait: bool = True) -> None:
            ending.set()
            super().shutdown(wait)

    monkeypatch.setattr(service_module, "BackgroundScheduler", Scheduler)
    with led(home) as service:
        monkeypatch.setattr(profiles, "earliest_due", slow)
        scheduler = service._scheduler
        assert scheduler is not None
        scheduler.add_job(service._alarm)
        assert claiming.wait(20)
        end = threading.Thread(target=service.detach, daemon=True)
        end.start()
        end.join(20)
        assert not end.is_alive()
    assert not is_running(home.path)


def test_a_run_that_could_not_be_carried_out_does_not_end_the_service(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    failed = flaky(monkeypatch, Runner, "_start", 1)
    with led(home) as service:
        home.clock.advance(HOUR)
        assert failed.wait(20)
        wait_until(lambda: service._to_put_back, "the failed run to be let go")
        home.clock.advance(HOUR)
        ended(home, 1)


def test_when_nothing_lies_ahead_no_alarm_is_set(home: Home) -> None:
    home.add()
    with led(home) as service:
        scheduler = service._scheduler
        assert scheduler is not None
        wait_until(lambda: scheduler.get_jobs(), "the alarm")
        home.ops.profiles.delete("p")
        wait_until(lambda: not scheduler.get_jobs(), "no alarm")


def test_several_alarms_due_at_once_are_none_dropped(home: Home) -> None:
    with led(home) as service:
        assert service._scheduler is not None
        assert service._scheduler._job_defaults["max_instances"] > 1


# The switch


@contextmanager
def second_process(home: Home) -> Iterator[Operations]:
    """The same home, opened as if from elsewhere."""
    other = open_operations(home.path, actor="bob", clock=SystemClock())
    try:
        yield other
    finally:
        other.close()


def test_without_a_process_the_service_cannot_be_started(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with second_process(home) as other:
        other.service._context.core.clock = Hurried()
        with pytest.raises(PwsopsError, match="no process is there") as caught:
            other.service.start()
        assert "service run" in caught.value.hint
        view = other.service.status()
    assert (view.running, view.here, view.pid) == (False, False, None)
    assert view.why_not == "The backup service is stopped."


class Hurried(ManualClock):
    """A clock by which every look takes a second."""

    def monotonic(self) -> float:
        self.advance(seconds=1)
        return super().monotonic()


def test_the_service_is_stopped_and_started_from_another_process(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.operations.service.NOBODY_S", 60.0)
    home.ops.service.attach()
    home.ops.service.attach()
    assert home.ops.service.status().here
    with second_process(home) as other:
        view = other.service.status()
        assert (view.running, view.here, view.since) == (True, False, NOON)
        assert not other.service.stop().running
        wait_until(lambda: not home.ops.service.status().here, "the stop")
        assert "stopped" in home.ops.service.status().why_not
        # The process that can run it is there, so it can be started as well.
        assert other.service.start().running
        assert [(entry.actor, entry.action) for entry in other.audit.list(limit=2)] == [
            ("bob", "start service"),
            ("bob", "stop service"),
        ]


def test_a_service_that_does_not_answer_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with second_process(home) as other:
        holder = service_module.FileLock(home.path / service_module.LOCK_FILE, thread_local=False)
        with holder:
            want(home, True)
            other.service._context.core.clock = Hurried()
            with pytest.raises(PwsopsError, match="has not answered") as caught:
                other.service.stop()
    assert caught.value.transient


def test_where_it_is_wanted_and_nobody_is_there_that_is_said(home: Home) -> None:
    want(home, True)
    assert "no process is there" in home.ops.service.status().why_not


def test_the_foreground_service_runs_until_it_is_told_to_stop(home: Home) -> None:
    home.add()
    stop = threading.Event()
    thread = threading.Thread(target=home.ops.service.run, args=(stop,), daemon=True)
    thread.start()
    wait_until(lambda: home.ops.service.status().here, "the service")
    assert home.ops.service.status().next_due_at == NOON + HOUR
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert not is_running(home.path)


def test_the_foreground_service_ends_when_somebody_stops_it(home: Home) -> None:
    thread = threading.Thread(target=home.ops.service.run, args=(threading.Event(),), daemon=True)
    thread.start()
    wait_until(lambda: home.ops.service.status().here, "the service")
    want(home, False)
    thread.join(20)
    assert not thread.is_alive()


def test_the_foreground_service_survives_a_catalogue_that_fails_for_a_moment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=home.ops.service.run, args=(stop,), daemon=True)
    thread.start()
    wait_until(lambda: home.ops.service.status().here, "the service")
    failed = flaky(monkeypatch, service_state, "load", 20)
    assert failed.wait(20)
    with monkeypatch.context():
        home.add()
        home.clock.advance(HOUR)
        ended(home, 1)
    assert thread.is_alive()
    stop.set()
    thread.join(20)


def test_closing_ends_this_processs_part(home: Home) -> None:
    home.ops.service.attach()
    assert is_running(home.path)
    home.ops.close()
    assert not is_running(home.path)


# Starting and waiting by hand


def test_a_start_is_refused_while_the_service_is_stopped(home: Home) -> None:
    home.add()
    with pytest.raises(PwsopsError, match="service is stopped") as caught:
        home.ops.runs.start("p")
    assert "--here" in caught.value.hint
    assert home.ops.runs.list() == []


def test_a_second_start_is_a_conflict_while_the_first_goes_on(home: Home) -> None:
    home.server.hold()
    home.add()
    with led(home):
        run = home.ops.runs.start("p")
        home.clock.advance(timedelta(seconds=1))
        with pytest.raises(PwsopsError, match=f"under way already .run {run.id}"):
            home.ops.runs.start("p")


def test_waiting_tells_what_changes_and_gives_up_in_time(home: Home) -> None:
    released = home.server.hold()
    home.add()
    seen: list[RunStatus] = []
    with led(home):
        run = home.ops.runs.start("p")
        assert home.server.started.wait(20)
        home.core.clock = Hurried(home.clock.now())
        with pytest.raises(PwsopsError, match="has not ended yet") as caught:
            home.ops.runs.wait(run.id, timeout_s=2)
        assert caught.value.transient
        home.core.clock = home.clock
        threading.Thread(target=released.set).start()
        assert home.ops.runs.wait(run.id, lambda view: seen.append(view.status)).status is RunStatus.SUCCEEDED


def test_waiting_for_a_run_whose_turn_never_comes_is_refused(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        run_id = runs.add(
            connection,
            profile_id=profile_id,
            profile="p",
            due_at=NOON,
            kind=BackupKind.FULL,
            trigger=Trigger.MANUAL,
            owner=None,
        )
    with pytest.raises(PwsopsError, match="service has stopped"):
        home.ops.runs.wait(run_id)


def test_five_failures_by_schedule_switch_a_profile_off(home: Home) -> None:
    home.server.fail("one", EngineError("broken", hint="Mend it."), times=9)
    home.add()
    with led(home):
        for count in range(1, 6):
            home.clock.advance(HOUR)
            ended(home, count, RunStatus.FAILED)
        home.clock.advance(3 * HOUR)
    assert statuses(home) == ["failed"] * 5
    assert home.ops.profiles.view("p").state.value == "tripped"
